// What the terminal can show, by the environment and by what the streams are: colour, symbols, redrawn
// lines, width. Decided once, in one place.
type Environment = Readonly<Record<string, string | undefined>>;

export type Terminal = {
  /** stderr is watched by a person: lines may be redrawn. */
  readonly live: boolean;
  /** stdout is a terminal: long lines are cut, times are relative. */
  readonly screen: boolean;
  readonly colour: { readonly stdout: boolean; readonly stderr: boolean };
  /** The locale is UTF-8; ASCII otherwise. */
  readonly unicode: boolean;
  /** Columns; 80 without a terminal. */
  readonly width: number;
};

export function describeTerminal(
  environment: Environment,
  streams: {
    readonly stdoutIsTty: boolean;
    readonly stderrIsTty: boolean;
    readonly columns: number | undefined;
  },
): Terminal {
  const smart = environment['TERM'] !== 'dumb' && !isCi(environment);
  const colour = (isTty: boolean): boolean => wantsColour(environment) ?? (isTty && smart);
  return {
    live: streams.stderrIsTty && smart,
    screen: streams.stdoutIsTty && smart,
    colour: { stdout: colour(streams.stdoutIsTty), stderr: colour(streams.stderrIsTty) },
    unicode: isUtf8(environment),
    width: streams.columns === undefined || streams.columns < 20 ? 80 : streams.columns,
  };
}

/** CI systems set CI; "false" and nothing at all mean that this is none. */
export function isCi(environment: Environment): boolean {
  return !['', 'false', '0'].includes(environment['CI'] ?? '');
}

/** ASCII for terminals whose locale knows nothing else. */
export function toAscii(text: string): string {
  return text.replace(/[✓✗…·→⠋⠙⠸⠴⠦⠇]/g, (symbol) => ascii[symbol] ?? '.');
}

const ascii: Readonly<Record<string, string>> = {
  '✓': 'ok',
  '✗': 'x',
  '…': '...',
  '·': '-',
  '→': '->',
};

/** FORCE_COLOR wins over NO_COLOR, as in Node; undefined where nothing is said. */
function wantsColour(environment: Environment): boolean | undefined {
  const force = environment['FORCE_COLOR'];
  if (force !== undefined) return !['0', 'false'].includes(force);
  return (environment['NO_COLOR'] ?? '') === '' ? undefined : false;
}

/** POSIX: LC_ALL, else LC_CTYPE, else LANG; none of them is the C locale. */
function isUtf8(environment: Environment): boolean {
  const chosen = ['LC_ALL', 'LC_CTYPE', 'LANG'].map((name) => environment[name] ?? '');
  return /utf-?8/i.test(chosen.find((value) => value !== '') ?? '');
}
