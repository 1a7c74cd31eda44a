// Takes snapshots of the replicated state in slices, without stalling the loop: the state is
// frozen by copy-on-write, written chunk by chunk, and only when it is durable does the log lose
// entries.
import type { Logger } from '@corral/kit';
import type { NodeId, RaftNode } from '@corral/raft';
import type { Applier } from './applier.js';
import { NoSpaceError } from './disk/errors.js';
import { keptBytesMax, keptEntries, snapshotBytes } from './limits.js';
import type { SnapshotWriter, Storage } from './storage.js';

export type SnapshotterOptions = {
  readonly applier: Applier;
  readonly storage: Storage;
  readonly logger: Logger;
  /** Entries applied since the last snapshot that call for a new one. */
  readonly snapshotCount: number;
  /** Loses the entries that a durable snapshot stands for. */
  readonly core: Pick<RaftNode, 'compact' | 'tailStart'>;
  readonly voters: () => readonly NodeId[];
  readonly onFailure: (error: unknown) => void;
};

/** Bytes per slice: about a millisecond of work. */
const sliceBytes = 128 * 1024;

export class Snapshotter {
  readonly #options: SnapshotterOptions;
  #lastIndex: number;
  /** Where an attempt found no space; the next one waits for as many entries again. */
  #failedIndex = 0;
  /** Bytes applied when the last attempt began, and how large the last snapshot was. */
  #bytesBefore = 0;
  #lastBytes = 0;
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
    const bytes = applier.appliedBytes - this.#bytesBefore;
    // By bytes too, or the log of large values would outgrow the memory; a large state is not written
    // again for every small part of it.
    const due =
      applier.appliedIndex - since > snapshotCount ||
      bytes > Math.max(snapshotBytes, this.#lastBytes);
    if (!due) return;
    this.#bytesBefore = applier.appliedBytes;
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
    const { applier, storage, logger, core, voters } = this.#options;
    const meta = {
      index: applier.appliedIndex,
      term: applier.appliedTerm,
      voters: [...voters()],
    };
    const source = applier.beginSnapshot();
    let writer: SnapshotWriter | undefined;
    let bytes = 0;
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
        bytes += chunk.length;
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
    this.#lastBytes = bytes;
    core.compact(meta, core.tailStart(meta.index, keptEntries, keptBytesMax));
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
