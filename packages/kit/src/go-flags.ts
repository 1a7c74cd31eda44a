// Go's command-line dialect, which etcd2 and coreos-cloudinit speak: one or two dashes, "-f v" or
// "-f=v", booleans as "-f" or "-f=false" (a separate word is never a boolean's value), "--" ends
// the flags, and the first word that is no flag ends them too. (Go package "flag".)

/** A parsed command line: flag values in order of appearance, and the words after the flags. */
export type GoFlags = {
  readonly values: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
};

export type GoFlagsProblem =
  | { readonly kind: 'unknown'; readonly flag: string }
  | { readonly kind: 'missing-value'; readonly flag: string }
  | { readonly kind: 'bad-syntax'; readonly flag: string }
  | { readonly kind: 'help' };

/** The message Go prints for a problem (without the usage text that follows it). */
export function goFlagsMessage(problem: GoFlagsProblem): string {
  switch (problem.kind) {
    case 'unknown':
      return `flag provided but not defined: -${problem.flag}`;
    case 'missing-value':
      return `flag needs an argument: -${problem.flag}`;
    case 'bad-syntax':
      return `bad flag syntax: ${problem.flag}`;
    case 'help':
      return 'help requested';
  }
}

/**
 * Parses `words` by the names in `flags` (true = boolean, taking no separate value).
 * The last value of a repeated flag wins, as in Go. `help` and `h` that are not declared give the
 * problem "help".
 */
export function parseGoFlags(
  words: readonly string[],
  flags: ReadonlyMap<string, { readonly boolean: boolean }>,
):
  | { readonly ok: true; readonly flags: GoFlags }
  | { readonly ok: false; readonly problem: GoFlagsProblem } {
  const values = new Map<string, string>();
  let position = 0;
  while (position < words.length) {
    const word = words[position] ?? '';
    if (word.length < 2 || !word.startsWith('-')) break;
    position += 1;
    if (word === '--') break;
    const body = word.slice(word.startsWith('--') ? 2 : 1);
    if (body === '' || body.startsWith('-') || body.startsWith('=')) {
      return { ok: false, problem: { kind: 'bad-syntax', flag: word } };
    }
    const equals = body.indexOf('=');
    const name = equals < 0 ? body : body.slice(0, equals);
    const flag = flags.get(name);
    if (flag === undefined) {
      const help = name === 'help' || name === 'h';
      return { ok: false, problem: help ? { kind: 'help' } : { kind: 'unknown', flag: name } };
    }
    if (equals >= 0) values.set(name, body.slice(equals + 1));
    else if (flag.boolean) values.set(name, 'true');
    else if (position < words.length) values.set(name, words[position++] ?? '');
    else return { ok: false, problem: { kind: 'missing-value', flag: name } };
  }
  return { ok: true, flags: { values, rest: words.slice(position) } };
}

/** Go's strconv.ParseBool; undefined when the text is no boolean. */
export function parseGoBoolean(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  return undefined;
}
