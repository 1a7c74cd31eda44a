import { describe, expect, it } from 'vitest';
import { environmentVariables, substitute, unresolvedNames } from '../src/substitute.js';

const addresses = { privateIpv4: '10.0.0.1', publicIpv4: '1.2.3.4', privateIpv6: '::1' };

describe('substitution', () => {
  it.each([
    ['http://$private_ipv4:2379', 'http://10.0.0.1:2379'],
    ['$private_ipv4', '10.0.0.1'],
    ['$public_ipv6|', '|'],
    ['# $public_ipv4x', '# 1.2.3.4x'],
    ['${private_ipv4} $PRIVATE_IPV4', '${private_ipv4} $PRIVATE_IPV4'],
    ['\\$private_ipv4', '$private_ipv4'],
    ['\\\\$private_ipv4', '\\$private_ipv4'],
    ['\\$other \\n', '\\$other \\n'],
    // The character before the dollar sign is consumed, so the second of a pair stays.
    ['$public_ipv4$public_ipv4', '1.2.3.4$public_ipv4'],
    ['$public_ipv4$private_ipv4', '1.2.3.410.0.0.1'],
  ])('%j becomes %j', (text, wanted) => {
    expect(substitute(text, addresses)).toBe(wanted);
  });

  it('takes an address as it is, whatever it holds', () => {
    expect(substitute('a $private_ipv4', { privateIpv4: "$& $1 $'" })).toBe("a $& $1 $'");
  });

  it('tells which names would become nothing', () => {
    const text = 'a $private_ipv4 $public_ipv4 \\$public_ipv6 $private_ipv6';

    expect(unresolvedNames(text, { privateIpv4: '10.0.0.1', publicIpv4: '' })).toEqual([
      '$public_ipv4',
      '$private_ipv6',
    ]);
  });

  it('gives the variables of the addresses that are there', () => {
    expect(environmentVariables({ privateIpv4: '10.0.0.1', publicIpv4: '' })).toEqual([
      ['COREOS_PRIVATE_IPV4', '10.0.0.1'],
    ]);
  });
});
