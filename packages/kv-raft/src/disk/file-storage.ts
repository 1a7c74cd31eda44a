// The storage seam over files: the log, the snapshots beside it, and what of both may go.
import { join } from 'node:path';
import type { Clock, Logger, Timer } from '@corral/kit';
import type { SnapshotMeta } from '@corral/raft';
import type { Identity, SaveBatch, SnapshotWriter, Storage, StorageStats } from '../storage.js';
import type { DiskFs } from './disk-fs.js';
import type { Marker } from './record.js';
import {
  createSnapshotFile,
  parseSnapshotName,
  readSnapshotFile,
  snapshotName,
} from './snapshots.js';
import type { Wal } from './wal.js';

export type FileStorageOptions = {
  readonly fs: DiskFs;
  readonly wal: Wal;
  readonly snapFolder: string;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Files kept; 0 = all. */
  readonly maxSnapshots: number;
  readonly maxWals: number;
  /** Snapshots that took effect according to the log. */
  readonly markers: readonly Marker[];
  /** Makes the reserve for a full disk anew where it was given up. */
  readonly fillReserve: () => Promise<void>;
  readonly release: () => void;
};

/** At least two snapshots stay: if the newest turns out to be damaged, the one before serves. */
const snapshotsMin = 2;
const spaceLookMs = 1_000;

export class FileStorage implements Storage {
  readonly #options: FileStorageOptions;
  readonly #timer: Timer;
  readonly #listeners: ((state: 'full' | 'ok') => void)[] = [];
  readonly #failureListeners: ((error: unknown) => void)[] = [];
  /** Names of the snapshots that took effect: only these count as something to fall back on. */
  readonly #marked: Set<string>;
  #space: 'full' | 'ok' = 'ok';
  #filling: Promise<void> = Promise.resolve();
  #failure: unknown;
  #tokens = 0;

  constructor(options: FileStorageOptions) {
    this.#options = options;
    this.#marked = new Set(options.markers.map(snapshotName));
    this.#timer = options.clock.every(
      spaceLookMs,
      () => {
        void options.wal.retrySpace().catch(() => undefined);
      },
      { background: true },
    );
  }

  get stats(): StorageStats {
    return this.#options.wal.stats;
  }

  async save(batch: SaveBatch): Promise<void> {
    await this.#options.wal.save(batch);
    if (batch.installed !== undefined) this.#marked.add(snapshotName(batch.installed));
  }

  createSnapshot(meta: SnapshotMeta): Promise<SnapshotWriter> {
    const { fs, snapFolder: folder, identity } = this.#options;
    this.#tokens += 1;
    return createSnapshotFile({ fs, folder, identity, meta, token: String(this.#tokens) });
  }

  async commitSnapshot(meta: SnapshotMeta): Promise<void> {
    await this.#options.wal.mark({ index: meta.index, term: meta.term });
    this.#marked.add(snapshotName(meta));
    await this.#purge();
  }

  async *readSnapshot(meta: SnapshotMeta): AsyncIterable<Uint8Array> {
    const { fs, snapFolder, identity } = this.#options;
    const path = join(snapFolder, snapshotName(meta));
    for await (const part of readSnapshotFile(fs, path, identity)) {
      if ('chunk' in part) yield part.chunk;
    }
  }

  onSpace(listener: (state: 'full' | 'ok') => void): void {
    this.#listeners.push(listener);
    if (this.#space === 'full') listener('full');
  }

  onFailure(listener: (error: unknown) => void): void {
    this.#failureListeners.push(listener);
    if (this.#failure !== undefined) listener(this.#failure);
  }

  /** The log cannot go on. */
  reportFailure(error: unknown): void {
    this.#failure = error;
    for (const listener of this.#failureListeners) listener(error);
  }

  /** The log found that there is no space for its next segment, or that there is again. */
  reportSpace(state: 'full' | 'ok'): void {
    this.#space = state;
    for (const listener of this.#listeners) listener(state);
    if (state === 'ok') this.fillReserve();
  }

  /** In the background: a member serves before its reserve is there. */
  fillReserve(): void {
    this.#filling = this.#filling.then(() => this.#options.fillReserve());
  }

  async close(): Promise<void> {
    this.#timer.cancel();
    await this.#filling;
    await this.#options.wal.close();
    this.#options.release();
  }

  /**
   * Removes snapshots that are not needed any more, and segments whose entries a snapshot covers
   * that could be fallen back on. Files without a marker (received, then not needed) never count.
   */
  async #purge(): Promise<void> {
    const { fs, snapFolder, maxSnapshots, maxWals, wal, logger } = this.#options;
    const files = (await fs.list(snapFolder)).flatMap((name) => {
      const parsed = parseSnapshotName(name);
      return parsed === undefined ? [] : [{ name, index: parsed.index }];
    });
    const marked = files
      .filter(({ name }) => this.#marked.has(name))
      .sort((a, b) => b.index - a.index);
    const newest = marked[0]?.index ?? 0;
    const useless = files.filter(({ name, index }) => !this.#marked.has(name) && index < newest);
    const keep = Math.max(snapshotsMin, maxSnapshots);
    const surplus = maxSnapshots === 0 ? [] : [...marked.slice(keep), ...useless];
    for (const { name } of surplus) {
      await fs.remove(join(snapFolder, name));
      this.#marked.delete(name);
    }
    const fallback = marked[snapshotsMin - 1]?.index;
    if (fallback === undefined || maxWals === 0) return;
    await wal.dropBefore(fallback + 1, maxWals);
    logger.debug('purged old snapshots', { snapshots: surplus.length });
  }
}
