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
  /** The newest hard state and snapshot markers that the log holds; each new segment repeats them. */
  readonly hardState: HardState | undefined;
  readonly markers: readonly Marker[];
  /** What the reserve gives back: the size of a last segment on a full disk. */
  readonly reserveBytes: number;
  readonly onSpace: (state: 'full' | 'ok') => void;
  /** Gives up the reserve kept for a full disk; false when there is none left. */
  readonly releaseReserve: () => Promise<boolean>;
  /** The log cannot go on; called also when nobody waits for a save. */
  readonly onFailure: (failure: StorageFailure) => void;
};

/** Markers that a new segment repeats; snapshots older than these are not relied on. */
const markersKept = 8;
/** A segment smaller than this is of no use. */
const segmentBytesMin = 64 * 1024;

export class Wal {
  readonly #options: WalOptions;
  readonly #pipeline: SegmentPipeline;
  #file: DiskFile;
  /** Bytes that the present segment was prepared with; undefined until its size was asked for. */
  #capacity: number | undefined;
  #hardState: HardState | undefined;
  #knownMarkers: readonly Marker[];
  /** Something was written since the start: a clean end writes one more record behind it. */
  #written = false;
  #segments: SegmentInfo[];
  #offset: number;
  /** Where the records of the present segment begin that are not repeated ones. */
  #begins = segmentHeadBytes;
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
    this.#hardState = options.hardState;
    this.#knownMarkers = options.markers.slice(-markersKept);
    const { fs, folder, segmentBytes, onSpace } = options;
    const onFailure = (error: unknown): void => this.#fail(error, []);
    this.#pipeline = new SegmentPipeline({ fs, folder, segmentBytes, onSpace, onFailure });
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

  /**
   * Writes one empty record behind the last one, which proves at the next start that whatever
   * stands before it had been acknowledged: damage there is then no torn tail.
   */
  async close(): Promise<void> {
    await this.#running;
    if (this.#written && this.#failure === undefined) await this.#writeEnd();
    await this.#pipeline.close().catch(() => undefined);
    await this.#file.close();
  }

  async #writeEnd(): Promise<void> {
    const parts = encodeBatch({ hardState: this.#hardState, installed: undefined, runs: [] });
    const { bytes } = encodeRecord(recordType.batch, this.#sequence, this.#crc, parts);
    if (this.#offset + bytes.length > (await this.#capacityNow())) return;
    try {
      await this.#write(recordType.batch, parts);
    } catch (error) {
      this.#fail(error, []);
    }
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
          this.#remember(marked.marker);
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
    this.#hardState = batch.hardState ?? this.#hardState;
    if (batch.installed !== undefined) {
      this.#lastIndex = batch.installed.index;
      this.#remember({ index: batch.installed.index, term: batch.installed.term });
    }
    const last = batch.runs.at(-1)?.at(-1);
    if (last !== undefined) this.#lastIndex = last.index;
  }

  #remember(marker: Marker): void {
    this.#knownMarkers = [...this.#knownMarkers, marker].slice(-markersKept);
  }

  async #write(type: number, parts: readonly Uint8Array[]): Promise<void> {
    const { clock } = this.#options;
    let { bytes, crc } = encodeRecord(type, this.#sequence, this.#crc, parts);
    if (this.#offset + bytes.length > (await this.#capacityNow()) && this.#offset > this.#begins) {
      await this.#roll();
      ({ bytes, crc } = encodeRecord(type, this.#sequence, this.#crc, parts));
    }
    this.#written = true;
    await this.#file.writeAt(bytes, this.#offset);
    const before = clock.now();
    await this.#file.sync();
    this.#lastFsyncMs = clock.now() - before;
    this.#fsyncs += 1;
    this.#offset += bytes.length;
    this.#sequence += 1;
    this.#crc = crc;
  }

  async #capacityNow(): Promise<number> {
    this.#capacity ??= await this.#file.size();
    return this.#capacity;
  }

  /**
   * Begins the next segment. Its first records repeat hard state and markers, so that it stands on
   * its own when the segments before it are removed. All of it is durable before the file gets its
   * name: a crash in between leaves the old segment as the last one.
   */
  async #roll(): Promise<void> {
    const { fs, folder, identity } = this.#options;
    const file = await this.#takeSegment();
    const number = (this.#segments.at(-1)?.number ?? -1) + 1;
    const firstIndex = this.#lastIndex + 1;
    const first = { sequence: this.#sequence, crc: this.#crc };
    const head = { identity, number, firstIndex, previousCrc: first.crc };
    const pieces = [encodeSegmentHead({ ...head, firstSequence: first.sequence })];
    const state = { hardState: this.#hardState, installed: undefined, runs: [] };
    const repeated: (readonly [number, readonly Uint8Array[]])[] = [
      [recordType.batch, encodeBatch(state)],
      ...this.#knownMarkers.map((one) => [recordType.snapshotMarker, encodeMarker(one)] as const),
    ];
    for (const [type, parts] of repeated) {
      const { bytes, crc } = encodeRecord(type, first.sequence, first.crc, parts);
      pieces.push(bytes);
      first.sequence += 1;
      first.crc = crc;
    }
    const bytes = Buffer.concat(pieces);
    await file.writeAt(bytes, 0);
    await file.sync();
    const name = segmentName(number, firstIndex);
    await fs.rename(join(folder, SegmentPipeline.temporaryName), join(folder, name));
    await fs.syncDirectory(folder);
    const old = this.#file;
    this.#file = file;
    this.#capacity = undefined;
    this.#segments.push({ name, number, firstIndex });
    this.#offset = bytes.length;
    this.#begins = bytes.length;
    this.#sequence = first.sequence;
    this.#crc = first.crc;
    await old.close();
    this.#pipeline.begin();
  }

  /** The prepared segment; on a full disk a smaller one in the place of the reserve. */
  async #takeSegment(): Promise<DiskFile> {
    const { folder, segmentBytes, reserveBytes, releaseReserve } = this.#options;
    let file = await this.#pipeline.take();
    if (file === undefined && (await releaseReserve())) {
      let bytes = Math.min(segmentBytes, reserveBytes);
      const least = Math.min(bytes, segmentBytesMin);
      for (; file === undefined && bytes >= least; bytes = Math.floor(bytes / 2)) {
        file = await this.#pipeline.take(bytes);
      }
    }
    if (file !== undefined) return file;
    throw new Error(`the disk is full, and no segment can be added to ${folder}`);
  }

  #fail(error: unknown, waiters: readonly Waiter[]): void {
    this.#failure ??= new StorageFailure(
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
    this.#options.onFailure(this.#failure);
  }
}

function emptyGathered(): Gathered {
  return { runs: [], hardState: undefined, installed: undefined, waiters: [] };
}
