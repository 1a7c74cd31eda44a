// The command line of etcdctl: global flags, a command (perhaps of two words), its flags, its words.
// One or two dashes, "--f v" or "--f=v", booleans without a value. A command's flags may also stand
// behind its words ("set /a 1 --ttl 60"); "--" ends them. (etcdctl 2.3, README)
import { CodedError } from '@corral/kit';

export class EtcdctlUsageError extends CodedError<'E_ETCDCTL_USAGE'> {}

export type Parsed = {
  readonly global: ReadonlyMap<string, string>;
  readonly command: string;
  readonly flags: ReadonlyMap<string, string>;
  readonly words: readonly string[];
};

type Names = Readonly<Record<string, 'value' | 'flag'>>;

const globalNames: Names = {
  endpoints: 'value',
  endpoint: 'value',
  peers: 'value',
  C: 'value',
  'no-sync': 'flag',
  output: 'value',
  o: 'value',
  debug: 'flag',
  timeout: 'value',
  'total-timeout': 'value',
  version: 'flag',
  v: 'flag',
  help: 'flag',
  h: 'flag',
};
/** Known to etcdctl, not to us yet: refused by name. */
const missingNames = ['discovery-srv', 'D', 'cert-file', 'key-file', 'ca-file', 'username', 'u'];

const ttl: Names = { ttl: 'value' };
export const commands: Readonly<Record<string, Names>> = {
  get: { sort: 'flag', quorum: 'flag', q: 'flag' },
  set: { ...ttl, 'swap-with-value': 'value', 'swap-with-index': 'value' },
  mk: { ...ttl, 'in-order': 'flag' },
  mkdir: ttl,
  setdir: ttl,
  update: ttl,
  updatedir: ttl,
  rm: { dir: 'flag', recursive: 'flag', r: 'flag', 'with-value': 'value', 'with-index': 'value' },
  rmdir: {},
  ls: { sort: 'flag', recursive: 'flag', r: 'flag', p: 'flag', quorum: 'flag', q: 'flag' },
  watch: { forever: 'flag', f: 'flag', 'after-index': 'value', recursive: 'flag', r: 'flag' },
  'member list': {},
  'member add': {},
  'member remove': {},
  'member update': {},
  'cluster-health': { forever: 'flag', f: 'flag' },
};
const missingCommands = ['exec-watch', 'import', 'backup', 'user', 'role', 'auth'];

/** Throws EtcdctlUsageError with what to print. */
export function parseCommandLine(words: readonly string[]): Parsed {
  const head = readFlags(words, globalNames, undefined);
  let [command = '', ...rest] = head.rest;
  if (command === 'member' && rest[0] !== undefined) {
    command = `member ${rest[0]}`;
    rest = rest.slice(1);
  }
  if (missingCommands.includes(command)) {
    throw usage(`etcdctl ${command} is not there yet`, undefined);
  }
  const names = commands[command];
  if (names === undefined) return { global: head.flags, command, flags: new Map(), words: rest };
  const tail = readFlags(rest, names, command);
  return { global: head.flags, command, flags: tail.flags, words: tail.rest };
}

/** With `command` its flags, also between the words; without one the flags before the command. */
function readFlags(
  words: readonly string[],
  names: Names,
  command: string | undefined,
): { readonly flags: Map<string, string>; readonly rest: string[] } {
  const flags = new Map<string, string>();
  const rest: string[] = [];
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (word === '--') return { flags, rest: [...rest, ...words.slice(i + 1)] };
    const match = /^--?([^-=][^=]*)(?:=([^]*))?$/.exec(word);
    const [, name = '', inline] = match ?? [];
    const kind = names[name];
    // Behind the first word an unknown flag is a word, as in etcdctl.
    if (match === null || (kind === undefined && rest.length > 0)) {
      if (command === undefined) return { flags, rest: words.slice(i) };
      rest.push(word);
    } else if (kind === undefined) {
      const missing = missingNames.includes(name) ? ' (it is not there yet)' : '';
      throw usage(`flag provided but not defined: -${name}${missing}`, command);
    } else if (inline !== undefined || kind === 'flag') {
      flags.set(name, inline ?? 'true');
    } else {
      i += 1;
      const value = words[i];
      if (value === undefined) throw usage(`flag needs an argument: -${name}`, command);
      flags.set(name, value);
    }
  }
  return { flags, rest };
}

/** A number as a flag's value; 0 when it is not given. */
export function readNumber(parsed: Parsed, flag: string): number {
  const text = parsed.flags.get(flag);
  if (text === undefined) return 0;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const message = `invalid value "${text}" for flag -${flag}: parse error`;
  throw usage(message, parsed.command);
}

/** Milliseconds of a Go duration ("1m30s", "500ms"). */
export function readDuration(parsed: Parsed, flag: string, fallbackMs: number): number {
  const text = parsed.global.get(flag);
  if (text === undefined) return fallbackMs;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    throw usage(`invalid value "${text}" for flag -${flag}: parse error`, undefined);
  }
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (units[unit ?? ''] ?? 0);
  }
  return total;
}

function usage(message: string, command: string | undefined): EtcdctlUsageError {
  const details = command === undefined ? {} : { command };
  return new EtcdctlUsageError('E_ETCDCTL_USAGE', message, { details });
}

export const helpText = `NAME:
   etcdctl - A simple command line client for etcd.

USAGE:
   etcdctl [global options] command [command options] [arguments...]

COMMANDS:
   get KEY                 value of a key (--sort --quorum)
   set KEY [VALUE]         set a key (--ttl --swap-with-value --swap-with-index)
   mk KEY [VALUE]          create a key (--in-order --ttl)
   mkdir, setdir KEY       create a directory (--ttl)
   update KEY [VALUE]      change a key that exists (--ttl)
   updatedir KEY           change the ttl of a directory (--ttl)
   rm KEY                  remove (--dir --recursive --with-value --with-index)
   rmdir KEY               remove an empty directory
   ls [KEY]                list a directory (--sort --recursive -p --quorum)
   watch KEY               wait for a change (--forever --after-index --recursive)
   member list|add|remove|update
   cluster-health          health of each member (--forever)

GLOBAL OPTIONS:
   --endpoints URLS        comma separated (ETCDCTL_ENDPOINTS; default http://127.0.0.1:2379,http://127.0.0.1:4001)
   --no-sync               do not ask the members for their addresses first
   --output, -o FORM       simple, extended or json
   --timeout DURATION      to connect (default 2s)
   --total-timeout DURATION   for the command, except watch (default 5s)
   --version, -v           --help, -h
`;
