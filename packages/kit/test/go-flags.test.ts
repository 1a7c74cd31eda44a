// Go's command-line dialect, case by case as package flag decides it.
import { describe, expect, it } from 'vitest';
import { goFlagsMessage, parseGoBoolean, parseGoFlags } from '../src/go-flags.js';

const known = new Map([
  ['name', { boolean: false }],
  ['v', { boolean: true }],
]);

function parsed(...words: string[]): unknown {
  const result = parseGoFlags(words, known);
  if (!result.ok) return goFlagsMessage(result.problem);
  return { values: Object.fromEntries(result.flags.values), rest: result.flags.rest };
}

describe('parseGoFlags', () => {
  it.each([
    [['-name', 'a'], { name: 'a' }, []],
    [['--name', 'a'], { name: 'a' }, []],
    [['-name=a=b'], { name: 'a=b' }, []],
    [['--name='], { name: '' }, []],
    [['-name', '-v'], { name: '-v' }, []],
    [['-name', '--'], { name: '--' }, []],
    [['-name', 'a', '--name=b'], { name: 'b' }, []],
    [['-v', 'false'], { v: 'true' }, ['false']],
    [['-v=false'], { v: 'false' }, []],
    [['-v', '--', '-name'], { v: 'true' }, ['-name']],
    [['word', '-v'], {}, ['word', '-v']],
    [['-', '-v'], {}, ['-', '-v']],
    [['', '-v'], {}, ['', '-v']],
    [[], {}, []],
  ])('reads %j', (words, values, rest) => {
    expect(parsed(...words)).toEqual({ values, rest });
  });

  it.each([
    [['-bogus'], 'flag provided but not defined: -bogus'],
    [['--bogus=1'], 'flag provided but not defined: -bogus'],
    [['-v', '-name'], 'flag needs an argument: -name'],
    [['---v'], 'bad flag syntax: ---v'],
    [['-=x'], 'bad flag syntax: -=x'],
    [['--=x'], 'bad flag syntax: --=x'],
    [['-h'], 'help requested'],
    [['--help'], 'help requested'],
  ])('refuses %j', (words, message) => {
    expect(parsed(...words)).toBe(message);
  });

  it('a declared h is a flag like any other', () => {
    const result = parseGoFlags(['-h', 'x'], new Map([['h', { boolean: false }]]));

    expect(result.ok && result.flags.values.get('h')).toBe('x');
  });
});

it.each([
  ['1 t T TRUE true True', true],
  ['0 f F FALSE false False', false],
  ['yes no on tRUE 2 -1 truefalse', undefined],
])('reads %s as %j, as strconv.ParseBool does', (words, value) => {
  expect(words.split(' ').map(parseGoBoolean)).toEqual(words.split(' ').map(() => value));
});

it('no text at all is no boolean', () => {
  expect(parseGoBoolean('')).toBeUndefined();
});
