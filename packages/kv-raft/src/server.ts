// Composition root: from a configuration to a member that serves. It owns the order of starting and
// stopping, and what is told to the user when a start fails.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, errorMessage, systemErrorCode } from '@corral/kit';
import type { Clock, DialMap, Logger, Prng } from '@corral/kit';
import { defaultConfig } from '@corral/raft';
import type { Entry } from '@corral/raft';
import { DiscoveryState, resolveBootstrap } from './bootstrap/resolve.js';
import type { BootstrapPlan } from './bootstrap/plan.js';
import { listenAddress } from './config/urls.js';
import type { ServerConfig } from './config/config.js';
import { createMember, inspectDataDir, lockDataDir, openMember } from './disk/data-dir.js';
import type { DataDirOptions } from './disk/data-dir.js';
import { EtcdServer } from './etcd-server.js';
import type { Backend } from './backend.js';
import { createApp } from './http/app.js';
import { ClientListeners } from './http/listeners.js';
import { encodeChangeContext } from './members.js';
import { peerHttpHandler } from './peer/peer-http.js';
import { PeerTransport, addressOf, bindPeerListeners } from './peer/peer-transport.js';

export type ServerErrorCode =
  /** An address cannot be listened on. */
  | 'E_LISTEN'
  /** member/ and proxy/ in one data directory. */
  | 'E_DATA_DIR_BOTH';

export class ServerError extends CodedError<ServerErrorCode> {}

export type StartOptions = {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly setLogLevel: Backend['setLogLevel'];
  readonly dialMap: DialMap;
  /** Certificates to trust for https discovery. */
  readonly trusted: () => readonly string[];
  readonly pid: number;
  readonly commandLine: readonly string[];
  readonly signal?: AbortSignal | undefined;
  /** The process has to end: the disk failed, or the log contradicts itself. */
  readonly onFatal: (error: unknown) => void;
  /** This member was removed from the cluster. */
  readonly onRemoved: () => void;
};

export type RunningMember = {
  readonly kind: 'member';
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
  readonly memberId: string;
  readonly clusterId: string;
  /** Hands leadership over, answers what is in flight within `graceMs`, and ends. */
  stop(options: { readonly graceMs: number }): Promise<void>;
};

/** The data directory says, or discovery does, that this process shall be a proxy. */
export type BecomesProxy = { readonly kind: 'proxy'; readonly peerUrls: readonly string[] };

const handOverMs = 1_000;
/** After the last request that was in flight: how long newcomers are still told to go elsewhere. */
const drainTailMs = 100;

/** Starts a member, or says that the process is to run as a proxy. Rejects with a coded error. */
export async function startMember(options: StartOptions): Promise<RunningMember | BecomesProxy> {
  const { config, logger } = options;
  const { content, foreign } = inspectDataDir(config.dataDir);
  if (content === 'both') {
    throw new ServerError(
      'E_DATA_DIR_BOTH',
      'invalid datadir. Both member and proxy directories exist.',
      { details: { dataDir: config.dataDir } },
    );
  }
  for (const name of foreign) {
    logger.warn(`found invalid file/dir ${name} under data dir ${config.dataDir}`);
  }
  if (content === 'proxy') {
    logger.info('the server is already initialized as proxy before, starting as etcd proxy...');
    const remembered = existsSync(join(config.dataDir, 'proxy', 'cluster'));
    return { kind: 'proxy', peerUrls: remembered ? [] : await DiscoveryState.proxyPeers(options) };
  }
  if (content === 'empty' && config.proxy !== 'off') {
    return { kind: 'proxy', peerUrls: await DiscoveryState.proxyPeers(options) };
  }
  if (content === 'member' && config.proxy !== 'off') {
    logger.info('the server is already initialized as member before, starting as etcd member...');
  }
  const cleanUp: (() => Promise<void> | void)[] = [];
  try {
    return await start(options, content === 'member', cleanUp);
  } catch (error) {
    for (const undo of cleanUp.reverse()) await undo();
    throw error;
  }
}

async function start(
  options: StartOptions,
  restart: boolean,
  cleanUp: (() => Promise<void> | void)[],
): Promise<RunningMember | BecomesProxy> {
  const { config, clock, logger } = options;
  const dirOptions: DataDirOptions = {
    dataDir: config.dataDir,
    walDir: config.walDir,
    clock,
    logger,
    pid: options.pid,
    reserveBytes: config.diskReserveBytes,
    maxSnapshots: config.maxSnapshots,
    maxWals: config.maxWals,
  };
  const lock = lockDataDir(dirOptions);
  cleanUp.push(() => lock.release());
  const listeners = await bindClients(config);
  cleanUp.push(() => listeners.close());
  let plan: BootstrapPlan | undefined;
  if (restart) DiscoveryState.warnIgnored(config, logger);
  else plan = await resolveBootstrap(options);
  if (plan?.kind === 'proxy') {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
    return plan;
  }
  const peerServers = await bindPeers(config);
  for (const server of peerServers) {
    // Nobody is at home yet: an immediate end makes the other side dial again soon.
    server.on('connection', (socket) => socket.destroy());
    cleanUp.push(() => void server.close());
  }
  if (plan !== undefined) {
    await createMember(dirOptions, firstState(plan));
    await DiscoveryState.forget(config);
  }
  const { recovered, storage } = await openMember(dirOptions, () => lock.release());
  cleanUp.push(() => storage.close());
  const { clusterId, memberId } = recovered.identity;
  logger.info(restart ? 'restarting member' : 'starting member', {
    memberId,
    clusterId,
    commit: recovered.hardState.commit,
  });
  for (const server of peerServers) server.removeAllListeners('connection');
  const electionMs = config.electionMs;
  const failures: unknown[] = [];
  const server: EtcdServer = new EtcdServer({
    name: config.name,
    advertiseClientUrls: advertisedClientUrls(config, listeners, logger),
    recovered,
    seedPeers: (plan?.members ?? []).filter((member) => member.id !== memberId),
    storage,
    makeTransport: (events) =>
      new PeerTransport({
        identity: recovered.identity,
        servers: peerServers,
        httpHandler: peerHttpHandler(() => server.backend, logger),
        events,
        snapshots: {
          read: (meta) => storage.readSnapshot(meta),
          create: (meta) => storage.createSnapshot(meta),
        },
        clock,
        logger,
        prng: options.prng.fork('transport'),
        dialMap: options.dialMap,
        electionTimeoutMs: electionMs,
      }),
    raft: {
      ...defaultConfig,
      electionTicks: Math.round(electionMs / config.heartbeatMs),
      random: options.prng.fork('election'),
    },
    tickMs: config.heartbeatMs,
    snapshotCount: config.snapshotCount,
    strictReconfigCheck: config.strictReconfigCheck,
    quorumRead: config.quorumRead,
    session: options.prng.below(2 ** 26) * 2 ** 26 + options.prng.below(2 ** 26),
    clock,
    logger,
    setLogLevel: options.setLogLevel,
    defer: (run) => void setImmediate(run),
    onFatal: (error) => {
      failures.push(error);
      options.onFatal(error);
    },
    onRemoved: options.onRemoved,
  });
  const app = createApp({
    backend: server.backend,
    clock,
    logger,
    corsOrigins: config.corsOrigins,
    commandLine: options.commandLine,
  });
  server.start();
  // What was committed before the last stop is there before anybody can read.
  while (!server.backend.caughtUp) {
    if (failures.length > 0) throw failures[0];
    await clock.sleep(1);
  }
  listeners.serve(app.handle);
  const clientUrls = listeners.addresses.map(urlOf);
  logger.info('ready to serve client requests', { clientUrls });
  return {
    kind: 'member',
    clientUrls,
    peerUrls: peerServers.map((one) => urlOf(addressOf(one))),
    memberId,
    clusterId,
    async stop({ graceMs }) {
      const deadline = clock.now() + graceMs;
      app.drain();
      app.endWatches();
      await server.handOver(Math.min(handOverMs, graceMs));
      while (app.pending > 0 && clock.now() < deadline) await clock.sleep(5);
      await clock.sleep(Math.min(drainTailMs, Math.max(0, deadline - clock.now())));
      await server.close();
      await listeners.close();
      await storage.close();
    },
  };
}

/** What a new member's log holds: one entry per first member, the same on all of them. */
function firstState(plan: BootstrapPlan & { readonly kind: 'new' | 'join' }): {
  readonly identity: { readonly clusterId: string; readonly memberId: string };
  readonly hardState: { readonly term: number; readonly vote: undefined; readonly commit: number };
  readonly entries: readonly Entry[];
} {
  const identity = { clusterId: plan.clusterId, memberId: plan.memberId };
  if (plan.kind === 'join') {
    return { identity, hardState: { term: 0, vote: undefined, commit: 0 }, entries: [] };
  }
  const entries = plan.members.map(({ id, peerUrls }, i): Entry => {
    const context = encodeChangeContext({ peerUrls, session: 0, sequence: 0 });
    const change = { kind: 'add', node: id, context } as const;
    return { index: i + 1, term: 1, kind: 'membership', data: new Uint8Array(0), change };
  });
  const hardState = { term: 1, vote: undefined, commit: entries.length };
  return { identity, hardState, entries };
}

/**
 * With discovery, client URLs that nobody could dial (missing, or a wildcard) become each listen
 * port on the host by which the peers know this member; etcd would advertise localhost.
 */
function advertisedClientUrls(
  config: ServerConfig,
  listeners: ClientListeners,
  logger: Logger,
): readonly string[] {
  const given = config.advertiseClientUrls;
  const useless = (url: string): boolean => /\/\/(0\.0\.0\.0|\[::\])[:/]/.test(url);
  const missing = !config.advertiseClientUrlsGiven || given.some(useless);
  const peerUrl = config.initialAdvertisePeerUrls[0];
  if (config.discovery === undefined || !missing || peerUrl === undefined) return given;
  const { hostname } = new URL(peerUrl);
  const urls = listeners.addresses.map(({ port }) => `http://${hostname}:${port}`);
  logger.info('advertising client URLs on the host of the peer URL', { clientUrls: urls });
  return urls;
}

async function bindClients(config: ServerConfig): Promise<ClientListeners> {
  try {
    return await ClientListeners.bind(config.listenClientUrls.map(listenAddress));
  } catch (error) {
    throw listenError(error, config.listenClientUrls, 'listen-client-urls');
  }
}

async function bindPeers(
  config: ServerConfig,
): Promise<Awaited<ReturnType<typeof bindPeerListeners>>> {
  try {
    return await bindPeerListeners(config.listenPeerUrls.map(listenAddress));
  } catch (error) {
    throw listenError(error, config.listenPeerUrls, 'listen-peer-urls');
  }
}

const listenRefusals: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'bind: address already in use. Stop the process that listens there'],
  ['EADDRNOTAVAIL', 'bind: cannot assign requested address. Give this machine the address'],
  ['EACCES', 'bind: permission denied. Give the process the right to use the port'],
  ['ENOTFOUND', 'lookup: no such host. Make the name known'],
]);

function listenError(error: unknown, urls: readonly string[], flag: string): ServerError {
  const { address, port } = error as { readonly address?: string; readonly port?: number };
  const where = address === undefined ? urls.join(',') : `${address}:${port ?? ''}`;
  const code = systemErrorCode(error);
  const why = listenRefusals.get(code ?? '') ?? errorMessage(error);
  const instead = `choose another address with -${flag}`;
  return new ServerError('E_LISTEN', `listen tcp ${where}: ${why}, or ${instead}`, {
    cause: error,
    details: { address: where, errno: code },
  });
}

function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
