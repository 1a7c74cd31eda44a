// Query strings and form bodies as Go's net/url reads them: pairs by "&" or ";", "+" is a blank, a
// bad escape is an error, the first value of a name counts. One pass, no regular expression, and
// nothing is copied when the text is plain ASCII.
import { isPlain, percentDecode } from './percent.js';

/** Gets the pairs in the order in which they stand. */
export type PairSink = (name: string, value: string) => void;

/**
 * Reads all pairs of `bytes` (Latin-1, one character per byte). Returns the first mistake; what is
 * right is handed on all the same.
 */
export function readPairs(bytes: string, sink: PairSink): string | undefined {
  const plain = isPlain(bytes);
  const { length } = bytes;
  let mistake: string | undefined;
  let start = 0;
  while (start < length) {
    const end = plain ? nextAmpersand(bytes, start) : pairEnd(bytes, start);
    if (end > start) {
      let equals = bytes.indexOf('=', start);
      if (equals < 0 || equals > end) equals = end;
      const rawName = bytes.slice(start, equals);
      const rawValue = equals < end ? bytes.slice(equals + 1, end) : '';
      if (plain) sink(rawName, rawValue);
      else mistake ??= handOn(rawName, rawValue, sink);
    }
    start = end + 1;
  }
  return mistake;
}

function handOn(rawName: string, rawValue: string, sink: PairSink): string | undefined {
  const name = percentDecode(rawName, true);
  if (!name.ok) return name.message;
  const value = percentDecode(rawValue, true);
  if (!value.ok) return value.message;
  sink(name.text, value.text);
  return undefined;
}

function nextAmpersand(bytes: string, start: number): number {
  const end = bytes.indexOf('&', start);
  return end < 0 ? bytes.length : end;
}

/** etcd 2.3's Go took ";" for a separator too. */
function pairEnd(bytes: string, start: number): number {
  let at = start;
  while (at < bytes.length) {
    const code = bytes.charCodeAt(at);
    if (code === 0x26 || code === 0x3b) return at;
    at += 1;
  }
  return at;
}
