import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goJson, goString } from '../../src/http/json.js';

const text = fc.string({ unit: 'binary', maxLength: 40 });

describe('JSON as Go writes it', () => {
  it('is read back as what was written, whatever the text', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(JSON.parse(goString(value))).toBe(value);
        expect(JSON.parse(goJson({ value }))).toEqual({ value });
      }),
    );
  });

  it('keeps a backslash that stands before a b or an f', () => {
    expect(goString('C:\\bin\\files')).toBe('"C:\\\\bin\\\\files"');
  });

  it.each([
    ['<a href="x">&', '"\\u003ca href=\\"x\\"\\u003e\\u0026"'],
    ['\b\f\u0001\u007f', '"\\u0008\\u000c\\u0001\u007f"'],
    ['\t\n\r', '"\\t\\n\\r"'],
    ['\u2028\u2029', '"\\u2028\\u2029"'],
    ['\ufffd', '"\\ufffd"'],
    ['é€😀', '"é€😀"'],
  ])('writes %j as %s', (value, written) => {
    expect(goString(value)).toBe(written);
  });
});
