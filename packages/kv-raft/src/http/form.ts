// Query strings and form bodies, as the net/url of etcd 2.3's Go reads them: pairs by "&" or ";",
// "+" is a blank, a bad escape is an error, the first value of a name counts.

export type FormResult =
  | { readonly ok: true; readonly values: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly message: string };

const noValues: ReadonlyMap<string, string> = new Map();

/** Names and first values, or the text of Go's error. */
export function parseForm(text: string): FormResult {
  if (text === '') return { ok: true, values: noValues };
  const values = new Map<string, string>();
  const separator = text.includes(';') ? /[&;]/g : /&/g;
  let start = 0;
  while (start <= text.length) {
    separator.lastIndex = start;
    const end = separator.exec(text)?.index ?? text.length;
    if (end > start) {
      let equals = text.indexOf('=', start);
      if (equals < 0 || equals > end) equals = end;
      const name = unescape(text.slice(start, equals), true);
      const value = equals === end ? '' : unescape(text.slice(equals + 1, end), true);
      if (typeof name === 'object') return { ok: false, message: name.message };
      if (typeof value === 'object') return { ok: false, message: value.message };
      if (!values.has(name)) values.set(name, value);
    }
    start = end + 1;
  }
  return { ok: true, values };
}

/** Percent-decoding; bytes that are not UTF-8 become U+FFFD. */
export function unescape(
  text: string,
  plusIsBlank: boolean,
): string | { readonly message: string } {
  const plain = plusIsBlank && text.includes('+') ? text.replaceAll('+', ' ') : text;
  const first = plain.indexOf('%');
  if (first < 0) return plain;
  const bad = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(plain);
  if (bad !== null) return { message: `invalid URL escape ${JSON.stringify(bad[0])}` };
  try {
    return decodeURIComponent(plain);
  } catch {
    return decodeLoosely(plain);
  }
}

function decodeLoosely(text: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '%') {
      bytes.push(parseInt(text.slice(i + 1, i + 3), 16));
      i += 2;
    } else {
      bytes.push(...Buffer.from(text[i] ?? ''));
    }
  }
  return Buffer.from(bytes).toString('utf8');
}
