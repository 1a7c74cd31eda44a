// Percent-decoding as Go's net/url does it. Text comes as Latin-1, one character per byte, because
// that is what node:http gives for a request target, whatever encoding the client used.
import { isUtf8 } from 'node:buffer';

export type Decoded =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string };

/** True when decoding would change nothing: ASCII without "%", "+" and ";". */
export function isPlain(bytes: string): boolean {
  for (let at = 0; at < bytes.length; at += 1) {
    const code = bytes.charCodeAt(at);
    if (code >= 0x80 || code === 0x25 || code === 0x2b || code === 0x3b) return false;
  }
  return true;
}

/** Decodes escapes and then UTF-8; `plusIsBlank` in queries and forms, not in paths. */
export function percentDecode(bytes: string, plusIsBlank: boolean): Decoded {
  const target = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    let code = bytes.charCodeAt(at);
    if (code === 0x25) {
      const high = hexDigit(bytes.charCodeAt(at + 1));
      const low = hexDigit(bytes.charCodeAt(at + 2));
      if (high < 0 || low < 0) {
        return { ok: false, message: `invalid URL escape ${goQuote(bytes.slice(at, at + 3))}` };
      }
      code = high * 16 + low;
      at += 2;
    } else if (code === 0x2b && plusIsBlank) {
      code = 0x20;
    }
    target[length] = code;
    length += 1;
  }
  return { ok: true, text: decodeUtf8(target.subarray(0, length)) };
}

/** UTF-8 to text; every byte that belongs to no character becomes one U+FFFD, as in Go. */
export function decodeUtf8(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const width = widthAt(bytes, at);
    text += width === 0 ? '\ufffd' : bytes.toString('utf8', at, at + width);
    at += Math.max(1, width);
  }
  return text;
}

/** Go's strconv.Quote of Latin-1 text, for messages. */
function goQuote(bytes: string): string {
  let quoted = '';
  for (const char of Buffer.from(bytes, 'latin1').toString('latin1')) {
    const code = char.charCodeAt(0);
    if (char === '"' || char === '\\') quoted += `\\${char}`;
    else if (char === '\n') quoted += '\\n';
    else if (char === '\r') quoted += '\\r';
    else if (char === '\t') quoted += '\\t';
    else if (code < 0x20 || code >= 0x7f) quoted += `\\x${code.toString(16).padStart(2, '0')}`;
    else quoted += char;
  }
  return `"${quoted}"`;
}

/** Bytes of the character that starts at `at`, or 0 when none does. */
function widthAt(bytes: Buffer, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const width = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (width === 0 || at + width > bytes.length) return 0;
  return isUtf8(bytes.subarray(at, at + width)) ? width : 0;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x41 && code <= 0x46) return code - 0x37;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return -1;
}
