// Content-Type headers, with the mistakes that Go's mime.ParseMediaType finds in them.

export const formType = 'application/x-www-form-urlencoded';

export type MediaType = {
  /** Lower case, without parameters; '' when there is none. */
  readonly type: string;
  /** Go's message when the header cannot be parsed. */
  readonly mistake: string | undefined;
};

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+/;
const parameter =
  /^\s*;\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*=\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[^"\\\r\n]|\\.)*")/;

/** An absent header is no mistake. */
export function parseMediaType(header: string | undefined): MediaType {
  if (header === formType) return { type: formType, mistake: undefined };
  if (header === undefined || header === '') return { type: '', mistake: undefined };
  const semicolon = header.indexOf(';');
  const base = semicolon < 0 ? header : header.slice(0, semicolon);
  const type = base.trim().toLowerCase();
  const mistake = typeMistake(type);
  if (mistake !== undefined) return { type: '', mistake };
  return parametersMistake(type, header.slice(base.length));
}

function typeMistake(type: string): string | undefined {
  const main = token.exec(type)?.[0] ?? '';
  if (main === '') return 'mime: no media type';
  const rest = type.slice(main.length);
  if (rest === '') return undefined;
  if (!rest.startsWith('/')) return 'mime: expected slash after first token';
  const subtype = token.exec(rest.slice(1))?.[0] ?? '';
  if (subtype === '') return 'mime: expected token after slash';
  if (rest.length > subtype.length + 1) return 'mime: unexpected content after media subtype';
  return undefined;
}

function parametersMistake(type: string, text: string): MediaType {
  const seen = new Map<string, string>();
  let rest = text;
  while (rest.trim() !== '') {
    const match = parameter.exec(rest);
    if (match === null) {
      // A trailing semicolon is forgiven; anything else keeps the type and is a mistake.
      const mistake = rest.trim() === ';' ? undefined : 'mime: invalid media parameter';
      return { type, mistake };
    }
    const [all, name = '', value = ''] = match;
    const before = seen.get(name.toLowerCase());
    if (before !== undefined && before !== value) {
      return { type: '', mistake: 'mime: duplicate parameter name' };
    }
    seen.set(name.toLowerCase(), value);
    rest = rest.slice(all.length);
  }
  return { type, mistake: undefined };
}
