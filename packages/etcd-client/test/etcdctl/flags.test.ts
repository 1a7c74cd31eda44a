// The command line of etcdctl.
import { describe, expect, it } from 'vitest';
import {
  EtcdctlUsageError,
  commands,
  helpText,
  parseCommandLine,
  readDuration,
  readNumber,
} from '../../src/etcdctl/flags.js';

function parsed(line: string): unknown {
  try {
    const { global, command, flags, words } = parseCommandLine(line.split(' ').filter(Boolean));
    const values = [Object.fromEntries(global), command, Object.fromEntries(flags), words];
    return values;
  } catch (error) {
    if (!(error instanceof EtcdctlUsageError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

describe('a command line', () => {
  it.each<[string, unknown]>([
    ['get /a', [{}, 'get', {}, ['/a']]],
    [
      '--no-sync -o json get --quorum /a',
      [{ 'no-sync': 'true', o: 'json' }, 'get', { quorum: 'true' }, ['/a']],
    ],
    ['--endpoints=a,b ls', [{ endpoints: 'a,b' }, 'ls', {}, []]],
    ['set /a 1 --ttl 60', [{}, 'set', { ttl: '60' }, ['/a', '1']]],
    ['set /a --ttl=60 1', [{}, 'set', { ttl: '60' }, ['/a', '1']]],
    ['ls / --recursive -p', [{}, 'ls', { recursive: 'true', p: 'true' }, ['/']]],
    ['set -- /a -5', [{}, 'set', {}, ['/a', '-5']]],
    ['set /a -- --ttl', [{}, 'set', {}, ['/a', '--ttl']]],
    ['set /a -5', [{}, 'set', {}, ['/a', '-5']]],
    ['set /a -', [{}, 'set', {}, ['/a', '-']]],
    ['set /a --swap-with-value=a=b', [{}, 'set', { 'swap-with-value': 'a=b' }, ['/a']]],
    ['member list', [{}, 'member list', {}, []]],
    ['member add n4 http://p', [{}, 'member add', {}, ['n4', 'http://p']]],
    ['', [{}, '', {}, []]],
  ])('%j is read as etcdctl reads it', (line, expected) => {
    expect(parsed(line)).toEqual(expected);
  });

  it.each([
    ['--bogus get /a', 'flag provided but not defined: -bogus'],
    ['ls --bogus /', 'flag provided but not defined: -bogus'],
    ['set /a 1 --ttl', 'flag needs an argument: -ttl'],
    ['--cert-file x get /a', 'flag provided but not defined: -cert-file (it is not there yet)'],
    ['exec-watch /a -- true', 'etcdctl exec-watch is not there yet'],
  ])('%j is refused with a reason', (line, message) => {
    expect(parsed(line)).toBe(`E_ETCDCTL_USAGE: ${message}`);
  });

  it('every command is in the help', () => {
    const missing = Object.keys(commands).filter((name) => {
      const word = name.split(' ').at(-1) ?? '';
      return !new RegExp(`\\b${word}\\b`).test(helpText);
    });

    expect(missing).toEqual([]);
  });
});

it.each<[string, number | string]>([
  ['500ms', 500],
  ['2s', 2_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['5', 'invalid value "5" for flag -timeout: parse error'],
  ['s', 'invalid value "s" for flag -timeout: parse error'],
])('the duration %s is %s', (text, expected) => {
  const line = parseCommandLine(['--timeout', text, 'get', '/a']);
  const read = (): number => readDuration(line, 'timeout', 7);

  if (typeof expected === 'number') expect(read()).toBe(expected);
  else expect(read).toThrow(expected);
});

it('a number that is none is refused by the name of its flag', () => {
  const line = parseCommandLine(['set', '--ttl', 'abc', '/a', '1']);

  expect(() => readNumber(line, 'ttl')).toThrow('invalid value "abc" for flag -ttl: parse error');
  expect(readNumber(line, 'swap-with-index')).toBe(0);
  expect(readDuration(line, 'timeout', 7)).toBe(7);
});
