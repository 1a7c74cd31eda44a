// The key tree as a state machine: commands in, events out, one index each. Everything that
// happens follows from the commands alone; the store knows no clock, no chance and no promise.
// Rules of the commands are in writes.ts, of watching in watch-hub.ts.
import type { CommandResult } from './commands.js';
import { contentHash } from './content-hash.js';
import type { StoreError, StoreErrorCode } from './errors.js';
import { StoreSnapshotError } from './errors.js';
import type { Event } from './event.js';
import { EventHistory } from './event-history.js';
import { cleanPath } from './path.js';
import { readSnapshot } from './snapshot-reader.js';
import { SnapshotWriter } from './snapshot-writer.js';
import type { Counters, StoreStats } from './store-stats.js';
import { countWrite, newCounters } from './store-stats.js';
import { Tree } from './tree.js';
import { listingOf } from './views.js';
import type { EventListener } from './watch-hub.js';
import { HubWatcher, WatchHub, sees } from './watch-hub.js';
import type { Change, WriteCommand } from './writes.js';
import { expireNode, write } from './writes.js';

export type StoreOptions = {
  /** Directories that always exist and refuse to be written themselves, such as "/0" and "/1". */
  readonly namespaces?: readonly string[];
  /** How many past events watchers can start from; 1000 unless told. */
  readonly historyMax?: number;
};

export type GetOptions = { readonly recursive: boolean; readonly sorted: boolean };

export type WatchOptions = {
  readonly path: string;
  readonly recursive: boolean;
  /** Keep going after the first event. */
  readonly stream: boolean;
  /** 0 = from the next change on; else the first index of interest. */
  readonly sinceIndex: number;
};

/** A live watch. Closing twice is harmless; a one-shot watcher closes itself after its event. */
export interface Watcher {
  /** The store index when the watch was set up. */
  readonly startIndex: number;
  close(): void;
}

export type WatchRefused = { readonly ok: false; readonly error: StoreError };
export type WatchResult = { readonly ok: true; readonly watcher: Watcher } | WatchRefused;

/** A snapshot that is being written. Pull until undefined; each call is about `maxBytes` of work. */
export interface SnapshotInProgress {
  next(maxBytes: number): Uint8Array | undefined;
  /** Gives up, which allows another snapshot to begin. Harmless when finished. */
  cancel(): void;
}

const historyMaxDefault = 1000;

export class Store {
  readonly #namespaces: readonly string[];
  readonly #historyMax: number;
  readonly #hub = new WatchHub();
  #tree: Tree;
  #history: EventHistory;
  #counters: Counters = newCounters();
  #index = 0;

  constructor(options: StoreOptions = {}) {
    this.#namespaces = (options.namespaces ?? []).map(cleanPath);
    this.#historyMax = options.historyMax ?? historyMaxDefault;
    this.#tree = new Tree(this.#namespaces, 0);
    this.#history = new EventHistory(this.#historyMax);
  }

  /** Counts every successful change of the whole store. */
  get index(): number {
    return this.#index;
  }

  /** How many nodes have an expiration (no expire command is needed while it is 0). */
  get expiringNodes(): number {
    return this.#tree.expiring.size;
  }

  /** Runs one command. Watchers are told before it returns; a refusal changes nothing. */
  apply(command: WriteCommand): CommandResult {
    const outcome = write(this.#tree, this.#index + 1, command);
    const ok = outcome.kind === 'change';
    countWrite(this.#counters, command.kind, ok);
    if (!ok) return this.#refused(outcome.code, outcome.cause);
    this.#commit(outcome);
    return { ok: true, event: outcome.event };
  }

  /**
   * Removes every node whose expiration is at or before `now` (epoch milliseconds, the leader's
   * clock): one event and one index each, in order of expiration. What goes with an expired
   * directory has no event of its own.
   */
  expire(now: number): readonly Event[] {
    const events: Event[] = [];
    for (;;) {
      const soonest = this.#tree.expiring.top();
      if (soonest === undefined || soonest.expiration > now) return events;
      const change = expireNode(this.#tree, this.#index + 1, soonest.node);
      this.#counters.expireCount += 1;
      this.#commit(change);
      events.push(change.event);
    }
  }

  /** Reads a file, or a directory with its visible children. */
  get(path: string, options: GetOptions): CommandResult {
    const key = cleanPath(path);
    const node = this.#tree.find(key);
    if (node === undefined) {
      this.#counters.getsFail += 1;
      const { code, cause } = this.#tree.blockage(key);
      return this.#refused(code, cause);
    }
    this.#counters.getsSuccess += 1;
    return {
      ok: true,
      event: {
        action: 'get',
        node: listingOf(node, key, options),
        prevNode: undefined,
        storeIndex: this.#index,
        refresh: false,
        created: false,
      },
    };
  }

  /**
   * Watches a path, whether it exists or not. Past events that match are delivered during the
   * call, before it returns; later ones from within `apply`, `expire` and `restore`. A listener
   * must not throw and must not call back into the store, other than to close watchers.
   *
   * `onLost` is called, and the watcher closed, when a restore skipped events that it may have
   * wanted; without it the watcher goes on and misses them.
   */
  watch(options: WatchOptions, listener: EventListener, onLost?: () => void): WatchResult {
    const startIndex = this.#index;
    const sinceIndex = options.sinceIndex === 0 ? startIndex + 1 : options.sinceIndex;
    if (sinceIndex < this.#history.oldestIndex) {
      const range = `${this.#history.oldestIndex}/${sinceIndex}`;
      return this.#refused(401, `the requested history has been cleared [${range}]`);
    }
    const path = cleanPath(options.path);
    const { recursive, stream } = options;
    const watcher = new HubWatcher(path, { recursive, stream, sinceIndex }, listener, onLost);
    this.#replay(watcher, sinceIndex);
    if (!watcher.closed) this.#hub.add(watcher);
    return { ok: true, watcher: { startIndex, close: () => this.#hub.close(watcher) } };
  }

  stats(): StoreStats {
    return { ...this.#counters, watchers: this.#hub.count };
  }

  /**
   * 32-hex-digit hash of index and tree: equal stores have equal hashes. History and counters are
   * left out, since members may keep different lengths and count their own reads. It detects
   * divergence, not attacks, and looks at everything: not for hot paths.
   */
  hash(): string {
    return contentHash(this.#tree.root, this.#index);
  }

  /**
   * A consistent picture of now, written as binary chunks while later commands go on (copy on
   * write). One at a time: throws StoreSnapshotError `E_SNAPSHOT_BUSY` while another is running.
   */
  beginSnapshot(): SnapshotInProgress {
    if (this.#tree.recorder !== undefined) {
      throw new StoreSnapshotError(
        'E_SNAPSHOT_BUSY',
        'cannot begin a snapshot of the store while another one is written; finish or cancel it',
      );
    }
    const head = { index: this.#index, counters: this.#counters };
    const writer = new SnapshotWriter(this.#tree, head, this.#history.toArray());
    return { next: (maxBytes) => writer.next(maxBytes), cancel: () => writer.cancel() };
  }

  /**
   * Replaces everything by what a snapshot holds; throws StoreSnapshotError `E_SNAPSHOT_DAMAGED`
   * and changes nothing when it is not whole. The chunks may be cut differently than they were
   * written. Live watchers stay and are told of what the restored history adds. A snapshot that
   * is being written goes on with the old content.
   */
  restore(chunks: Iterable<Uint8Array>): void {
    const content = readSnapshot(chunks, {
      namespaces: this.#namespaces,
      historyMax: this.#historyMax,
      epoch: 0,
    });
    const seenIndex = this.#index;
    this.#tree = content.tree;
    this.#history = content.history;
    this.#counters = content.counters;
    this.#index = content.index;
    for (const watcher of this.#hub.all()) this.#catchUp(watcher, seenIndex);
  }

  #commit({ event, detached, vanished }: Change): void {
    this.#index = event.storeIndex;
    this.#history.add({ event, vanished });
    this.#hub.notify(event, detached);
  }

  /** Delivers the past from an index on; a one-shot watcher is closed by its event. */
  #replay(watcher: HubWatcher, fromIndex: number): void {
    for (let index = fromIndex; index <= this.#history.lastIndex; index += 1) {
      const record = this.#history.at(index);
      if (record === undefined || !sees(watcher, record)) continue;
      if (!watcher.stream) this.#hub.close(watcher);
      watcher.listener(record.event);
      if (watcher.closed) return;
    }
  }

  #catchUp(watcher: HubWatcher, seenIndex: number): void {
    const fromIndex = Math.max(watcher.sinceIndex, seenIndex + 1);
    if (fromIndex < this.#history.oldestIndex && watcher.onLost !== undefined) {
      this.#hub.close(watcher);
      watcher.onLost();
      return;
    }
    this.#replay(watcher, Math.max(fromIndex, this.#history.oldestIndex));
  }

  #refused(
    code: StoreErrorCode,
    cause: string,
  ): { readonly ok: false; readonly error: StoreError } {
    return { ok: false, error: { code, cause, index: this.#index } };
  }
}
