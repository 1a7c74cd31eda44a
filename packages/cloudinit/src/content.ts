// The encodings of write_files: base64, gzip, both.
import { gunzipSync, constants } from 'node:zlib';

export type ContentResult =
  { readonly ok: true; readonly bytes: Buffer } | { readonly ok: false; readonly reason: string };

/** The most that a compressed file may grow to. */
const bytesMax = 64 * 1024 * 1024;

/** `text` as written in the config; an empty encoding is plain text. */
export function decodeContent(text: string, encoding: string): ContentResult {
  switch (encoding) {
    case '':
      return { ok: true, bytes: Buffer.from(text) };
    case 'b64':
    case 'base64':
      return decodeBase64(text);
    case 'gz':
    case 'gzip':
      return decodeGzip(Buffer.from(text, 'latin1'));
    case 'gz+b64':
    case 'gz+base64':
    case 'gzip+b64':
    case 'gzip+base64': {
      const packed = decodeBase64(text);
      return packed.ok ? decodeGzip(packed.bytes) : packed;
    }
    default:
      return { ok: false, reason: `Unsupported encoding ${JSON.stringify(encoding)}` };
  }
}

function decodeBase64(text: string): ContentResult {
  const plain = text.replace(/[\r\n]/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(plain) || plain.length % 4 !== 0) {
    return { ok: false, reason: 'Unable to decode base64: illegal base64 data' };
  }
  return { ok: true, bytes: Buffer.from(plain, 'base64') };
}

function decodeGzip(bytes: Buffer): ContentResult {
  try {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: bytesMax };
    return { ok: true, bytes: gunzipSync(bytes, options) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `Unable to decode gzip: ${JSON.stringify(why)}` };
  }
}
