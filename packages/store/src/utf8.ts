// Strings to bytes and back, without the platform's TextEncoder, which a package free of any
// platform does not have. The encoding is UTF-8; a lone surrogate, which UTF-8 cannot express, is
// written as its three-byte pattern (WTF-8), so that every JavaScript string survives unchanged.

/** An upper bound of the bytes that `text` takes. */
export function utf8LengthMax(text: string): number {
  return text.length * 3;
}

/**
 * Writes `text` at `offset` and gives the offset behind it. The caller made room
 * (`utf8LengthMax`).
 */
export function writeUtf8(text: string, target: Uint8Array, offset: number): number {
  const { length } = text;
  let at = offset;
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      target[at++] = unit;
    } else if (unit < 0x800) {
      target[at++] = 0xc0 | (unit >> 6);
      target[at++] = 0x80 | (unit & 0x3f);
    } else {
      const point = pointAt(text, index, unit);
      if (point > 0xffff) index += 1;
      at = writeLong(point, target, at);
    }
  }
  return at;
}

/** Bytes `start` to `end` as a string, or undefined when they are not such an encoding. */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string | undefined {
  for (let at = start; at < end; at += 1) {
    if ((bytes[at] ?? 0) >= 0x80) return readMixed(bytes, start, end);
  }
  return unitsToString(bytes, start, end);
}

/** Short enough for an argument list on any stack. */
const unitsPerCall = 4096;

function pointAt(text: string, index: number, unit: number): number {
  if (unit < 0xd800 || unit > 0xdbff) return unit;
  const next = text.charCodeAt(index + 1);
  if (!(next >= 0xdc00 && next <= 0xdfff)) return unit;
  return 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00);
}

/** Three or four bytes. */
function writeLong(point: number, target: Uint8Array, offset: number): number {
  let at = offset;
  if (point > 0xffff) {
    target[at++] = 0xf0 | (point >> 18);
    target[at++] = 0x80 | ((point >> 12) & 0x3f);
  } else {
    target[at++] = 0xe0 | (point >> 12);
  }
  target[at++] = 0x80 | ((point >> 6) & 0x3f);
  target[at++] = 0x80 | (point & 0x3f);
  return at;
}

function readMixed(bytes: Uint8Array, start: number, end: number): string | undefined {
  const units = new Uint16Array(end - start);
  let count = 0;
  let at = start;
  while (at < end) {
    const lead = bytes[at++] ?? 0;
    const extra = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (extra < 0 || lead > 0xf4 || at + extra > end) return undefined;
    let point = extra === 0 ? lead : lead & (0x3f >> extra);
    for (let more = 0; more < extra; more += 1) {
      const next = bytes[at++] ?? 0;
      if ((next & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (next & 0x3f);
    }
    if (point < (leastPoint[extra] ?? 0) || point > 0x10ffff) return undefined;
    if (point > 0xffff) {
      units[count++] = 0xd800 + ((point - 0x10000) >> 10);
      units[count++] = 0xdc00 + ((point - 0x10000) & 0x3ff);
    } else {
      units[count++] = point;
    }
  }
  return unitsToString(units, 0, count);
}

/** The least code point that needs so many extra bytes; less would be an overlong form. */
const leastPoint = [0, 0x80, 0x800, 0x10000];

function unitsToString(units: Uint8Array | Uint16Array, start: number, end: number): string {
  let text = '';
  for (let from = start; from < end; from += unitsPerCall) {
    const part = units.subarray(from, Math.min(from + unitsPerCall, end));
    // An array-like is what apply wants; its type asks for more.
    text += String.fromCharCode.apply(null, part as ArrayLike<number> as number[]);
  }
  return text;
}
