// JSON bodies: the value, or the message that Go's encoding/json gives for the first mistake, since
// clients show it to people. Nesting is bounded.

export type JsonBody =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string };

const depthMax = 64;

export function parseJsonBody(body: Buffer): JsonBody {
  try {
    new Scanner(body.toString('latin1')).whole();
  } catch (error) {
    if (error instanceof Mistake) return { ok: false, message: error.message };
    throw error;
  }
  return { ok: true, value: JSON.parse(body.toString('utf8')) };
}

/** A field by Go's rule: any case, the last one counts. Undefined when `value` is no object. */
export function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const wanted = name.toLowerCase();
  return Object.entries(value).findLast(([key]) => key.toLowerCase() === wanted)?.[1];
}

/** What Go calls the kind of a JSON value. */
export function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return value === null ? 'null' : typeof value;
}

class Mistake extends Error {}

/** Checks syntax; `text` is Latin-1, one character per byte. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): void {
    this.#value(1);
    this.#blanks();
    if (this.#at < this.#text.length) this.#fail('after top-level value');
  }

  #value(depth: number): void {
    if (depth > depthMax) throw new Mistake('exceeded max depth');
    this.#blanks();
    const char = this.#peek();
    if (char === '{') this.#object(depth);
    else if (char === '[') this.#array(depth);
    else if (char === '"') this.#string();
    else if (char === '-' || isDigit(char)) this.#number();
    else if (char === 't') this.#literal('true');
    else if (char === 'f') this.#literal('false');
    else if (char === 'n') this.#literal('null');
    else this.#fail('looking for beginning of value');
  }

  #object(depth: number): void {
    this.#at += 1;
    this.#blanks();
    if (this.#peek() === '}') {
      this.#at += 1;
      return;
    }
    for (;;) {
      this.#blanks();
      if (this.#peek() !== '"') this.#fail('looking for beginning of object key string');
      this.#string();
      this.#blanks();
      if (this.#peek() !== ':') this.#fail('after object key');
      this.#at += 1;
      this.#value(depth + 1);
      if (this.#endsWith('}', 'after object key:value pair')) return;
    }
  }

  #array(depth: number): void {
    this.#at += 1;
    this.#blanks();
    if (this.#peek() === ']') {
      this.#at += 1;
      return;
    }
    for (;;) {
      this.#value(depth + 1);
      if (this.#endsWith(']', 'after array element')) return;
    }
  }

  /** After an element: true for the end, false for a comma. */
  #endsWith(end: string, context: string): boolean {
    this.#blanks();
    const char = this.#peek();
    if (char !== end && char !== ',') this.#fail(context);
    this.#at += 1;
    return char === end;
  }

  #string(): void {
    this.#at += 1;
    for (;;) {
      const char = this.#peek();
      if (char < ' ') this.#fail('in string literal');
      this.#at += 1;
      if (char === '"') return;
      if (char === '\\') this.#escape();
    }
  }

  #escape(): void {
    const char = this.#peek();
    if (!'bfnrt\\/"u'.includes(char)) this.#fail('in string escape code');
    this.#at += 1;
    if (char !== 'u') return;
    for (let digit = 0; digit < 4; digit += 1) {
      if (!'0123456789abcdefABCDEF'.includes(this.#peek())) {
        this.#fail('in \\u hexadecimal character escape');
      }
      this.#at += 1;
    }
  }

  #number(): void {
    if (this.#peek() === '-') {
      this.#at += 1;
      if (!isDigit(this.#peek())) this.#fail('in numeric literal');
    }
    if (this.#peek() === '0') this.#at += 1;
    else this.#digits('in numeric literal');
    if (this.#text[this.#at] === '.') {
      this.#at += 1;
      this.#digits('after decimal point in numeric literal');
    }
    const exponent = this.#text[this.#at];
    if (exponent !== 'e' && exponent !== 'E') return;
    this.#at += 1;
    const sign = this.#peek();
    if (sign === '+' || sign === '-') this.#at += 1;
    this.#digits('in exponent of numeric literal');
  }

  #digits(context: string): void {
    if (!isDigit(this.#peek())) this.#fail(context);
    while (isDigit(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #literal(word: string): void {
    for (const char of word) {
      if (this.#peek() !== char) this.#fail(`in literal ${word} (expecting '${char}')`);
      this.#at += 1;
    }
  }

  #blanks(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? 'x')) this.#at += 1;
  }

  #peek(): string {
    const char = this.#text[this.#at];
    if (char === undefined) throw new Mistake('unexpected end of JSON input');
    return char;
  }

  #fail(context: string): never {
    throw new Mistake(`invalid character ${quoteChar(this.#peek())} ${context}`);
  }
}

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9' && char.length === 1;
}

function quoteChar(char: string): string {
  if (char === "'") return "'\\''";
  if (char === '"') return "'\"'";
  const code = char.charCodeAt(0);
  if (code < 0x20 || (code >= 0x7f && code < 0xa1) || code === 0xad) {
    const names: ReadonlyMap<string, string> = new Map([
      ['\n', '\\n'],
      ['\r', '\\r'],
      ['\t', '\\t'],
      ['\b', '\\b'],
      ['\f', '\\f'],
      ['\v', '\\v'],
      ['\u0007', '\\a'],
    ]);
    const wide = code >= 0x80 ? `\\u${code.toString(16).padStart(4, '0')}` : undefined;
    const short = `\\x${code.toString(16).padStart(2, '0')}`;
    return `'${names.get(char) ?? wide ?? short}'`;
  }
  return char === '\\' ? "'\\\\'" : `'${char}'`;
}
