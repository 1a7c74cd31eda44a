// Command line and environment to one frozen configuration, or to the text and exit code that say
// why not. Three steps: collect (flag over variable over default), convert, check. The messages are
// those of etcd 2.3.8.
import { parseGoBoolean } from '@corral/kit';
import { serverVersion } from '../version.js';
import { Refused, collect, parseGoUnsigned, verifying } from './collect.js';
import type { Collected, Environment } from './collect.js';
import { flags, variableOf } from './flags.js';
import { parseInitialCluster, parseUrls } from './urls.js';
import type { PlainUrl } from './urls.js';

export type ServerConfig = {
  readonly name: string;
  readonly dataDir: string;
  readonly walDir: string | undefined;
  readonly snapshotCount: number;
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly listenPeerUrls: readonly PlainUrl[];
  readonly listenClientUrls: readonly PlainUrl[];
  readonly maxSnapshots: number;
  readonly maxWals: number;
  readonly corsOrigins: readonly string[];
  readonly initialAdvertisePeerUrls: readonly PlainUrl[];
  readonly initialCluster: ReadonlyMap<string, readonly PlainUrl[]>;
  readonly initialClusterText: string;
  readonly initialClusterState: 'new' | 'existing';
  readonly initialClusterToken: string;
  readonly advertiseClientUrls: readonly PlainUrl[];
  /** False when the flag was missing: with discovery its value is then worked out. */
  readonly advertiseClientUrlsGiven: boolean;
  readonly discovery: string | undefined;
  readonly discoveryFallback: 'exit' | 'proxy';
  readonly discoveryProxy: string | undefined;
  readonly strictReconfigCheck: boolean;
  readonly proxy: 'off' | 'readonly' | 'on';
  readonly proxyFailureWaitMs: number;
  readonly proxyRefreshIntervalMs: number;
  readonly proxyDialTimeoutMs: number;
  readonly proxyWriteTimeoutMs: number;
  readonly proxyReadTimeoutMs: number;
  readonly debug: boolean;
  readonly quorumRead: 'index' | 'log';
  readonly diskReserveBytes: number;
  readonly warnings: readonly string[];
};

export type ConfigResult =
  | { readonly kind: 'config'; readonly config: ServerConfig }
  | {
      readonly kind: 'exit';
      readonly code: number;
      readonly stdout: string;
      readonly stderr: string;
    };

/**
 * The configuration, or the text and code to end with: 0 for help and version, 2 for what is no
 * flag or no value, 1 for what contradicts itself or is not there yet.
 */
export function readConfig(words: readonly string[], environment: Environment): ConfigResult {
  try {
    const collected = collect(words, environment);
    if (parseGoBoolean(collected.values.get('version') ?? '') === true)
      return exit(0, versionText());
    refuseMissing(collected.values);
    const config = convert(collected);
    check(collected, config);
    return { kind: 'config', config: Object.freeze(config) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.code === 0) return exit(0, error.message);
    return exit(error.code, '', error.message);
  }
}

function exit(code: number, stdout: string, stderr = ''): ConfigResult {
  return { kind: 'exit', code, stdout, stderr: stderr === '' ? '' : `${stderr}\n` };
}

function versionText(): string {
  const { arch, platform, version } = process;
  return (
    `etcd Version: ${serverVersion}\nGit SHA: corral\n` +
    `Go Version: none (Node ${version})\nGo OS/Arch: ${platform}/${arch}\n`
  );
}

function refuseMissing(values: ReadonlyMap<string, string>): void {
  for (const { name, missing, fallback, kind } of flags) {
    if (missing === undefined) continue;
    const value = values.get(name) ?? fallback;
    const isDefault = kind === 'boolean' ? parseGoBoolean(value) === false : value === fallback;
    if (isDefault) continue;
    const hint = `Leave out -${name} and the variable ${variableOf(name)}`;
    throw new Refused(1, `-${name}=${value} cannot be used: ${missing}. ${hint}`);
  }
  for (const name of [
    'listen-client-urls',
    'listen-peer-urls',
    'initial-advertise-peer-urls',
    'initial-cluster',
  ]) {
    const value = values.get(name) ?? '';
    if (!value.includes('https://')) continue;
    throw new Refused(1, `-${name}=${value} cannot be used: TLS is not there yet. Use http URLs`);
  }
}

function convert({ values, given, warnings }: Collected): ServerConfig {
  const text = (name: string): string => values.get(name) ?? '';
  const number = (name: string): number => parseGoUnsigned(text(name)) ?? 0;
  const optional = (name: string): string | undefined =>
    text(name) === '' ? undefined : text(name);
  const name = text('name');
  const initialClusterText =
    !given.has('initial-cluster') && name !== 'default'
      ? text('initial-cluster').replaceAll('default=', `${name}=`)
      : text('initial-cluster');
  const dataDir = optional('data-dir');
  const more =
    dataDir === undefined ? [`no data-dir provided, using default data-dir ./${name}.etcd`] : [];
  return {
    name,
    dataDir: dataDir ?? `${name}.etcd`,
    walDir: optional('wal-dir'),
    snapshotCount: number('snapshot-count'),
    heartbeatMs: number('heartbeat-interval'),
    electionMs: number('election-timeout'),
    listenPeerUrls: parseUrls(text('listen-peer-urls')),
    listenClientUrls: parseUrls(text('listen-client-urls')),
    maxSnapshots: number('max-snapshots'),
    maxWals: number('max-wals'),
    corsOrigins: text('cors')
      .split(',')
      .filter((origin) => origin !== ''),
    initialAdvertisePeerUrls: parseUrls(text('initial-advertise-peer-urls')),
    initialCluster: readInitialCluster(initialClusterText),
    initialClusterText,
    initialClusterState: text('initial-cluster-state') === 'existing' ? 'existing' : 'new',
    initialClusterToken: text('initial-cluster-token'),
    advertiseClientUrls: parseUrls(text('advertise-client-urls')),
    advertiseClientUrlsGiven: given.has('advertise-client-urls'),
    discovery: optional('discovery'),
    discoveryFallback: text('discovery-fallback') === 'exit' ? 'exit' : 'proxy',
    discoveryProxy: optional('discovery-proxy'),
    strictReconfigCheck: parseGoBoolean(text('strict-reconfig-check')) === true,
    proxy: proxyMode(text('proxy')),
    proxyFailureWaitMs: number('proxy-failure-wait'),
    proxyRefreshIntervalMs: number('proxy-refresh-interval'),
    proxyDialTimeoutMs: number('proxy-dial-timeout'),
    proxyWriteTimeoutMs: number('proxy-write-timeout'),
    proxyReadTimeoutMs: number('proxy-read-timeout'),
    debug: parseGoBoolean(text('debug')) === true,
    quorumRead: text('quorum-read') === 'log' ? 'log' : 'index',
    diskReserveBytes: number('disk-reserve'),
    warnings: [...warnings, ...more],
  };
}

function readInitialCluster(text: string): Map<string, PlainUrl[]> {
  try {
    return parseInitialCluster(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : '';
    throw new Refused(1, `error setting up initial cluster: ${why}`);
  }
}

function proxyMode(text: string): ServerConfig['proxy'] {
  return text === 'on' || text === 'readonly' ? text : 'off';
}

function check({ given }: Collected, config: ServerConfig): void {
  const { heartbeatMs, electionMs, discovery, discoveryFallback, proxy } = config;
  if (given.has('initial-cluster') && discovery !== undefined) {
    throw verifying(
      'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", ' +
        '"discovery" or "discovery-srv"',
    );
  }
  if (discovery !== undefined && !isHttpUrl(discovery)) {
    throw verifying(
      `-discovery=${discovery} is not a URL to ask: it has to be http://HOST[:PORT]/TOKEN or https`,
    );
  }
  const mayFallBack = discovery !== undefined && discoveryFallback === 'proxy';
  const mustAdvertise = proxy === 'off' && !mayFallBack;
  if (given.has('listen-client-urls') && !given.has('advertise-client-urls') && mustAdvertise) {
    throw verifying(
      '-advertise-client-urls is required when -listen-client-urls is set explicitly',
      '\nWhen listening on specific address(es), this etcd process must advertise accessible ' +
        'url(s) to each connected client.',
    );
  }
  if (heartbeatMs < 1) throw verifying('-heartbeat-interval must be >0 (set to 0ms)');
  if (5 * heartbeatMs > electionMs) {
    throw verifying(
      `-election-timeout[${electionMs}ms] should be at least as 5 times as ` +
        `-heartbeat-interval[${heartbeatMs}ms]`,
    );
  }
  if (electionMs > 50_000) {
    throw verifying(
      `-election-timeout[${electionMs}ms] is too long, and should be set less than 50000ms`,
    );
  }
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\/[^/]/.test(text) && URL.canParse(text);
}
