// The seam between the host and the disk. The real one is disk/; tests and the simulator have one
// in memory. Everything asynchronous here completes in the order in which it was called.
import type { Entry, HardState, NodeId, SnapshotMeta } from '@corral/raft';

/** Who a data directory belongs to. Ids are hex without leading zeros, as etcd prints them. */
export type Identity = { readonly clusterId: string; readonly memberId: NodeId };

/** What a data directory held when it was opened. */
export type RecoveredState = {
  readonly identity: Identity;
  readonly hardState: HardState;
  readonly snapshot:
    { readonly meta: SnapshotMeta; readonly chunks: Iterable<Uint8Array> } | undefined;
  /** Gapless; starts at most at snapshot index + 1. */
  readonly entries: readonly Entry[];
};

/** One group commit: written with one write and, when `sync`, made durable with one fdatasync. */
export type SaveBatch = {
  /** Runs of contiguous entries, in order; a later run may overwrite indexes of an earlier one. */
  readonly runs: readonly (readonly Entry[])[];
  /** The newest hard state; always given when there are entries. */
  readonly hardState: HardState | undefined;
  /** A snapshot received from the leader that takes effect with this batch (already on disk). */
  readonly installed: SnapshotMeta | undefined;
  readonly sync: boolean;
};

/** A snapshot on its way to the disk (own or received): write, then finish or abandon. */
export interface SnapshotWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** File synced, renamed, directory synced. Does not write the log's marker yet. */
  finish(): Promise<void>;
  abandon(): Promise<void>;
}

export interface Storage {
  /** Resolves when the batch is durable. Rejects with a StorageFailure: then the process must end. */
  save(batch: SaveBatch): Promise<void>;
  createSnapshot(meta: SnapshotMeta): Promise<SnapshotWriter>;
  /** A finished own snapshot takes effect: marker into the log, then old segments and files may go. */
  commitSnapshot(meta: SnapshotMeta): Promise<void>;
  /** Reads a snapshot in chunks (for a follower, or to restore one just received). */
  readSnapshot(meta: SnapshotMeta): AsyncIterable<Uint8Array>;
  /**
   * Called when the disk is full or has space again: writes are to be refused meanwhile. Called at
   * once when it is full already.
   */
  onSpace(listener: (state: 'full' | 'ok') => void): void;
  /**
   * Called when the disk has failed for good, also when nothing is being saved (the next segment
   * could not be prepared). The process must end.
   */
  onFailure(listener: (error: unknown) => void): void;
  /** For statistics. */
  readonly stats: StorageStats;
  close(): Promise<void>;
}

export type StorageStats = {
  readonly fsyncs: number;
  readonly lastFsyncMs: number;
  readonly lastSavedIndex: number;
};
