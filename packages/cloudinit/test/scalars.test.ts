import { describe, expect, it } from 'vitest';
import { plainScalar } from '../src/scalars.js';
import { readTree } from '../src/tree.js';

describe('an unquoted scalar', () => {
  const booleans =
    'y Y yes Yes YES true True TRUE on On ON n N no No NO false False FALSE off Off OFF';

  it.each(booleans.split(' '))('%s is a boolean', (text) => {
    expect(plainScalar(text)).toEqual({ type: 'bool', value: /^(y|t|on)/i.test(text) });
  });

  it.each(['', '~', 'null', 'Null', 'NULL'])('"%s" is null', (text) => {
    expect(plainScalar(text)).toEqual({ type: 'null' });
  });

  it.each([
    ['0', 0n],
    ['12', 12n],
    ['+12', 12n],
    ['-0644', -420n],
    ['0644', 420n],
    ['0o17', 15n],
    ['0x10', 16n],
    ['0b101', 5n],
    ['1_000', 1000n],
    ['18446744073709551615', 18446744073709551615n],
  ])('%s is the integer %s', (text, value) => {
    expect(plainScalar(text)).toEqual({ type: 'int', value });
  });

  it.each([
    ['08', 8],
    ['0999', 999],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['1.', 1],
    ['1e3', 1000],
    ['-1.5E-2', -0.015],
    ['.inf', Infinity],
    ['-.INF', -Infinity],
    ['.NaN', Number.NaN],
  ])('%s is the float %s', (text, value) => {
    expect(plainScalar(text)).toEqual({ type: 'float', value });
  });

  // No base 60 and no dates: the original's library has neither.
  it.each(['20:30', '190:20:30', '2015-01-01', '2015-01-01T00:00:00Z', 'yEs', 'nUll', 'etcd-lock'])(
    '%s is text',
    (text) => {
      expect(plainScalar(text)).toEqual({ type: 'string', value: text });
    },
  );

  it.each(['0x', '0o', '0b2', '1.2.3', '-', '+', '.', '1e', '--1', '0xfg'])(
    '%s is text',
    (text) => {
      expect(plainScalar(text).type).toBe('string');
    },
  );
});

describe('a scalar in a document', () => {
  function valueOf(yaml: string): unknown {
    const result = readTree(`a: ${yaml}\n`);
    if (!result.ok || result.root.kind !== 'map') throw new Error('no map');
    const value = result.root.entries[0]!.value;
    return value.kind === 'scalar' ? [value.type, value.text] : value.kind;
  }

  it.each([
    ["'0644'", ['string', '0644']],
    ['"off"', ['string', 'off']],
    ['0644', ['int', '0644']],
    ['!!str 0644', ['string', '0644']],
    ['!!str off', ['string', 'off']],
    ['!!int "5"', ['int', '5']],
    ['!!binary aGVsbG8=', ['string', 'hello']],
    ['~', 'null'],
    ['!foo bar', ['string', 'bar']],
    ['"a\\tb"', ['string', 'a\tb']],
    ['|\n  two\n  lines', ['string', 'two\nlines\n']],
    ['>-\n  two\n  lines', ['string', 'two lines']],
  ])('%s is %j', (yaml, wanted) => {
    expect(valueOf(yaml)).toEqual(wanted);
  });
});
