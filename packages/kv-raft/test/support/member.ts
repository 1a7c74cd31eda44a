// A member inside the test process: the real server on ports from 0, below a directory of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll, randomPrng, systemClock } from '@corral/kit';
import { RecordingLog } from '@corral/kit/testing';
import { readConfig } from '../../src/config/config.js';
import { startMember } from '../../src/server.js';
import type { RunningMember, StartOptions } from '../../src/server.js';
import { exchange } from './exchange.js';

export type TestMember = AsyncDisposable & {
  readonly url: string;
  readonly peerUrl: string;
  readonly memberId: string;
  readonly clusterId: string;
  readonly log: RecordingLog;
  readonly levels: string[];
};

/** A directory that goes with the test. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'corral-kv-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** What startMember takes, for words of the command line. */
export function startOptions(
  words: readonly string[],
  log: RecordingLog,
  more: Partial<StartOptions> = {},
): StartOptions {
  const read = readConfig(words, {});
  if (read.kind === 'exit') throw new Error(`bad flags in a test: ${read.stderr}`);
  return {
    config: read.config,
    clock: systemClock,
    prng: randomPrng(),
    logger: log,
    setLogLevel: () => undefined,
    dialMap: (host) => host,
    trusted: () => [],
    pid: process.pid,
    commandLine: ['etcd2'],
    onFatal: (error) => log.error(String(error)),
    onRemoved: () => undefined,
    ...more,
  };
}

/** Flags of a member whose ports come from 0. `peerUrl` is only a name here: nobody dials it. */
export function singleMemberWords(dataDir: string, peerUrl = 'http://127.0.0.1:2380'): string[] {
  return [
    ...['--name', 'one', '--data-dir', dataDir],
    ...['--listen-client-urls', 'http://127.0.0.1:0'],
    ...['--advertise-client-urls', 'http://127.0.0.1:2379'],
    ...['--listen-peer-urls', 'http://127.0.0.1:0'],
    ...['--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', `one=${peerUrl}`],
  ];
}

/** Starts a cluster of one and waits until it has written all that a start writes. */
export async function startSingleMember(words: readonly string[] = []): Promise<TestMember> {
  const directory = await temporaryDirectory();
  const log = new RecordingLog();
  const levels: string[] = [];
  const options = startOptions([...singleMemberWords(directory.path), ...words], log, {
    setLogLevel: (level) => void levels.push(level),
  });
  const started = await startMember(options);
  if (started.kind !== 'member') throw new Error('started as a proxy');
  const url = started.clientUrls[0]!;
  await settled(url);
  return {
    url,
    peerUrl: started.peerUrls[0]!,
    memberId: started.memberId,
    clusterId: started.clusterId,
    log,
    levels,
    [Symbol.asyncDispose]: () => end(started, directory),
  };
}

async function end(started: RunningMember, directory: AsyncDisposable): Promise<void> {
  await started.stop({ graceMs: 0 });
  await directory[Symbol.asyncDispose]();
}

/** A fresh member writes three times: its membership, its attributes, the cluster's version. */
export async function settled(url: string): Promise<void> {
  await poll(
    async () => {
      const answer = await exchange(url, { method: 'HEAD', path: '/v2/keys' }).catch(
        () => undefined,
      );
      return Number(answer?.headers['x-etcd-index'] ?? 0) >= 3 ? true : undefined;
    },
    { what: 'the start-up writes', timeoutMs: 15_000, clock: systemClock },
  );
}
