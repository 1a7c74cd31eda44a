// Exec lines and Environment= as systemd splits them: blanks, quotes, backslash escapes,
// $VARIABLES. There is no shell. (systemd.service(5), COMMAND LINES)
import { UnitError } from './unit-file.js';

export type ExecLine = {
  /** "-": a failure counts as success. */
  readonly ignoreFailure: boolean;
  /** ":": words stay as they are. */
  readonly expands: boolean;
  readonly path: string;
  /** "@": what the process sees as its name. */
  readonly argv0: string | undefined;
  readonly words: readonly string[];
};

type Word = { readonly text: string; readonly isQuoted: boolean };

/** Splits at blanks; quotes group, C escapes work also outside of them. Throws on an open quote. */
export function splitWords(text: string): string[] {
  return split(text).map((word) => word.text);
}

function split(text: string): Word[] {
  const words: Word[] = [];
  let word: string | undefined;
  let isQuoted = false;
  let quote = '';
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i] ?? '';
    if (char === '\\') {
      const [value, used] = readEscape(text, i + 1);
      word = (word ?? '') + value;
      isQuoted = true;
      i += used;
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      isQuoted = true;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push({ text: word, isQuoted });
      word = undefined;
      isQuoted = false;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== '') throw new UnitError('E_UNIT_FILE', `unbalanced ${quote} in: ${text}`);
  if (word !== undefined) words.push({ text: word, isQuoted });
  return words;
}

/**
 * The commands of one Exec line; a separate `;` ends a command. Throws UnitError when one has no
 * absolute path or asks for other privileges.
 */
export function parseExecLine(text: string, where: string): ExecLine[] {
  const commands: Word[][] = [[]];
  let words: Word[];
  try {
    words = split(text);
  } catch (cause) {
    throw new UnitError('E_UNIT_FILE', `${where}: ${(cause as Error).message}`, { cause });
  }
  for (const word of words) {
    if (word.text === ';' && !word.isQuoted) commands.push([]);
    // `\;` is a word that is a semicolon; as an unknown escape it kept its backslash.
    else commands.at(-1)?.push(word.text === '\\;' ? { ...word, text: ';' } : word);
  }
  return commands.filter((one) => one.length > 0).map((one) => readCommand(one, text, where));
}

function readCommand(words: readonly Word[], text: string, where: string): ExecLine {
  const [first = '', ...rest] = words.map((word) => word.text);
  const prefix = /^[-@:+!]*/.exec(first)?.[0] ?? '';
  if (prefix.includes('!')) {
    const message = `${where}: the prefix "${prefix}" is not supported by the embedded supervisor`;
    throw new UnitError('E_UNIT_UNSUPPORTED', message);
  }
  const path = first.slice(prefix.length);
  if (!path.startsWith('/')) {
    throw new UnitError('E_UNIT_FILE', `${where}: "${text}" does not begin with an absolute path`);
  }
  const argv0 = prefix.includes('@') ? rest.shift() : undefined;
  if (prefix.includes('@') && argv0 === undefined) {
    throw new UnitError('E_UNIT_FILE', `${where}: "@" needs a second word, the process's name`);
  }
  const flags = { ignoreFailure: prefix.includes('-'), expands: !prefix.includes(':') };
  return { ...flags, path, argv0, words: rest };
}

/**
 * `${X}` is replaced anywhere and stays one word; `$X` only as a whole word, which is then split at
 * blanks and vanishes when empty; `$$` is a dollar sign.
 */
export function expandWords(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  return words.flatMap((word) => {
    const whole = /^\$([A-Za-z_]\w*)$/.exec(word);
    if (whole !== null) return splitLoosely(environment[whole[1] ?? ''] ?? '');
    const expanded = word.replace(
      /\$\$|\$\{([A-Za-z_]\w*)\}/g,
      (match, name: string | undefined) => (match === '$$' ? '$' : (environment[name ?? ''] ?? '')),
    );
    return [expanded];
  });
}

/** A value that comes at run time may have an open quote; then it is split at blanks only. */
function splitLoosely(text: string): string[] {
  try {
    return splitWords(text);
  } catch {
    return text.split(/\s+/).filter((word) => word !== '');
  }
}

/** `Environment="A=b c" D=e` as pairs. `expand` is applied to each word. */
export function parseEnvironment(
  text: string,
  expand: (word: string) => string = (word) => word,
): readonly (readonly [string, string])[] {
  return splitWords(text).flatMap((raw) => {
    const word = expand(raw);
    const equals = word.indexOf('=');
    const isName = /^[A-Za-z_]\w*$/.test(word.slice(0, Math.max(0, equals)));
    return isName ? [[word.slice(0, equals), word.slice(equals + 1)] as const] : [];
  });
}

/**
 * The rules of EnvironmentFile=: comment lines, quotes that may span lines, a backslash at the end
 * joins lines; `export` lines do not count, and nothing is expanded. (systemd.exec(5))
 */
export function parseEnvironmentFile(text: string): readonly (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf('\n', at);
    const line = text.slice(at, end < 0 ? text.length : end);
    const name = /^\s*([^#;=\s][^=]*?)\s*=[ \t]*/.exec(line);
    if (/^\s*([#;]|$)/.test(line) || name === null) {
      at = end < 0 ? text.length : end + 1;
      continue;
    }
    const [value, next] = readValue(text, at + name[0].length);
    if (/^[A-Za-z_]\w*$/.test(name[1] ?? '')) pairs.push([name[1] ?? '', value]);
    at = next;
  }
  return pairs;
}

/** The value that begins at `at`, and where the next line begins. */
function readValue(text: string, at: number): readonly [string, number] {
  let value = '';
  let quote = '';
  /** Blanks at the end are dropped unless a quote or an escape made them. */
  let kept = 0;
  let i = at;
  for (; i < text.length; i += 1) {
    const char = text[i] ?? '';
    if (char === '\\' && quote !== "'") {
      i += 1;
      const next = text[i] ?? '';
      if (next === '\r' && text[i + 1] === '\n') i += 1;
      else if (next !== '\n') {
        value += quote === '"' && !'"\\`$'.includes(next) ? `\\${next}` : next;
        kept = value.length;
      }
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else value += char;
      kept = value.length;
    } else if (char === '\n') {
      break;
    } else if (
      (char === '"' || char === "'") &&
      value.slice(kept).trim() === '' &&
      isStart(text, at, i)
    ) {
      quote = char;
    } else {
      value += char;
    }
  }
  const tail = value.slice(kept).trimEnd();
  return [value.slice(0, kept) + tail, i + 1];
}

/** A quote counts only where a value begins, or right after another quoted part. */
function isStart(text: string, from: number, at: number): boolean {
  const before = text.slice(from, at).trimEnd();
  return before === '' || /["']$/.test(before);
}

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  s: ' ',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** What follows a backslash: the text it stands for, and how many characters that took. */
function readEscape(text: string, at: number): readonly [string, number] {
  const coded =
    /^x([0-9a-fA-F]{2})/.exec(text.slice(at, at + 3)) ??
    /^u([0-9a-fA-F]{4})/.exec(text.slice(at, at + 5)) ??
    /^U([0-9a-fA-F]{8})/.exec(text.slice(at, at + 9));
  const octal = /^[0-7]{3}/.exec(text.slice(at, at + 3))?.[0];
  const code = octal === undefined ? parseInt(coded?.[1] ?? '', 16) : parseInt(octal, 8);
  if (code > 0 && code <= 0x10ffff) {
    return [String.fromCodePoint(code), octal === undefined ? (coded?.[0].length ?? 0) : 3];
  }
  const char = text[at] ?? '';
  const simple = escapes[char];
  // An unknown escape stays as it is, backslash included.
  return simple === undefined ? [`\\${char}`, 1] : [simple, 1];
}
