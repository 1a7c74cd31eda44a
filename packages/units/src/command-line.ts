// Exec lines and Environment= as systemd splits them: blanks, quotes, backslash escapes, $VARIABLES.
// There is no shell. (systemd.service(5), COMMAND LINES)
import { UnitError } from './unit-file.js';

export type ExecLine = {
  /** "-": a failure counts as success. */
  readonly ignoreFailure: boolean;
  readonly path: string;
  readonly words: readonly string[];
};

/** Splits at blanks; quotes group, C escapes work also outside of them. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i] ?? '';
    if (char === '\\') {
      const [value, used] = readEscape(text, i + 1);
      word = (word ?? '') + value;
      i += used;
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** Throws UnitError when the line has no absolute path or an unsupported prefix. */
export function parseExecLine(text: string, where: string): ExecLine {
  const prefix = /^[-@:+!]*/.exec(text)?.[0] ?? '';
  if (/[@!]/.test(prefix)) {
    const message = `${where}: the prefix "${prefix}" is not supported by the embedded supervisor`;
    throw new UnitError('E_UNIT_FILE', message);
  }
  const [path, ...words] = splitWords(text.slice(prefix.length).trim());
  if (path?.startsWith('/') !== true) {
    throw new UnitError('E_UNIT_FILE', `${where}: "${text}" does not begin with an absolute path`);
  }
  return { ignoreFailure: prefix.includes('-'), path, words };
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
    if (whole !== null) return splitWords(environment[whole[1] ?? ''] ?? '');
    const expanded = word.replace(
      /\$\$|\$\{([A-Za-z_]\w*)\}/g,
      (match, name: string | undefined) => (match === '$$' ? '$' : (environment[name ?? ''] ?? '')),
    );
    return [expanded];
  });
}

/** `Environment="A=b c" D=e` as pairs. */
export function parseEnvironment(text: string): readonly (readonly [string, string])[] {
  return splitWords(text).flatMap((word) => {
    const equals = word.indexOf('=');
    return equals < 1 ? [] : [[word.slice(0, equals), word.slice(equals + 1)] as const];
  });
}

/** The rules of EnvironmentFile=: comments, quotes, continuation; `export` lines do not count. */
export function parseEnvironmentFile(text: string): readonly (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (const line of text.replace(/\\\r?\n/g, '').split(/\r?\n/)) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith(';')) continue;
    const match = /^([A-Za-z_]\w*)\s*=\s*(.*)$/.exec(trimmed);
    if (match === null) continue;
    const raw = match[2] ?? '';
    const quoted = /^(["'])(.*)\1$/.exec(raw);
    pairs.push([match[1] ?? '', quoted?.[2] ?? raw]);
  }
  return pairs;
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
  const char = text[at] ?? '';
  const hex = /^x([0-9a-fA-F]{2})/.exec(text.slice(at, at + 3));
  if (hex !== null) return [String.fromCharCode(parseInt(hex[1] ?? '', 16)), 3];
  const simple = escapes[char];
  // An unknown escape stays as it is, backslash included.
  return simple === undefined ? [`\\${char}`, 1] : [simple, 1];
}
