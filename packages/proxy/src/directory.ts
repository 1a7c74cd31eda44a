// Where the members are: peer URLs, remembered in DATA/proxy/cluster, and the client URLs that the
// members advertise, asked for on a peer port at every refresh. (etcd 2.3, etcdmain proxy)
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
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
  readonly #closing = new AbortController();

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

  /** Asks the peers for the members. What is known stays when none answers. Never rejects. */
  async refresh(): Promise<void> {
    const { dialMap, endpoints, logger } = this.#options;
    const { signal } = this.#closing;
    const ask = { timeoutMs: fetchTimeoutMs, dialMap, signal };
    const cluster = await fetchCluster(this.#peerUrls, ask);
    if (signal.aborted) return;
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
    const before = endpoints.size;
    const after = endpoints.refresh(urls.filter((url) => this.#isUsable(url)));
    if (before === 0 && after > 0) logger.info('proxy: endpoints found', { urls });
    const peerUrls = [...new Set(cluster.members.flatMap((member) => member.peerUrls))].sort();
    if (peerUrls.length === 0 || peerUrls.join() === this.#peerUrls.join()) return;
    logger.info('proxy: updated peer urls', { from: this.#peerUrls, to: peerUrls });
    this.#peerUrls = peerUrls;
    try {
      this.#remember(peerUrls);
    } catch (error) {
      // The members are known all the same; the next change is written again.
      logger.error('proxy: cannot remember the peers', { error: errorMessage(error) });
    }
  }

  #isUsable(url: string): boolean {
    const { isOwn, logger } = this.#options;
    if (!/^http:\/\/[^/]/.test(url)) {
      logger.warn('proxy: a member advertises what this proxy cannot dial (http only)', { url });
      return false;
    }
    if (!isOwn(url)) return true;
    logger.warn('proxy: a member advertises an address that leads back to this proxy', { url });
    return false;
  }

  /** An endpoint failed: look for the members soon instead of at the next interval. */
  refreshSoon(): void {
    if (this.#closing.signal.aborted || this.#soon) return;
    this.#soon = true;
    this.#schedule();
  }

  close(): void {
    this.#closing.abort();
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#closing.signal.aborted) return;
    const { endpoints, refreshIntervalMs, clock } = this.#options;
    const impatient = endpoints.size === 0 || this.#incomplete;
    const wantedMs = impatient ? impatientMs : this.#soon ? afterFailureMs : refreshIntervalMs;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(Math.min(wantedMs, refreshIntervalMs), () => {
      this.#soon = false;
      void this.refresh().finally(() => this.#schedule());
    });
  }

  /** Undefined when there is nothing, or an empty list, which would leave the proxy blind. */
  #remembered(): readonly string[] | undefined {
    if (!existsSync(this.#file)) return undefined;
    try {
      // etcd's own reader ignores the case of names, too.
      const parsed: unknown = JSON.parse(readFileSync(this.#file, 'utf8'));
      const fields = Object.entries((parsed ?? {}) as Readonly<Record<string, unknown>>);
      const urls = fields.find(([name]) => name.toLowerCase() === 'peerurls')?.[1];
      if (!Array.isArray(urls)) throw new Error('no PeerURLs in it');
      return urls.length === 0 ? undefined : urls.map(String);
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
      const file = openSync(`${this.#file}.bak`, 'w', 0o600);
      try {
        writeSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(`${this.#file}.bak`, this.#file);
    } catch (error) {
      throw new ProxyError('E_PROXY_DATA', `cannot write ${this.#file}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }
}
