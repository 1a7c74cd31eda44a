// The command line of etcdctl: global flags, a command (perhaps of two words), its flags, its words.
// One or two dashes, "--f v" or "--f=v", booleans without a value. (etcdctl 2.3, README)
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
  const head = readFlags(words, globalNames, 'flag');
  let [command = '', ...rest] = head.rest;
  if (command === 'member' && rest[0] !== undefined) {
    command = `member ${rest[0]}`;
    rest = rest.slice(1);
  }
  if (missingCommands.includes(command)) {
    throw usage(`etcdctl ${command} is not there yet`);
  }
  const names = commands[command];
  if (names === undefined) return { global: head.flags, command, flags: new Map(), words: rest };
  const tail = readFlags(rest, names, `flag of ${command}`);
  return { global: head.flags, command, flags: tail.flags, words: tail.rest };
}

function readFlags(
  words: readonly string[],
  names: Names,
  what: string,
): { readonly flags: Map<string, string>; readonly rest: string[] } {
  const flags = new Map<string, string>();
  let i = 0;
  for (; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (!/^-{1,2}[^-]/.test(word)) {
      if (word === '--') i += 1;
      break;
    }
    const body = word.replace(/^--?/, '');
    const equals = body.indexOf('=');
    const name = equals < 0 ? body : body.slice(0, equals);
    const kind = names[name];
    if (kind === undefined) {
      const why = missingNames.includes(name) ? 'is not there yet' : `is no ${what}`;
      throw usage(`flag provided but not defined: -${name} (${why})`);
    }
    if (equals >= 0) flags.set(name, body.slice(equals + 1));
    else if (kind === 'flag') flags.set(name, 'true');
    else {
      i += 1;
      const value = words[i];
      if (value === undefined) throw usage(`flag needs an argument: -${name}`);
      flags.set(name, value);
    }
  }
  return { flags, rest: words.slice(i) };
}

function usage(message: string): EtcdctlUsageError {
  return new EtcdctlUsageError('E_ETCDCTL_USAGE', message);
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
   --timeout, --total-timeout DURATION
   --version, -v           --help, -h
`;
