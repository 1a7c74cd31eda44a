import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseForm, unescape } from '../../src/http/form.js';

function values(text: string): Record<string, string> {
  const result = parseForm(text);
  if (!result.ok) throw new Error(result.message);
  return Object.fromEntries(result.values);
}

describe('forms and queries', () => {
  it('are read back as what a browser writes', () => {
    const names = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
    const pairs = fc.uniqueArray(fc.tuple(names, fc.string({ unit: 'grapheme' })), {
      selector: ([name]) => name,
    });
    fc.assert(
      fc.property(pairs, (wanted) => {
        const written = new URLSearchParams(
          wanted.map(([name, value]): [string, string] => [name, value]),
        );

        expect(values(written.toString())).toEqual(Object.fromEntries(wanted));
      }),
    );
  });

  it.each([
    ['', {}],
    ['a', { a: '' }],
    ['a=', { a: '' }],
    ['=x', { '': 'x' }],
    ['a=1&a=2', { a: '1' }],
    ['&&a=1&', { a: '1' }],
    ['a=1;b=2&c=3', { a: '1', b: '2', c: '3' }],
    ['a=b=c', { a: 'b=c' }],
    ['a=x+y%2B', { a: 'x y+' }],
  ])('%j is %j', (text, wanted) => {
    expect(values(text)).toEqual(wanted);
  });

  it.each([
    ['a=%zz', 'invalid URL escape "%zz"'],
    ['a=%2', 'invalid URL escape "%2"'],
    ['%=1', 'invalid URL escape "%"'],
  ])('%j is refused with Go’s words', (text, message) => {
    expect(parseForm(text)).toEqual({ ok: false, message });
  });

  it('bytes that are no UTF-8 become U+FFFD, each', () => {
    expect(unescape('a%ff%fe%C3%A9é', false)).toBe('a\ufffd\ufffdéé');
  });

  it('a plus is a blank in a form and a plus in a path', () => {
    expect(unescape('a+b', true)).toBe('a b');
    expect(unescape('a+b', false)).toBe('a+b');
  });
});
