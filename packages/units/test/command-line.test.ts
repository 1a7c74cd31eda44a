import { describe, expect, it } from 'vitest';
import {
  expandWords,
  parseEnvironment,
  parseEnvironmentFile,
  parseExecLine,
  splitWords,
} from '../src/command-line.js';
import { expandSpecifiers } from '../src/specifiers.js';

describe('words', () => {
  it.each([
    ['a  b\tc', ['a', 'b', 'c']],
    [`'a b' "c d" e`, ['a b', 'c d', 'e']],
    [`x='a b'"c"`, ['x=a bc']],
    [`'' ""`, ['', '']],
    ['e\\ f', ['e\\ f']],
    ['a\\tb \\s \\x41\\101\\u00e9 \\"', ['a\tb', ' ', 'AAé', '"']],
    ['a;b \\\\', ['a;b', '\\']],
    [`"it's" '"'`, ["it's", '"']],
  ])('%s are %j', (text, wanted) => {
    expect(splitWords(text)).toEqual(wanted);
  });

  it('with an open quote are refused', () => {
    expect(() => splitWords('a "b')).toThrow(expect.objectContaining({ code: 'E_UNIT_FILE' }));
  });
});

describe('an Exec line', () => {
  it.each([
    ['/bin/a b', [{ path: '/bin/a', words: ['b'], ignoreFailure: false, expands: true }]],
    ['-/bin/a', [{ path: '/bin/a', words: [], ignoreFailure: true }]],
    ['-@/bin/a name b', [{ path: '/bin/a', argv0: 'name', words: ['b'], ignoreFailure: true }]],
    ['+:/bin/a $X', [{ path: '/bin/a', words: ['$X'], expands: false }]],
    [
      '/bin/a 1 ; -/bin/b 2',
      [
        { path: '/bin/a', words: ['1'], ignoreFailure: false },
        { path: '/bin/b', words: ['2'], ignoreFailure: true },
      ],
    ],
    [`/bin/a \\; ";" x`, [{ path: '/bin/a', words: [';', ';', 'x'] }]],
  ])('%s is read', (text, wanted) => {
    expect(parseExecLine(text, 'a:1')).toMatchObject(wanted);
  });

  it.each([
    ['bin/a', 'E_UNIT_FILE', 'a:1: "bin/a" does not begin with an absolute path'],
    [
      '!/bin/a',
      'E_UNIT_UNSUPPORTED',
      'a:1: the prefix "!" is not supported by the embedded supervisor',
    ],
    ['@/bin/a', 'E_UNIT_FILE', 'a:1: "@" needs a second word, the process\'s name'],
    ['/bin/a "x', 'E_UNIT_FILE', 'a:1: unbalanced " in: /bin/a "x'],
  ])('%s is refused', (text, code, message) => {
    expect(() => parseExecLine(text, 'a:1')).toThrow(expect.objectContaining({ code, message }));
  });
});

describe('variables', () => {
  it.each([
    ['${X}', ['a b']],
    ['p-${X}-${NONE}-s', ['p-a b--s']],
    ['${NONE}', ['']],
    ['$X', ['a', 'b']],
    ['$NONE', []],
    ['$Q', ['c d', 'e']],
    ['$OPEN', ['"x', 'y']],
    ['r=$X', ['r=$X']],
    ['$$X $$', ['$X $']],
  ])('in the word %s give %j', (word, wanted) => {
    const environment = { X: 'a b', Q: '"c d" e', OPEN: '"x y' };

    expect(expandWords([word], environment)).toEqual(wanted);
  });
});

describe('Environment=', () => {
  it('is a list of assignments with quotes', () => {
    expect(parseEnvironment(`"X=a b" Y=c 'Z=it is' bad 1=x A=b=c`)).toEqual([
      ['X', 'a b'],
      ['Y', 'c'],
      ['Z', 'it is'],
      ['A', 'b=c'],
    ]);
  });

  it('is expanded after it is split', () => {
    expect(parseEnvironment('A=%x', (word) => word.replace('%x', 'a b'))).toEqual([['A', 'a b']]);
  });
});

describe('an EnvironmentFile', () => {
  it.each([
    [
      '# c\n; c\nA=1\n\nB = 2 # kept ',
      [
        ['A', '1'],
        ['B', '2 # kept'],
      ],
    ],
    ['export A=1\nB=2', [['B', '2']]],
    [
      `A="x # y"\nB='z'\n`,
      [
        ['A', 'x # y'],
        ['B', 'z'],
      ],
    ],
    [
      'A="two\nlines"\nB=1',
      [
        ['A', 'two\nlines'],
        ['B', '1'],
      ],
    ],
    [
      'A=one \\\ntwo\nB=1',
      [
        ['A', 'one two'],
        ['B', '1'],
      ],
    ],
    ['A="a\\"b\\n"', [['A', 'a"b\\n']]],
    ['A=it\'s "so"', [['A', 'it\'s "so"']]],
    ['A=\\$x$Y', [['A', '$x$Y']]],
    [
      'A=1\r\nB=2\r\n',
      [
        ['A', '1'],
        ['B', '2'],
      ],
    ],
    ['no equals\n=x\n1A=x\nA=', [['A', '']]],
    ['A="open', [['A', 'open']]],
  ])('%j gives %j', (text, wanted) => {
    expect(parseEnvironmentFile(text)).toEqual(wanted);
  });
});

describe('specifiers', () => {
  const values = {
    unit: 't-1@a-b\\x2dc.service',
    hostname: 'n1.example',
    machineId: 'm',
    bootId: 'b',
  };

  it.each([
    ['%n', 't-1@a-b\\x2dc.service'],
    ['%N', 't-1@a-b\\x2dc'],
    ['%p %P', 't-1 t/1'],
    ['%i %I', 'a-b\\x2dc a/b-c'],
    ['%f', '/a/b-c'],
    ['%j', '1'],
    ['%H %l', 'n1.example n1'],
    ['%m %b', 'm b'],
    ['100%%', '100%'],
    ['%t %S %u', '/run /var/lib root'],
  ])('%s is %s', (text, wanted) => {
    expect(expandSpecifiers(text, values, 'a')).toBe(wanted);
  });

  it.each(['%z', '50%'])('%s is refused', (text) => {
    expect(() => expandSpecifiers(text, values, 'a')).toThrow(
      expect.objectContaining({ code: 'E_UNIT_FILE' }),
    );
  });
});
