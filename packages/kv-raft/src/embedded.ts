// A one-member store inside another program: the same server on a loopback port of its own.
import type { Clock, Logger, Prng } from '@corral/kit';
import { readConfig } from './config/config.js';
import { ServerError, startMember } from './server.js';

export type EmbeddedStore = {
  readonly clientUrl: string;
  close(): Promise<void>;
};

/** Starts it below `dataDir` and resolves when it serves. Rejects with a coded error. */
export async function startEmbeddedStore(options: {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly pid: number;
  readonly onFatal: (error: unknown) => void;
}): Promise<EmbeddedStore> {
  const peerUrl = 'http://127.0.0.1:2380';
  const words = [
    ['--name', 'embedded'],
    ['--data-dir', options.dataDir],
    ['--listen-client-urls', 'http://127.0.0.1:0'],
    ['--advertise-client-urls', 'http://127.0.0.1:0'],
    ['--listen-peer-urls', 'http://127.0.0.1:0'],
    ['--initial-advertise-peer-urls', peerUrl],
    ['--initial-cluster', `embedded=${peerUrl}`],
  ].flat();
  const read = readConfig(words, {});
  if (read.kind === 'exit') throw new ServerError('E_LISTEN', read.stderr);
  const started = await startMember({
    ...options,
    config: read.config,
    setLogLevel: () => undefined,
    dialMap: (host) => host,
    trusted: () => [],
    commandLine: [],
    onRemoved: () => undefined,
  });
  const clientUrl = started.kind === 'member' ? started.clientUrls[0] : undefined;
  if (started.kind !== 'member' || clientUrl === undefined) {
    throw new ServerError('E_DATA_DIR_BOTH', `${options.dataDir} belongs to a proxy`);
  }
  return { clientUrl, close: () => started.stop({ graceMs: 500 }) };
}
