import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeContent } from '../src/content.js';

const packed = gzipSync('hello\n');
const packedText = packed.toString('base64');

describe('the content of a file', () => {
  it.each(['base64', 'b64'])('in %s is decoded, line ends left out', (encoding) => {
    expect(decodeContent(Buffer.from('aGVs\r\nbG8K\n'), encoding)).toEqual({
      ok: true,
      bytes: Buffer.from('hello\n'),
    });
  });

  it.each(['gz+base64', 'gzip+base64', 'gz+b64', 'gzip+b64'])('in %s is unpacked', (encoding) => {
    expect(decodeContent(Buffer.from(packedText), encoding)).toEqual({
      ok: true,
      bytes: Buffer.from('hello\n'),
    });
  });

  it.each(['gz', 'gzip'])('in %s is unpacked from raw bytes', (encoding) => {
    expect(decodeContent(packed, encoding)).toEqual({ ok: true, bytes: Buffer.from('hello\n') });
  });

  it('that was cut gives what is there', () => {
    const long = Buffer.from('abcdefgh'.repeat(10_000));
    const cut = gzipSync(long, { level: 0 }).subarray(0, 70_000);

    const result = decodeContent(cut, 'gzip');

    expect(result.ok && result.bytes.length > 60_000).toBe(true);
    expect(result.ok && long.subarray(0, result.bytes.length).equals(result.bytes)).toBe(true);
  });

  it.each([
    ['aGVsbG8', 'base64', 'Unable to decode base64: "illegal base64 data at input byte 4"'],
    ['aGVs bG8=', 'b64', 'Unable to decode base64: "illegal base64 data at input byte 4"'],
    ['plain text', 'gzip', 'Unable to decode gzip: "gzip: invalid header"'],
    ['', 'gzip', 'Unable to decode gzip: "unexpected EOF"'],
    ['x', 'Base64', 'Unsupported encoding "Base64"'],
  ])('%j in %s is refused: %s', (text, encoding, reason) => {
    expect(decodeContent(Buffer.from(text), encoding)).toEqual({ ok: false, reason });
  });

  it('of nothing is valid base64', () => {
    expect(decodeContent(Buffer.alloc(0), 'base64')).toEqual({ ok: true, bytes: Buffer.alloc(0) });
  });
});
