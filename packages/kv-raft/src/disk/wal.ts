// The append side of the log: one write and one sync at a time; everything that arrives meanwhile
// becomes the next record. A failed write or sync is final.
import { join } from 'node:path';
import { errorMessage } from '@corral/kit';
import type { Clock } from '@corral/kit';
import type { Entry, HardState, SnapshotMeta } from '@corral/raft';
import type { Identity, SaveBatch, StorageStats } from '../storage.js';
import type { DiskFile, DiskFs } from './disk-fs.js';
import { StorageFailure } from './errors.js';
import { encodeBatch, encodeMarker, encodeRecord, recordType } from './record.js';
import type { Marker } from './record.js';
import type { SegmentInfo } from './replay.js';
import { SegmentPipeline, encodeSegmentHead, segmentHeadBytes, segmentName } from './segment.js';

type Waiter = { readonly resolve: () => void; readonly reject: (error: unknown) => void };

/** What the next record will hold. */
type Gathered = {
  runs: (readonly Entry[])[];
  hardState: HardState | undefined;
  installed: SnapshotMeta | undefined;
  readonly waiters: Waiter[];
};

export type WalOptions = {
  readonly fs: DiskFs;
  readonly folder: string;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly segmentBytes: number;
  readonly file: DiskFile;
  readonly segments: readonly SegmentInfo[];
  readonly tail: { readonly offset: number; readonly sequence: number; readonly crc: number };
  readonly lastIndex: number;
  readonly onSpace: (state: 'full' | 'ok') => void;
  /** Gives up the reserve kept for a full disk; false when there is none left. */
  readonly releaseReserve: () => Promise<boolean>;
};

export class Wal {
  readonly #options: WalOptions;
  readonly #pipeline: SegmentPipeline;
  #file: DiskFile;
  #segments: SegmentInfo[];
  #offset: number;
  #sequence: number;
  #crc: number;
  #lastIndex: number;
  #next: Gathered | undefined;
  #markers: { readonly marker: Marker; readonly waiter: Waiter }[] = [];
  #running: Promise<void> | undefined;
  #failure: StorageFailure | undefined;
  #fsyncs = 0;
  #lastFsyncMs = 0;

  constructor(options: WalOptions) {
    this.#options = options;
    this.#file = options.file;
    this.#segments = [...options.segments];
    this.#offset = options.tail.offset;
    this.#sequence = options.tail.sequence;
    this.#crc = options.tail.crc;
    this.#lastIndex = options.lastIndex;
    const { fs, folder, segmentBytes, onSpace } = options;
    this.#pipeline = new SegmentPipeline({ fs, folder, segmentBytes, onSpace });
  }

  get segments(): readonly SegmentInfo[] {
    return this.#segments;
  }

  get stats(): StorageStats {
    return {
      fsyncs: this.#fsyncs,
      lastFsyncMs: this.#lastFsyncMs,
      lastSavedIndex: this.#lastIndex,
    };
  }

  /** Resolves when the batch is durable; rejects with StorageFailure. */
  save(batch: SaveBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const next = (this.#next ??= emptyGathered());
      if (batch.installed !== undefined) {
        next.installed = batch.installed;
        next.runs = [];
      }
      for (const run of batch.runs) next.runs.push(run);
      next.hardState = batch.hardState ?? next.hardState;
      next.waiters.push({ resolve, reject });
      this.#start();
    });
  }

  /** Writes that the snapshot of `marker` has taken effect. */
  mark(marker: Marker): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#markers.push({ marker, waiter: { resolve, reject } });
      this.#start();
    });
  }

  /** Looks whether there is space for the next segment again. */
  retrySpace(): Promise<void> {
    return this.#pipeline.retry();
  }

  /** Removes segments that hold nothing at or above `index`, keeping at least `keep` of them. */
  async dropBefore(index: number, keep: number): Promise<void> {
    const { fs, folder } = this.#options;
    let dropped = false;
    for (;;) {
      const [oldest, second] = this.#segments;
      if (oldest === undefined || second === undefined) break;
      if (this.#segments.length <= Math.max(1, keep) || second.firstIndex > index) break;
      this.#segments.shift();
      await fs.remove(join(folder, oldest.name));
      dropped = true;
    }
    if (dropped) await fs.syncDirectory(folder);
  }

  async close(): Promise<void> {
    await this.#running;
    await this.#pipeline.close().catch(() => undefined);
    await this.#file.close();
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#next !== undefined || this.#markers.length > 0) {
      const batch = this.#next;
      const marked = batch === undefined ? this.#markers.shift() : undefined;
      this.#next = undefined;
      const waiters = batch?.waiters ?? (marked === undefined ? [] : [marked.waiter]);
      try {
        if (batch !== undefined) await this.#writeBatch(batch);
        else if (marked !== undefined) {
          await this.#write(recordType.snapshotMarker, encodeMarker(marked.marker));
        }
      } catch (error) {
        this.#fail(error, waiters);
        return;
      }
      for (const { resolve } of waiters) resolve();
    }
  }

  async #writeBatch(batch: Gathered): Promise<void> {
    await this.#write(recordType.batch, encodeBatch(batch));
    const last = batch.runs.at(-1)?.at(-1);
    if (last !== undefined) this.#lastIndex = last.index;
    else if (batch.installed !== undefined) this.#lastIndex = batch.installed.index;
  }

  async #write(type: number, parts: readonly Uint8Array[]): Promise<void> {
    const { clock, segmentBytes } = this.#options;
    const { bytes, crc } = encodeRecord(type, this.#sequence, this.#crc, parts);
    const full = this.#offset + bytes.length > segmentBytes;
    if (full && this.#offset > segmentHeadBytes) {
      await this.#roll();
      // The chain goes on through the head of the new segment: the record stays as it is.
    }
    await this.#file.writeAt(bytes, this.#offset);
    const before = clock.now();
    await this.#file.sync();
    this.#lastFsyncMs = clock.now() - before;
    this.#fsyncs += 1;
    this.#offset += bytes.length;
    this.#sequence += 1;
    this.#crc = crc;
  }

  async #roll(): Promise<void> {
    const { fs, folder, identity, releaseReserve } = this.#options;
    let file = await this.#pipeline.take();
    while (file === undefined && (await releaseReserve())) file = await this.#pipeline.take();
    if (file === undefined) throw new Error('no space left for the next segment');
    const number = (this.#segments.at(-1)?.number ?? -1) + 1;
    const firstIndex = this.#lastIndex + 1;
    const head = encodeSegmentHead({
      identity,
      number,
      firstIndex,
      previousCrc: this.#crc,
      firstSequence: this.#sequence,
    });
    await file.writeAt(head, 0);
    await file.sync();
    const name = segmentName(number, firstIndex);
    await fs.rename(join(folder, SegmentPipeline.temporaryName), join(folder, name));
    await fs.syncDirectory(folder);
    const old = this.#file;
    this.#file = file;
    this.#segments.push({ name, number, firstIndex });
    this.#offset = segmentHeadBytes;
    await old.close();
    this.#pipeline.begin();
  }

  #fail(error: unknown, waiters: readonly Waiter[]): void {
    this.#failure = new StorageFailure(
      'E_STORAGE_FAILED',
      `writing the log in ${this.#options.folder} failed: ${errorMessage(error)}. The server stops; ` +
        'start it again when the disk works',
      { cause: error },
    );
    for (const { reject } of waiters) reject(this.#failure);
    for (const { reject } of this.#next?.waiters ?? []) reject(this.#failure);
    for (const { waiter } of this.#markers) waiter.reject(this.#failure);
    this.#next = undefined;
    this.#markers = [];
  }
}

function emptyGathered(): Gathered {
  return { runs: [], hardState: undefined, installed: undefined, waiters: [] };
}
