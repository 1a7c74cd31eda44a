// Where the members are: peer URLs, remembered in DATA/proxy/cluster, and the client URLs that the
// members advertise, asked for on a peer port at every refresh. (etcd 2.3, etcdmain proxy)
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, errorMessage } from '@corral/kit';
import type { Clock, DialMap, Logger, Timer } from '@corral/kit';
import { fetchCluster } from '@corral/etcd-client';
import type { Endpoints } from './endpoints.js';

export class ProxyError extends CodedError<'E_PROXY_DATA' | 'E_PROXY_LISTEN'> {}

const fetchTimeoutMs = 10_000;
/** While no endpoint is known, or a member has not said yet where its clients go. */
const impatientMs = 100;
/** After an endpoint failed: the membership may have changed. At most this often. */
const afterFailureMs = 500;

export type DirectoryOptions = {
  readonly dataDir: string;
  /** From flags or discovery; what the data directory remembers wins. */
  readonly peerUrls: readonly string[];
  readonly refreshIntervalMs: number;
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly dialMap: DialMap;
  /** Client URLs that lead back to this proxy. */
  readonly isOwn: (url: string) => boolean;
};

export class Directory {
  readonly #options: DirectoryOptions;
  readonly #file: string;
  #peerUrls: readonly string[];
  #clusterId: string | undefined;
  #timer: Timer | undefined;
  /** Some member of the last list has published no client URL yet. */
  #incomplete = false;
  #soon = false;
  #closed = false;

  /** Throws ProxyError when the data directory cannot be used. */
  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#file = join(options.dataDir, 'proxy', 'cluster');
    this.#peerUrls = this.#remembered() ?? options.peerUrls;
    this.#remember(this.#peerUrls);
  }

  /** Asks once now, then at every interval. */
  async start(): Promise<void> {
    await this.refresh();
    this.#schedule();
  }

  async refresh(): Promise<void> {
    const { dialMap, endpoints, logger, isOwn } = this.#options;
    const cluster = await fetchCluster(this.#peerUrls, { timeoutMs: fetchTimeoutMs, dialMap });
    if (cluster === undefined) {
      if (endpoints.size === 0) {
        logger.warn('proxy: no member could be asked for the members', { peers: this.#peerUrls });
      }
      return;
    }
    this.#clusterId ??= cluster.clusterId;
    if (this.#clusterId !== cluster.clusterId) {
      logger.error('proxy: the peers belong to another cluster now; keeping the last members', {
        was: this.#clusterId,
        is: cluster.clusterId,
      });
      return;
    }
    this.#incomplete = cluster.members.some((member) => member.clientUrls.length === 0);
    const urls = cluster.members.flatMap((member) => member.clientUrls);
    endpoints.refresh(urls.filter((url) => !isOwn(url)));
    const peerUrls = cluster.members.flatMap((member) => member.peerUrls);
    if (peerUrls.length > 0 && peerUrls.join() !== this.#peerUrls.join()) {
      this.#peerUrls = peerUrls;
      this.#remember(peerUrls);
    }
  }

  /** An endpoint failed: look for the members soon instead of at the next interval. */
  refreshSoon(): void {
    if (this.#closed || this.#soon) return;
    this.#soon = true;
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    const { endpoints, refreshIntervalMs, clock } = this.#options;
    const impatient = endpoints.size === 0 || this.#incomplete;
    const wantedMs = impatient ? impatientMs : this.#soon ? afterFailureMs : refreshIntervalMs;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(Math.min(wantedMs, refreshIntervalMs), () => {
      this.#soon = false;
      void this.refresh().finally(() => {
        if (!this.#closed) this.#schedule();
      });
    });
  }

  #remembered(): readonly string[] | undefined {
    if (!existsSync(this.#file)) return undefined;
    try {
      const parsed = JSON.parse(readFileSync(this.#file, 'utf8')) as { PeerURLs?: unknown };
      if (!Array.isArray(parsed.PeerURLs)) throw new Error('no PeerURLs in it');
      return parsed.PeerURLs.map(String);
    } catch (error) {
      throw new ProxyError(
        'E_PROXY_DATA',
        `cannot read ${this.#file}: ${errorMessage(error)}. Delete it: the peers are then taken ` +
          'from --initial-cluster or --discovery',
        { cause: error },
      );
    }
  }

  #remember(peerUrls: readonly string[]): void {
    try {
      mkdirSync(join(this.#options.dataDir, 'proxy'), { recursive: true, mode: 0o700 });
      const text = JSON.stringify({ PeerURLs: peerUrls });
      writeFileSync(`${this.#file}.tmp`, text, { mode: 0o600 });
      renameSync(`${this.#file}.tmp`, this.#file);
    } catch (error) {
      throw new ProxyError('E_PROXY_DATA', `cannot write ${this.#file}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }
}
