// JSON as Go writes it: <, > and & escaped, control characters as \u00XX but for \t \n \r, and what
// was no UTF-8 as the six characters \ufffd.

const special = /[\u0000-\u001f"\\<>&\u2028\u2029\ufffd]/;
const specials = /[\u0000-\u001f"\\<>&\u2028\u2029\ufffd]/g;
const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** A JSON string, quotes included. */
export function goString(text: string): string {
  const whole = text.isWellFormed() ? text : text.replace(loneSurrogate, '\ufffd');
  if (!special.test(whole)) return `"${whole}"`;
  return `"${whole.replace(specials, escapeOne)}"`;
}

/** A whole value; for answers that are not on the hot path. Undefined fields are left out. */
export function goJson(value: unknown): string {
  if (typeof value === 'string') return goString(value);
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([name, field]) => `${goString(name)}:${goJson(field)}`);
  return `{${fields.join(',')}}`;
}

function escapeOne(char: string): string {
  switch (char) {
    case '"':
      return '\\"';
    case '\\':
      return '\\\\';
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
    default:
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  }
}
