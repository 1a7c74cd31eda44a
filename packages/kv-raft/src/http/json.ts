// JSON as Go writes it: <, > and & escaped, control characters as \u00XX but for \t \n \r,
// and U+FFFD escaped: that is what bytes have become that were no UTF-8.

const special = /[\u0000-\u001f"\\<>&\u2028\u2029\u007f\ufffd]/;
const escapes = /[<>&\u2028\u2029\ufffd]|\\[bf\\"]/g;

/** A JSON string, quotes included. */
export function goString(text: string): string {
  if (!special.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(escapes, escapeOne);
}

/** A whole value; for answers that are not on the hot path. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(escapes, escapeOne);
}

/** A field of a parsed object as Go's decoder finds it: letters' case does not count. */
export function goField(parsed: unknown, name: string): unknown {
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const fields = parsed as Readonly<Record<string, unknown>>;
  const found = Object.keys(fields).find((key) => key.toLowerCase() === name.toLowerCase());
  return found === undefined ? undefined : fields[found];
}

function escapeOne(found: string): string {
  if (found === '\\\\' || found === '\\"') return found;
  if (found === '\\b') return '\\u0008';
  if (found === '\\f') return '\\u000c';
  return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
