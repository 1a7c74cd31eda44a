// What clients did and what they were told: concurrent writers that record every acknowledged write,
// and the check that each of them is there. A time-out is "unknown", never "failed".
import { ClientError } from '@corral/etcd-client';
import type { EtcdClient } from '@corral/etcd-client';
import { systemClock } from '@corral/kit';

const checksAtOnce = 16;

export type HistoryCheck = {
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
  /** Acknowledged keys that are not there, or hold something else. */
  readonly lost: readonly string[];
  /** The longest time between two acknowledgements, in milliseconds. */
  readonly longestGapMs: number;
};

export class History {
  readonly #acknowledged = new Map<string, string>();
  #unknown = 0;
  #refused = 0;
  #lastAt: number | undefined;
  #longestGapMs = 0;
  #stopped = false;
  #writers: Promise<void>[] = [];
  readonly #refusals: string[] = [];

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Messages of requests that failed, newest last; at most twenty. */
  get refusals(): readonly string[] {
    return this.#refusals;
  }

  /** Starts one writer per client: each writes keys of its own, one after another. */
  start(clients: readonly EtcdClient[], prefix = '/history'): void {
    this.#stopped = false;
    for (const [i, client] of clients.entries()) {
      this.#writers.push(this.#write(client, `${prefix}/c${i}`));
    }
  }

  /** Resolves when `count` more writes have been acknowledged. */
  async progress(count: number, timeoutMs: number): Promise<void> {
    const wanted = this.#acknowledged.size + count;
    const deadline = systemClock.now() + timeoutMs;
    while (this.#acknowledged.size < wanted) {
      if (systemClock.now() > deadline) {
        throw new Error(
          `only ${this.#acknowledged.size - wanted + count} of ${count} writes within ${timeoutMs} ms; ` +
            `last failure: ${this.#refusals.at(-1) ?? 'none'}`,
        );
      }
      await systemClock.sleep(5);
    }
  }

  /** Ends the writers and waits for their last answers. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
    this.#writers = [];
  }

  /** Looks for every acknowledged write, linearizably. */
  async check(client: EtcdClient): Promise<HistoryCheck> {
    const lost: string[] = [];
    const left = [...this.#acknowledged].values();
    const look = async (): Promise<void> => {
      for (const [key, value] of left) {
        const found = await client.keys.get(key, { quorum: true }).catch(() => undefined);
        if (found?.node.value !== value) lost.push(key);
      }
    };
    await Promise.all(Array.from({ length: checksAtOnce }, look));
    return {
      acknowledged: this.#acknowledged.size,
      unknown: this.#unknown,
      refused: this.#refused,
      lost,
      longestGapMs: Math.round(this.#longestGapMs),
    };
  }

  async #write(client: EtcdClient, prefix: string): Promise<void> {
    for (let i = 0; !this.#stopped; i += 1) {
      const key = `${prefix}-${i}`;
      const value = `v${i}`;
      try {
        await client.keys.set(key, value);
        this.#acknowledged.set(key, value);
        this.#noteAcknowledged();
      } catch (error) {
        const unknown = error instanceof ClientError && error.code === 'E_UNKNOWN_OUTCOME';
        if (unknown) this.#unknown += 1;
        else this.#refused += 1;
        this.#refusals.push(error instanceof Error ? error.message : String(error));
        if (this.#refusals.length > 20) this.#refusals.shift();
        await systemClock.sleep(5);
      }
    }
  }

  #noteAcknowledged(): void {
    const now = systemClock.now();
    if (this.#lastAt !== undefined) {
      this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastAt);
    }
    this.#lastAt = now;
  }
}
