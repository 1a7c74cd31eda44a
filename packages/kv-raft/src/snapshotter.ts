// Takes snapshots of the replicated state in slices, without stalling the loop: the state is
// frozen by copy-on-write, written chunk by chunk, and only when it is durable does the log lose
// entries.
import type { Logger } from '@corral/kit';
import type { NodeId, SnapshotMeta } from '@corral/raft';
import type { Applier } from './applier.js';
import { NoSpaceError } from './disk/errors.js';
import type { SnapshotWriter, Storage } from './storage.js';

export type SnapshotterOptions = {
  readonly applier: Applier;
  readonly storage: Storage;
  readonly logger: Logger;
  /** Entries applied since the last snapshot that call for a new one. */
  readonly snapshotCount: number;
  /** Entries kept behind a snapshot for followers that lag a little. */
  readonly keepEntries: number;
  readonly voters: () => readonly NodeId[];
  readonly onDurable: (meta: SnapshotMeta, keepFrom: number) => void;
  readonly onFailure: (error: unknown) => void;
};

/** Bytes per slice: about a millisecond of work. */
const sliceBytes = 128 * 1024;

export class Snapshotter {
  readonly #options: SnapshotterOptions;
  #lastIndex: number;
  /** Where an attempt found no space; the next one waits for as many entries again. */
  #failedIndex = 0;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: SnapshotterOptions, lastIndex: number) {
    this.#options = options;
    this.#lastIndex = lastIndex;
  }

  /** A snapshot arrived from the leader. */
  installed(index: number): void {
    this.#lastIndex = Math.max(this.#lastIndex, index);
  }

  /** Starts a snapshot when enough was applied since the last one. */
  maybeStart(): void {
    if (this.#running !== undefined || this.#closed) return;
    const { applier, snapshotCount } = this.#options;
    const since = Math.max(this.#lastIndex, this.#failedIndex);
    if (applier.appliedIndex - since <= snapshotCount) return;
    this.#running = this.#take()
      .catch((error: unknown) => this.#onError(error))
      .finally(() => {
        this.#running = undefined;
      });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #take(): Promise<void> {
    const { applier, storage, logger, keepEntries, voters } = this.#options;
    const meta = {
      index: applier.appliedIndex,
      term: applier.appliedTerm,
      voters: [...voters()],
    };
    const source = applier.beginSnapshot();
    let writer: SnapshotWriter | undefined;
    try {
      writer = await storage.createSnapshot(meta);
      let chunk = source.next(sliceBytes);
      while (chunk !== undefined) {
        if (this.#closed) {
          source.cancel();
          await writer.abandon();
          return;
        }
        await writer.write(chunk);
        chunk = source.next(sliceBytes);
      }
      await writer.finish();
    } catch (error) {
      source.cancel();
      await writer?.abandon().catch(() => undefined);
      throw error;
    }
    if (meta.index <= this.#lastIndex) return;
    await storage.commitSnapshot(meta);
    this.#lastIndex = meta.index;
    this.#options.onDurable(meta, Math.max(1, meta.index - keepEntries + 1));
    logger.info('saved snapshot', { index: meta.index, term: meta.term });
  }

  /** Without space the log just grows on; any other error of the disk is final. */
  #onError(error: unknown): void {
    const { applier, logger, onFailure } = this.#options;
    if (!(error instanceof NoSpaceError)) {
      onFailure(error);
      return;
    }
    this.#failedIndex = applier.appliedIndex;
    logger.warn('no space for a snapshot; the log keeps its entries', { index: this.#failedIndex });
  }
}
