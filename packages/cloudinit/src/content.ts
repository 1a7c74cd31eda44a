// The encodings of write_files: base64, gzip, both.
import { gunzipSync, constants } from 'node:zlib';

export type ContentResult =
  { readonly ok: true; readonly bytes: Buffer } | { readonly ok: false; readonly reason: string };

/** The most that a compressed file may grow to. */
const bytesMax = 64 * 1024 * 1024;

/** `bytes` as the config has them; an empty encoding is plain text. */
export function decodeContent(bytes: Buffer, encoding: string): ContentResult {
  switch (encoding) {
    case '':
      return { ok: true, bytes };
    case 'b64':
    case 'base64':
      return decodeBase64(bytes.toString('latin1'));
    case 'gz':
    case 'gzip':
      return decodeGzip(bytes);
    case 'gz+b64':
    case 'gz+base64':
    case 'gzip+b64':
    case 'gzip+base64': {
      const packed = decodeBase64(bytes.toString('latin1'));
      return packed.ok ? decodeGzip(packed.bytes) : packed;
    }
    default:
      return { ok: false, reason: `Unsupported encoding ${JSON.stringify(encoding)}` };
  }
}

function decodeBase64(text: string): ContentResult {
  const plain = text.replace(/[\r\n]/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(plain) || plain.length % 4 !== 0) {
    const good = /^[A-Za-z0-9+/]*/.exec(plain)?.[0].length ?? 0;
    const why = `illegal base64 data at input byte ${good - (good % 4)}`;
    return { ok: false, reason: `Unable to decode base64: "${why}"` };
  }
  return { ok: true, bytes: Buffer.from(plain, 'base64') };
}

function decodeGzip(bytes: Buffer): ContentResult {
  const header = bytes.length < 10 ? 'unexpected EOF' : gzipMagic(bytes);
  if (header !== undefined) {
    return { ok: false, reason: `Unable to decode gzip: ${JSON.stringify(header)}` };
  }
  try {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: bytesMax };
    return { ok: true, bytes: gunzipSync(bytes, options) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `Unable to decode gzip: ${JSON.stringify(why)}` };
  }
}

/** What is wrong with the first bytes; a body that is cut later gives what is there. */
function gzipMagic(bytes: Buffer): string | undefined {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? undefined : 'gzip: invalid header';
}
