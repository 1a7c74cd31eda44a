// Flags and variables: each one of etcd 2.3.8 is honoured or refused, none is dropped in silence.
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import type { ServerConfig } from '../../src/config/config.js';

type Environment = Readonly<Record<string, string>>;

function config(words: readonly string[], environment: Environment = {}): ServerConfig {
  const read = readConfig(words, environment);
  if (read.kind === 'exit') throw new Error(`exit ${read.code}: ${read.stderr}`);
  return read.config;
}

function refusal(words: readonly string[], environment: Environment = {}): [number, string] {
  const read = readConfig(words, environment);
  if (read.kind === 'config') throw new Error('taken');
  return [read.code, read.stderr.split('\n')[0] ?? ''];
}

const variable = (name: string): string => `ETCD_${name.toUpperCase().replaceAll('-', '_')}`;

/** Flag, a value other than its default, and what it becomes. */
const honoured: readonly (readonly [string, string, Partial<ServerConfig>])[] = [
  ['name', 'n1', { name: 'n1' }],
  ['data-dir', '/d', { dataDir: '/d' }],
  ['wal-dir', '/w', { walDir: '/w' }],
  ['snapshot-count', '7', { snapshotCount: 7 }],
  ['heartbeat-interval', '50', { heartbeatMs: 50 }],
  ['election-timeout', '2000', { electionMs: 2000 }],
  ['listen-peer-urls', 'http://b:2,http://a:1', { listenPeerUrls: ['http://a:1', 'http://b:2'] }],
  ['max-snapshots', '0', { maxSnapshots: 0 }],
  ['max-wals', '9', { maxWals: 9 }],
  ['cors', 'http://a,http://b', { corsOrigins: ['http://a', 'http://b'] }],
  ['initial-advertise-peer-urls', 'http://a:1', { initialAdvertisePeerUrls: ['http://a:1'] }],
  ['initial-cluster', 'x=http://a:1', { initialCluster: new Map([['x', ['http://a:1']]]) }],
  ['initial-cluster-state', 'existing', { initialClusterState: 'existing' }],
  ['initial-cluster-token', 'tok', { initialClusterToken: 'tok' }],
  ['advertise-client-urls', 'http://a:1', { advertiseClientUrls: ['http://a:1'] }],
  ['discovery', 'http://d/T', { discovery: 'http://d/T' }],
  ['discovery-fallback', 'exit', { discoveryFallback: 'exit' }],
  ['discovery-proxy', 'p:1', { discoveryProxy: 'p:1' }],
  ['strict-reconfig-check', 'true', { strictReconfigCheck: true }],
  ['proxy', 'readonly', { proxy: 'readonly' }],
  ['proxy-failure-wait', '1', { proxyFailureWaitMs: 1 }],
  ['proxy-refresh-interval', '2', { proxyRefreshIntervalMs: 2 }],
  ['proxy-dial-timeout', '3', { proxyDialTimeoutMs: 3 }],
  ['proxy-write-timeout', '4', { proxyWriteTimeoutMs: 4 }],
  ['proxy-read-timeout', '5', { proxyReadTimeoutMs: 5 }],
  ['debug', 'true', { debug: true }],
];

const refused: readonly (readonly [string, string])[] = [
  ['discovery-srv', 'example.com'],
  ['ca-file', '/c'],
  ['cert-file', '/c'],
  ['key-file', '/c'],
  ['client-cert-auth', 'true'],
  ['trusted-ca-file', '/c'],
  ['peer-ca-file', '/c'],
  ['peer-cert-file', '/c'],
  ['peer-key-file', '/c'],
  ['peer-client-cert-auth', 'true'],
  ['peer-trusted-ca-file', '/c'],
  ['log-package-levels', 'etcdserver=DEBUG'],
  ['force-new-cluster', 'true'],
  ['enable-pprof', 'true'],
  ['experimental-v3demo', 'true'],
  ['experimental-gRPC-addr', '127.0.0.1:1'],
  ['experimental-auto-compaction-retention', '1'],
];

describe('a flag that is there', () => {
  it.each(honoured)('-%s=%s counts, on the line and as a variable', (name, value, wanted) => {
    const none = config([]);

    const byFlag = config([`-${name}=${value}`]);
    const byVariable = config([], { [variable(name)]: value });

    const [field = ''] = Object.keys(wanted);
    expect(byFlag).toMatchObject(wanted);
    expect(byVariable).toMatchObject(wanted);
    expect(none[field as keyof ServerConfig]).not.toEqual(Object.values(wanted)[0]);
  });

  it('-listen-client-urls counts together with what it advertises', () => {
    const read = config([], {
      ETCD_LISTEN_CLIENT_URLS: 'http://0.0.0.0:2379',
      ETCD_ADVERTISE_CLIENT_URLS: 'http://10.0.0.1:2379',
    });

    expect(read.listenClientUrls).toEqual(['http://0.0.0.0:2379']);
  });
});

describe('a flag that is not there yet', () => {
  it.each(refused)('-%s=%s is refused with the reason and the remedy', (name, value) => {
    const [lineCode, line] = refusal([`--${name}=${value}`]);
    const [variableCode, byVariable] = refusal([], { [variable(name)]: value });

    expect([lineCode, variableCode]).toEqual([1, 1]);
    expect(line).toMatch(/cannot be used: .* not (there|there yet)/);
    expect(line).toContain(`Leave out -${name} and the variable ${variable(name)}`);
    expect(byVariable).toBe(line);
  });

  it.each(refused)('-%s at its default is no reason to refuse', (name, value) => {
    const fallback = { 'experimental-gRPC-addr': '127.0.0.1:2378' }[name];
    const isNumber = name === 'experimental-auto-compaction-retention';
    const word = fallback ?? (value === 'true' ? 'false' : isNumber ? '0' : '');

    expect(config([`-${name}=${word}`]).name).toBe('default');
  });

  it.each(['listen-client-urls', 'listen-peer-urls', 'initial-advertise-peer-urls'])(
    '-%s with https is refused: TLS is not there',
    (name) => {
      const words = [`-${name}=https://127.0.0.1:1`, '-advertise-client-urls=http://a:1'];

      expect(refusal(words)).toEqual([1, expect.stringContaining('TLS is not there yet')]);
    },
  );

  it('https in -initial-cluster is refused too: no peer could be dialled', () => {
    const [code, message] = refusal(['-initial-cluster=a=https://a:1,b=http://b:1']);

    expect([code, message]).toEqual([1, expect.stringContaining('TLS is not there yet')]);
  });
});

describe('the command line', () => {
  it('takes one dash or two, with "=" or without, and booleans alone', () => {
    const read = config([
      '-name',
      'a',
      '--heartbeat-interval=20',
      '-debug',
      '--election-timeout',
      '0x7d0',
    ]);

    expect(read).toMatchObject({ name: 'a', heartbeatMs: 20, debug: true, electionMs: 2000 });
  });

  it('wins over the variable, and says that the variable was not used', () => {
    const read = config(['-name', 'line'], { ETCD_NAME: 'variable' });

    expect(read.name).toBe('line');
    expect(read.warnings).toContain(
      'recognized environment variable ETCD_NAME, but unused: shadowed by corresponding flag',
    );
  });

  it('has an empty variable count for none, and names one that is unknown', () => {
    const read = config([], { ETCD_NAME: '', ETCD_DATADIR: '/d', ETCD_UNSUPPORTED_ARCH: 'arm' });

    expect(read.name).toBe('default');
    expect(read.warnings).toContain(
      'unrecognized environment variable ETCD_DATADIR=/d; did you mean ETCD_DATA_DIR?',
    );
    expect(read.warnings.join()).not.toContain('ARCH');
  });

  it.each([
    [['-h'], 0],
    [['--help'], 0],
    [['--version'], 0],
    [['-version=T'], 0],
  ])('%j prints and ends with 0', (words, code) => {
    const read = readConfig(words, {});

    expect(read).toMatchObject({ kind: 'exit', code, stderr: '' });
    expect(read.kind === 'exit' ? read.stdout : '').toMatch(
      /^usage: etcd2|^etcd Version: 2\.3\.8\n/,
    );
  });

  it.each([
    [['-nmae', 'a'], 'flag provided but not defined: -nmae. Did you mean -name?'],
    [['--zzzzzz'], 'flag provided but not defined: -zzzzzz'],
    [['-name'], 'flag needs an argument: -name'],
    [['---name=a'], 'bad flag syntax: ---name=a'],
    [['-peers=x'], 'flag "-peers" is no longer supported.'],
    [
      ['-heartbeat-interval=abc'],
      'invalid value "abc" for flag -heartbeat-interval: strconv.ParseUint: parsing "abc": invalid syntax',
    ],
    [
      ['-debug=maybe'],
      'invalid value "maybe" for flag -debug: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [
      ['-proxy=maybe'],
      'invalid value "maybe" for flag -proxy: invalid value. Choose one of off, readonly, on',
    ],
    [
      ['-listen-peer-urls=ftp://a:1'],
      'invalid value "ftp://a:1" for flag -listen-peer-urls: URL scheme must be http or https: ftp://a:1',
    ],
    [
      ['-addr=nowhere'],
      'invalid value "http://nowhere" for flag -addr: URL address does not have the form "host:port": http://nowhere',
    ],
  ])('%j ends with 2 and says how to go on', (words, message) => {
    const read = readConfig(words, {});

    expect(refusal(words)).toEqual([2, message]);
    expect(read.kind === 'exit' ? read.stderr : '').toMatch(/\n +etcd2 -h \| --help\n/);
  });

  it.each([
    [['extra'], "error verifying flags, 'extra' is not a valid flag. See 'etcd --help'."],
    [['-debug', 'false'], "error verifying flags, 'false' is not a valid flag. See 'etcd --help'."],
    [
      ['-listen-client-urls=http://a:1'],
      "error verifying flags, -advertise-client-urls is required when -listen-client-urls is set explicitly. See 'etcd --help'.",
    ],
    [
      ['-heartbeat-interval=300'],
      "error verifying flags, -election-timeout[1000ms] should be at least as 5 times as -heartbeat-interval[300ms]. See 'etcd --help'.",
    ],
    [
      ['-election-timeout=60000'],
      "error verifying flags, -election-timeout[60000ms] is too long, and should be set less than 50000ms. See 'etcd --help'.",
    ],
    [
      ['-heartbeat-interval=0'],
      "error verifying flags, -heartbeat-interval must be >0 (set to 0ms). See 'etcd --help'.",
    ],
    [
      ['-initial-cluster=a=http://a:1', '-discovery=http://d/T'],
      'error verifying flags, multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery" or "discovery-srv". See \'etcd --help\'.',
    ],
    [
      ['-discovery=127.0.0.1:2379/x'],
      "error verifying flags, -discovery=127.0.0.1:2379/x is not a URL to ask: it has to be http://HOST[:PORT]/TOKEN or https. See 'etcd --help'.",
    ],
    [
      ['-addr=a:1', '-advertise-client-urls=http://a:1'],
      "error verifying flags, Set only one of flags -advertise-client-urls and -addr. See 'etcd --help'.",
    ],
    [['-initial-cluster=a='], 'error setting up initial cluster: Empty URL given for "a"'],
  ])('%j contradicts itself: exit 1', (words, message) => {
    expect(refusal(words)).toEqual([1, message]);
  });

  it('names the variable whose value is wrong: exit 1', () => {
    expect(refusal([], { ETCD_HEARTBEAT_INTERVAL: 'abc' })).toEqual([
      1,
      'invalid value "abc" for ETCD_HEARTBEAT_INTERVAL: strconv.ParseUint: parsing "abc": invalid syntax',
    ]);
  });
});

describe('flags of etcd 0.4', () => {
  it('stand for their successors, and listen where they advertise', () => {
    const words = ['-addr', '10.0.0.1:4001', '-peer-addr', '10.0.0.1:7001'];

    const read = config(words);

    expect(read).toMatchObject({
      advertiseClientUrls: ['http://10.0.0.1:4001'],
      listenClientUrls: ['http://[::]:4001'],
      initialAdvertisePeerUrls: ['http://10.0.0.1:7001'],
      listenPeerUrls: ['http://[::]:7001'],
    });
    expect(config([...words, '-bind-addr', '0.0.0.0:1'])).toMatchObject({
      listenClientUrls: ['http://0.0.0.0:1'],
    });
  });

  it('count as variables, too', () => {
    const read = config([], { ETCD_ADDR: '10.0.0.1:4001' });

    expect(read.advertiseClientUrls).toEqual(['http://10.0.0.1:4001']);
    expect(refusal([], { ETCD_PEERS: 'a:1' })).toEqual([
      1,
      'the variable ETCD_PEERS is no longer supported. Unset it',
    ]);
  });

  it('that mean nothing any more are ignored with a warning, as in etcd', () => {
    const read = config(['-snapshot', '-max-retry-attempts', '3'], { ETCD_VV: 'true' });

    expect(read.warnings).toEqual([
      'flag "-snapshot" is no longer supported - ignoring.',
      'flag "-max-retry-attempts" is no longer supported - ignoring.',
      'the variable ETCD_VV is no longer supported - ignoring.',
      'no data-dir provided, using default data-dir ./default.etcd',
    ]);
  });
});

describe('defaults', () => {
  it('are those of etcd 2.3.8, with the member’s own name in the initial cluster', () => {
    const read = config(['-name', 'n1']);

    const both = ['http://localhost:2380', 'http://localhost:7001'];
    expect(read).toMatchObject({
      dataDir: 'n1.etcd',
      snapshotCount: 10_000,
      heartbeatMs: 100,
      electionMs: 1_000,
      listenPeerUrls: both,
      listenClientUrls: ['http://localhost:2379', 'http://localhost:4001'],
      maxSnapshots: 5,
      maxWals: 5,
      initialClusterToken: 'etcd-cluster',
      discoveryFallback: 'proxy',
      strictReconfigCheck: false,
      proxy: 'off',
    });
    expect([...read.initialCluster]).toEqual([['n1', both]]);
  });

  it('with discovery and its fallback nothing need be advertised', () => {
    const words = ['-discovery=http://d/T', '-listen-client-urls=http://a:1'];

    expect(config(words).advertiseClientUrlsGiven).toBe(false);
    expect(refusal([...words, '-discovery-fallback=exit'])[0]).toBe(1);
  });
});
