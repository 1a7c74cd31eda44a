// The client side of discovery: register under the token, wait for the others. The requests, their
// order and the texts are etcd's, so that real etcds and ours find each other. Better than the
// original where that is invisible on the wire: a member that was killed while it waited goes on
// waiting, members are counted by listing them anew, and a late-comer takes its key away again.
// (etcd 2.3 documentation, dev-internal/discovery_protocol.md)
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { backoff, errorMessage } from '@corral/kit';
import type { Clock, Logger, Prng } from '@corral/kit';
import { parseInitialCluster } from '../config/urls.js';
import { discoveryExchange } from './discovery-http.js';
import type { DiscoveryAnswer, DiscoveryHttpOptions, DiscoveryRequest } from './discovery-http.js';
import { memberId } from './ids.js';
import { BootstrapError } from './plan.js';

export type DiscoveryOptions = DiscoveryHttpOptions & {
  /** Exactly as configured: ids hash it. */
  readonly url: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly dataDir: string;
  /** Where the registration is remembered until the member exists. */
  readonly stateFile: string;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly signal?: AbortSignal | undefined;
};

export type DiscoveryResult =
  | { readonly kind: 'cluster'; readonly cluster: ReadonlyMap<string, readonly string[]> }
  | { readonly kind: 'full'; readonly cluster: ReadonlyMap<string, readonly string[]> };

type Registration = {
  readonly key: string;
  readonly value: string;
  readonly createdIndex: bigint;
};
type Listing = {
  readonly size: number;
  readonly registrations: readonly Registration[];
  readonly etcdIndex: number;
};

const requestTimeoutMs = 5_000;
/** Services end a wait after a few minutes; one that is silent for longer is gone. */
const waitTimeoutMs = 6 * 60_000;

/** Registers this member and waits until the cluster is complete. Throws BootstrapError. */
export async function joinDiscovery(options: DiscoveryOptions): Promise<DiscoveryResult> {
  const client = new DiscoveryClient(options);
  const id = memberId(options.peerUrls, options.url);
  const value = options.peerUrls
    .map((url) => `${options.name}=${url}`)
    .sort()
    .join(',');
  const first = await client.list();
  if (isFullWithout(first, id)) return full(options, first);
  await client.register(id, value);
  for (;;) {
    const listing = await client.list();
    if (isFullWithout(listing, id)) {
      await client.unregister(id);
      return full(options, listing);
    }
    const found = listing.registrations.slice(0, listing.size);
    if (found.length >= listing.size) {
      options.logger.info(`found ${listing.size} needed peer(s)`);
      return { kind: 'cluster', cluster: clusterOf(options, found) };
    }
    const missing = listing.size - found.length;
    options.logger.info(`found ${found.length} peer(s), waiting for ${missing} more`);
    await client.waitForChange(listing.etcdIndex + 1);
  }
}

/** What a proxy needs: waits until the cluster is complete, without registering. */
export async function readDiscovery(
  options: DiscoveryOptions,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const client = new DiscoveryClient(options);
  for (;;) {
    const listing = await client.list();
    const found = listing.registrations.slice(0, listing.size);
    if (found.length >= listing.size) return clusterOf(options, found);
    const missing = listing.size - found.length;
    options.logger.info(`found ${found.length} peer(s), waiting for ${missing} more`);
    await client.waitForChange(listing.etcdIndex + 1);
  }
}

class DiscoveryClient {
  readonly #options: DiscoveryOptions;
  readonly #pauses: { next(): number; reset(): void };

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const { prng } = options;
    this.#pauses = backoff({ firstMs: 250, maxMs: 60_000, jitter: 0.2, prng });
  }

  /** Size and registrations, in order of creation. */
  async list(): Promise<Listing> {
    const query = 'quorum=false&recursive=false&sorted=false';
    const sizeAnswer = await this.#retry({
      method: 'GET',
      url: this.#url(`/_config/size?${query}`),
      timeoutMs: requestTimeoutMs,
    });
    const size = parseSize(this.#parse(sizeAnswer));
    const answer = await this.#retry({
      method: 'GET',
      url: this.#url(`?${query}`),
      timeoutMs: requestTimeoutMs,
    });
    const registrations = (this.#parse(answer).node?.nodes ?? [])
      .filter((node) => lastName(node.key) !== '_config')
      .map((node) => ({
        key: lastName(node.key),
        value: node.value ?? '',
        createdIndex: BigInt(node.createdIndex ?? '0'),
      }))
      .sort((a, b) => (a.createdIndex < b.createdIndex ? -1 : 1));
    this.#pauses.reset();
    return { size, registrations, etcdIndex: answer.etcdIndex };
  }

  /** Puts the own key; a key of ours that an earlier life of this process left counts as put. */
  async register(id: string, value: string): Promise<void> {
    const { stateFile, url, dataDir } = this.#options;
    const remembered = await readFile(stateFile, 'utf8').catch(() => '');
    const note = JSON.stringify({ url, id, value });
    await mkdir(dirname(stateFile), { recursive: true, mode: 0o700 });
    await writeFile(`${stateFile}.tmp`, note, { mode: 0o600 });
    await rename(`${stateFile}.tmp`, stateFile);
    const answer = await this.#retry({
      method: 'PUT',
      url: this.#url(`/${id}?prevExist=false`),
      body: `value=${encodeURIComponent(value)}`,
      timeoutMs: requestTimeoutMs,
    });
    if (answer.status === 201 || answer.status === 200) return;
    if (answer.status === 412) {
      if (remembered === note || (await this.#isOwn(id, value))) return;
      throw new BootstrapError(
        'E_DISCOVERY',
        `member "${this.#options.name}" has previously registered with discovery service token ` +
          `(${url}). But etcd could not find valid cluster configuration in the given data dir ` +
          `(${dataDir}). Please check the given data dir path if the previous bootstrap succeeded ` +
          'or use a new discovery token if the previous bootstrap failed.',
      );
    }
    this.#parse(answer);
  }

  /** Takes the own key away: the cluster was complete before it came. */
  async unregister(id: string): Promise<void> {
    await rm(this.#options.stateFile, { force: true });
    await this.#exchange({
      method: 'DELETE',
      url: this.#url(`/${id}`),
      timeoutMs: requestTimeoutMs,
    }).catch(() => undefined);
  }

  /** Returns when something changed below the token, or after an error and a pause. */
  async waitForChange(fromIndex: number): Promise<void> {
    const url = this.#url(`?recursive=true&wait=true&waitIndex=${fromIndex}`);
    try {
      const answer = await this.#exchange({ method: 'GET', url, timeoutMs: waitTimeoutMs });
      // Whoever looks again at once, however often, must not be the one that keeps the service busy.
      if (answer.status !== 200) throw new Error(`it answered ${answer.status} to a wait`);
      if (answer.etcdIndex === 0) throw new Error('its answer has no X-Etcd-Index');
    } catch (error) {
      await this.#pause('waiting for other nodes', error);
    }
  }

  /** A time-out after an own PUT looks like somebody else's key: the value tells. */
  async #isOwn(id: string, value: string): Promise<boolean> {
    const { stateFile } = this.#options;
    const state = await readFile(stateFile, 'utf8').catch(() => '');
    if (!state.includes(id) || !this.#retried) return false;
    const listing = await this.list();
    return listing.registrations.some((one) => one.key === id && one.value === value);
  }

  #retried = false;

  /** Repeats on connection errors and 5xx, for ever. */
  async #retry(request: DiscoveryRequest): Promise<DiscoveryAnswer> {
    for (;;) {
      try {
        const answer = await this.#exchange(request);
        if (answer.status < 500) return answer;
        throw new Error(`the discovery service answered ${answer.status}`);
      } catch (error) {
        if (error instanceof BootstrapError) throw error;
        this.#retried = true;
        await this.#pause('cluster status check', error);
      }
    }
  }

  async #pause(what: string, error: unknown): Promise<void> {
    const { signal, clock, logger, url } = this.#options;
    signal?.throwIfAborted();
    const pauseMs = this.#pauses.next();
    const endpoint = new URL(url).origin;
    logger.warn(`discovery: ${what}: error connecting to ${endpoint}, retrying`, {
      inMs: Math.round(pauseMs),
      error: errorMessage(error),
    });
    await clock.sleep(pauseMs, { signal });
  }

  #exchange(request: DiscoveryRequest): Promise<DiscoveryAnswer> {
    const { signal } = this.#options;
    return discoveryExchange(this.#options, { ...request, signal });
  }

  #url(suffix: string): string {
    // A slash at the end counts for the id, and once for the path.
    const { url } = this.#options;
    return url.endsWith('/') && suffix.startsWith('/') ? url + suffix.slice(1) : url + suffix;
  }

  /** The etcd answer, or the error that it is. */
  #parse(answer: DiscoveryAnswer): EtcdAnswer {
    const parsed = parseAnswer(answer.body);
    if (parsed === undefined) throw this.#fatal('discovery: bad discovery endpoint');
    if (parsed.errorCode !== undefined) {
      const { errorCode, message = '', cause = '' } = parsed;
      if (errorCode === 100) {
        throw this.#fatal('discovery: token not found or expired');
      }
      throw this.#fatal(`${errorCode}: ${message} (${cause})`);
    }
    return parsed;
  }

  #fatal(why: string): BootstrapError {
    return new BootstrapError(
      'E_DISCOVERY',
      `failed to join discovery cluster (${why}). discovery token ${this.#options.url} was used, ` +
        'but failed to bootstrap the cluster. please generate a new discovery token and try to ' +
        'bootstrap again.',
    );
  }
}

type EtcdNode = {
  readonly key: string;
  readonly value?: string;
  /** Text: indexes may be above 2^53. */
  readonly createdIndex?: string;
  readonly nodes?: readonly EtcdNode[];
};
type EtcdAnswer = {
  readonly node?: EtcdNode;
  readonly errorCode?: number;
  readonly message?: string;
  readonly cause?: string;
};

function parseAnswer(body: string): EtcdAnswer | undefined {
  try {
    const quoted = body.replace(/"createdIndex":\s*(\d+)/g, '"createdIndex":"$1"');
    const parsed: unknown = JSON.parse(quoted);
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function parseSize(answer: EtcdAnswer): number {
  const text = answer.node?.value ?? '';
  const size = /^\d+$/.test(text) ? Number(text) : 0;
  if (size > 0) return size;
  throw new BootstrapError(
    'E_DISCOVERY',
    `failed to join discovery cluster (discovery: size key is bad): "${text}" is no cluster size`,
  );
}

function isFullWithout(listing: Listing, id: string): boolean {
  const first = listing.registrations.slice(0, listing.size);
  return first.length >= listing.size && !first.some((one) => one.key === id);
}

function full(options: DiscoveryOptions, listing: Listing): DiscoveryResult {
  const cluster = clusterOf(options, listing.registrations.slice(0, listing.size));
  return { kind: 'full', cluster };
}

function clusterOf(
  options: DiscoveryOptions,
  registrations: readonly Registration[],
): Map<string, string[]> {
  const text = registrations.map((one) => one.value.replace(/&(?=[^=&]*=)/g, ',')).join(',');
  let cluster: Map<string, string[]>;
  try {
    cluster = parseInitialCluster(text);
  } catch (error) {
    throw new BootstrapError(
      'E_DISCOVERY',
      `failed to join discovery cluster (discovery: invalid URL): ${errorMessage(error)}`,
    );
  }
  if (cluster.size === registrations.length) return cluster;
  throw new BootstrapError(
    'E_DISCOVERY',
    `member with duplicated name has registered with discovery service token(${options.url}). ` +
      'please check (cURL) the discovery token for more information. please do not reuse the ' +
      'discovery token and generate a new one to bootstrap the cluster.',
  );
}

function lastName(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
