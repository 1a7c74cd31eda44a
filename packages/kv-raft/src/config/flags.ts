// Every flag of etcd 2.3.8 in one table: name, kind, default, help, and whether this server has it
// yet. The same table reads the command line and the environment and prints the help.

export type FlagKind = 'text' | 'number' | 'boolean' | 'urls' | 'choice';

export type Flag = {
  readonly name: string;
  readonly kind: FlagKind;
  /** As it would be written on the command line. */
  readonly fallback: string;
  readonly help: string;
  readonly group: string;
  readonly choices?: readonly string[];
  /** Not there yet: giving it another value than its default is an error that says so. */
  readonly missing?: string;
};

const tls = 'TLS is not there yet';

function flag(
  group: string,
  name: string,
  kind: FlagKind,
  fallback: string,
  help: string,
  more: Pick<Flag, 'choices' | 'missing'> = {},
): Flag {
  return { group, name, kind, fallback, help, ...more };
}

const local = 'http://localhost';

export const flags: readonly Flag[] = [
  flag('member', 'name', 'text', 'default', 'human-readable name of this member'),
  flag('member', 'data-dir', 'text', '', 'data directory (default NAME.etcd)'),
  flag('member', 'wal-dir', 'text', '', 'directory of the write-ahead log (default in data-dir)'),
  flag('member', 'snapshot-count', 'number', '10000', 'committed entries between two snapshots'),
  flag('member', 'heartbeat-interval', 'number', '100', 'milliseconds between heartbeats'),
  flag(
    'member',
    'election-timeout',
    'number',
    '1000',
    'milliseconds without a leader before an election',
  ),
  flag(
    'member',
    'listen-peer-urls',
    'urls',
    `${local}:2380,${local}:7001`,
    'URLs to listen on for other members',
  ),
  flag(
    'member',
    'listen-client-urls',
    'urls',
    `${local}:2379,${local}:4001`,
    'URLs to listen on for clients',
  ),
  flag('member', 'max-snapshots', 'number', '5', 'snapshot files kept (0 = all)'),
  flag('member', 'max-wals', 'number', '5', 'log segments kept (0 = all)'),
  flag('member', 'cors', 'text', '', 'comma-separated list of allowed origins'),
  flag(
    'clustering',
    'initial-advertise-peer-urls',
    'urls',
    `${local}:2380,${local}:7001`,
    'peer URLs told to the other members',
  ),
  flag(
    'clustering',
    'initial-cluster',
    'text',
    `default=${local}:2380,default=${local}:7001`,
    'initial members as NAME=URL, comma separated',
  ),
  flag('clustering', 'initial-cluster-state', 'choice', 'new', 'new or existing', {
    choices: ['new', 'existing'],
  }),
  flag(
    'clustering',
    'initial-cluster-token',
    'text',
    'etcd-cluster',
    'token that tells clusters apart',
  ),
  flag(
    'clustering',
    'advertise-client-urls',
    'urls',
    `${local}:2379,${local}:4001`,
    'client URLs told to clients',
  ),
  flag('clustering', 'discovery', 'text', '', 'discovery URL'),
  flag(
    'clustering',
    'discovery-fallback',
    'choice',
    'proxy',
    'when discovery is full: exit or proxy',
    { choices: ['exit', 'proxy'] },
  ),
  flag('clustering', 'discovery-proxy', 'text', '', 'HTTP proxy for the discovery service'),
  flag('clustering', 'discovery-srv', 'text', '', 'DNS domain for bootstrap', {
    missing: 'bootstrap by DNS SRV records is not there yet',
  }),
  flag(
    'clustering',
    'strict-reconfig-check',
    'boolean',
    'false',
    'refuse membership changes that would lose quorum',
  ),
  flag('proxy', 'proxy', 'choice', 'off', 'off, readonly or on', {
    choices: ['off', 'readonly', 'on'],
  }),
  flag(
    'proxy',
    'proxy-failure-wait',
    'number',
    '5000',
    'milliseconds a failed endpoint is left out',
  ),
  flag(
    'proxy',
    'proxy-refresh-interval',
    'number',
    '30000',
    'milliseconds between refreshes of the endpoints',
  ),
  flag('proxy', 'proxy-dial-timeout', 'number', '1000', 'milliseconds to connect (0 = none)'),
  flag('proxy', 'proxy-write-timeout', 'number', '5000', 'milliseconds to write (0 = none)'),
  flag(
    'proxy',
    'proxy-read-timeout',
    'number',
    '0',
    'milliseconds to read (0 = none; ends watches)',
  ),
  flag('security', 'ca-file', 'text', '', 'deprecated: client CA', { missing: tls }),
  flag('security', 'cert-file', 'text', '', 'certificate for clients', { missing: tls }),
  flag('security', 'key-file', 'text', '', 'key for clients', { missing: tls }),
  flag('security', 'client-cert-auth', 'boolean', 'false', 'demand client certificates', {
    missing: tls,
  }),
  flag('security', 'trusted-ca-file', 'text', '', 'CA of client certificates', { missing: tls }),
  flag('security', 'peer-ca-file', 'text', '', 'deprecated: peer CA', { missing: tls }),
  flag('security', 'peer-cert-file', 'text', '', 'certificate for peers', { missing: tls }),
  flag('security', 'peer-key-file', 'text', '', 'key for peers', { missing: tls }),
  flag('security', 'peer-client-cert-auth', 'boolean', 'false', 'demand peer certificates', {
    missing: tls,
  }),
  flag('security', 'peer-trusted-ca-file', 'text', '', 'CA of peer certificates', { missing: tls }),
  flag('logging', 'debug', 'boolean', 'false', 'log at debug level'),
  flag('logging', 'log-package-levels', 'text', '', 'levels by package', {
    missing: 'log levels by package are not there yet; use --debug',
  }),
  flag('unsafe', 'force-new-cluster', 'boolean', 'false', 'one-member cluster from existing data', {
    missing: 'forcing a new cluster is not there yet',
  }),
  flag('profiling', 'enable-pprof', 'boolean', 'false', 'profiling over HTTP', {
    missing: 'profiling over HTTP is not there yet',
  }),
  flag('experimental', 'experimental-v3demo', 'boolean', 'false', 'v3 API', {
    missing: 'the v3 API is not there',
  }),
  flag('experimental', 'experimental-gRPC-addr', 'text', '127.0.0.1:2378', 'v3 API address', {
    missing: 'the v3 API is not there',
  }),
  flag('experimental', 'experimental-auto-compaction-retention', 'number', '0', 'v3 API', {
    missing: 'the v3 API is not there',
  }),
  flag(
    'corral',
    'quorum-read',
    'choice',
    'index',
    'index (ReadIndex) or log (an entry, as etcd 2.3)',
    { choices: ['index', 'log'] },
  ),
  flag('corral', 'disk-reserve', 'number', '4194304', 'bytes kept for a full disk'),
  flag('version', 'version', 'boolean', 'false', 'print the version and exit'),
];

/** Flags of 0.4 that are refused, and those that are ignored with a warning. */
export const refusedLegacyFlags = ['peers', 'peers-file'];
export const ignoredLegacyFlags = [
  'cluster-active-size',
  'cluster-remove-delay',
  'cluster-sync-interval',
  'config',
  'force',
  'max-result-buffer',
  'max-retry-attempts',
  'peer-heartbeat-interval',
  'peer-election-timeout',
  'retry-interval',
  'snapshot',
  'v',
  'vv',
];
/** Flags of 0.4 that stand for a newer one; each takes ip:port. */
export const legacyAddressFlags: ReadonlyMap<string, string> = new Map([
  ['addr', 'advertise-client-urls'],
  ['bind-addr', 'listen-client-urls'],
  ['peer-addr', 'initial-advertise-peer-urls'],
  ['peer-bind-addr', 'listen-peer-urls'],
]);

/** `--my-flag` has the variable `ETCD_MY_FLAG`. */
export function variableOf(name: string): string {
  return `ETCD_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** What follows a message about a wrong flag. */
export const usageText = `usage: etcd2 [flags]
       start an etcd server

       etcd2 --version
       show the version

       etcd2 -h | --help
       show what every flag means`;

/** Every flag with its default and meaning. */
export function helpText(): string {
  const lines = [usageText, ''];
  let group = '';
  for (const one of flags) {
    if (one.group !== group) {
      group = one.group;
      lines.push(`${group} flags:`, '');
    }
    const fallback = one.fallback === '' ? "''" : `'${one.fallback}'`;
    const missing = one.missing === undefined ? '' : ` [${one.missing}]`;
    lines.push(`    --${one.name} ${fallback}`, `        ${one.help}${missing}.`);
  }
  return `${lines.join('\n')}\n`;
}
