import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readUtf8, utf8LengthMax, writeUtf8 } from '../src/utf8.js';

function encode(text: string): Uint8Array {
  const target = new Uint8Array(utf8LengthMax(text) + 2);
  return target.slice(1, writeUtf8(text, target, 1));
}

function decode(bytes: readonly number[]): string | undefined {
  return readUtf8(Uint8Array.from(bytes), 0, bytes.length);
}

describe('UTF-8', () => {
  it('is what the platform writes, for every well-formed string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(Buffer.from(encode(text))).toEqual(Buffer.from(text, 'utf8'));
        const bytes = encode(text);
        expect(readUtf8(bytes, 0, bytes.length)).toBe(text);
      }),
    );
  });

  it('carries any sequence of UTF-16 units, lone surrogates too', () => {
    const unit = fc.oneof(
      fc.integer({ min: 0xd700, max: 0xe0ff }),
      fc.integer({ max: 0xffff, min: 0 }),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 50 }), (units) => {
        const text = String.fromCharCode(...units);
        const bytes = encode(text);
        expect(readUtf8(bytes, 0, bytes.length)).toBe(text);
      }),
    );
  });

  it.each([4095, 4096, 4097, 10_000])('carries %d units of each width', (length) => {
    for (const unit of ['a', 'é', '€', '😀']) {
      const text = unit.repeat(length);
      const bytes = encode(text);
      expect(readUtf8(bytes, 0, bytes.length)).toBe(text);
    }
  });

  it.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an overlong three-byte form', [0xe0, 0x80, 0xaf]],
    ['an overlong four-byte form', [0xf0, 0x80, 0x80, 0xaf]],
    ['a sequence that is cut off', [0x61, 0xe2, 0x82]],
    ['a lead byte before a plain one', [0xc3, 0x61]],
    ['a point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a byte that UTF-8 never uses', [0xff]],
  ])('refuses %s', (_name, bytes) => {
    expect(decode(bytes)).toBeUndefined();
  });
});
