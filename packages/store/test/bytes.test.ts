import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../src/bytes.js';
import { crc32 } from '../src/crc32.js';

function fail(reason: string): never {
  throw new Error(reason);
}

function readerOf(bytes: Uint8Array): ByteReader {
  return new ByteReader(bytes, 0, bytes.length, fail);
}

describe('ByteWriter and ByteReader', () => {
  it('carry integers up to 2^53 - 1, floats and strings', () => {
    const value = fc.record({
      integer: fc.maxSafeNat(),
      float: fc.double({ noNaN: true }),
      text: fc.string({ unit: 'binary', maxLength: 300 }),
    });
    fc.assert(
      fc.property(fc.array(value), (values) => {
        const writer = new ByteWriter(3);
        for (const each of values) {
          writer.integer(each.integer);
          writer.float(each.float);
          writer.string(each.text);
        }
        const reader = new ByteReader(writer.take(), 3, 3 + writerLength(values), fail);
        for (const each of values) {
          expect(reader.integer()).toBe(each.integer);
          expect(reader.float()).toBe(each.float);
          expect(reader.string()).toBe(each.text);
        }
      }),
    );

    function writerLength(values: readonly { integer: number; float: number; text: string }[]) {
      const writer = new ByteWriter(0);
      for (const each of values) {
        writer.integer(each.integer);
        writer.float(each.float);
        writer.string(each.text);
      }
      return writer.length;
    }
  });

  it.each([
    ['an integer above 2^53', [255, 255, 255, 255, 255, 255, 255, 127], 'too large'],
    ['an integer that goes on and on', [255, 255, 255, 255, 255, 255, 255, 255], 'does not end'],
    ['an integer that is cut off', [255], 'cut off'],
  ])('refuse %s', (_name, bytes, reason) => {
    expect(() => readerOf(Uint8Array.from(bytes)).integer()).toThrow(reason);
  });

  it('refuse a string longer than what is there', () => {
    expect(() => readerOf(Uint8Array.from([200, 1, 97])).string()).toThrow('cut off');
    expect(() => readerOf(Uint8Array.from([1, 0xff])).string()).toThrow('not UTF-8');
  });
});

describe('crc32', () => {
  it('has the known check value', () => {
    expect(crc32(Buffer.from('123456789'), 0, 9)).toBe(0xcbf43926);
    expect(crc32(Buffer.from(''), 0, 0)).toBe(0);
    expect(crc32(Buffer.from('xx123456789x'), 2, 11)).toBe(0xcbf43926);
  });
});
