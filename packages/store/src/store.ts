// The key tree as a state machine. (Signatures are settled; the behaviour follows.)
import type { Command, CommandResult } from './commands.js';
import type { StoreError } from './errors.js';
import type { Event } from './event.js';

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

export type StoreStats = {
  readonly getsSuccess: number;
  readonly getsFail: number;
  readonly setsSuccess: number;
  readonly setsFail: number;
  readonly deleteSuccess: number;
  readonly deleteFail: number;
  readonly updateSuccess: number;
  readonly updateFail: number;
  readonly createSuccess: number;
  readonly createFail: number;
  readonly compareAndSwapSuccess: number;
  readonly compareAndSwapFail: number;
  readonly compareAndDeleteSuccess: number;
  readonly compareAndDeleteFail: number;
  readonly expireCount: number;
  readonly watchers: number;
};

export interface StoreShape {
  /** Counts every successful change of the whole store. */
  readonly index: number;
  /** How many nodes have an expiration (no expire command is needed while it is 0). */
  readonly expiringNodes: number;
  apply(command: Command): CommandResult;
  /** Applies an expire command; gives one event per expired node, in order of expiration. */
  expire(now: number): readonly Event[];
  get(path: string, options: GetOptions): CommandResult;
  /**
   * Past events that match are delivered during the call, before it returns; later ones from
   * within `apply`. A listener must not call back into the store.
   */
  watch(options: WatchOptions, listener: (event: Event) => void): { readonly ok: true; readonly watcher: Watcher } | WatchRefused;
  stats(): StoreStats;
  /** 32-hex-digit hash of the canonical content: equal stores have equal hashes. */
  hash(): string;
  /**
   * A consistent picture of now, written as binary chunks while later commands go on (copy on
   * write). Pull `next()` until it gives undefined; each call does about `maxBytes` of work.
   */
  beginSnapshot(): { next(maxBytes: number): Uint8Array | undefined; cancel(): void };
  /** Replaces everything by what a snapshot holds; throws StoreSnapshotError on damage. */
  restore(chunks: Iterable<Uint8Array>): void;
}
