// The storage seam over files: the log, the snapshots beside it, and what of both may go.
import { join } from 'node:path';
import type { Clock, Logger, Timer } from '@corral/kit';
import type { SnapshotMeta } from '@corral/raft';
import type { Identity, SaveBatch, SnapshotWriter, Storage, StorageStats } from '../storage.js';
import type { DiskFs } from './disk-fs.js';
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
  readonly release: () => void;
};

/** At least two snapshots stay: if the newest turns out to be damaged, the one before serves. */
const snapshotsMin = 2;
const spaceLookMs = 1_000;

export class FileStorage implements Storage {
  readonly #options: FileStorageOptions;
  readonly #timer: Timer;
  readonly #listeners: ((state: 'full' | 'ok') => void)[] = [];
  #tokens = 0;

  constructor(options: FileStorageOptions) {
    this.#options = options;
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

  save(batch: SaveBatch): Promise<void> {
    return this.#options.wal.save(batch);
  }

  createSnapshot(meta: SnapshotMeta): Promise<SnapshotWriter> {
    const { fs, snapFolder: folder, identity } = this.#options;
    this.#tokens += 1;
    return createSnapshotFile({ fs, folder, identity, meta, token: String(this.#tokens) });
  }

  async commitSnapshot(meta: SnapshotMeta): Promise<void> {
    await this.#options.wal.mark({ index: meta.index, term: meta.term });
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
  }

  /** The log found that there is no space for its next segment, or that there is again. */
  reportSpace(state: 'full' | 'ok'): void {
    for (const listener of this.#listeners) listener(state);
  }

  async close(): Promise<void> {
    this.#timer.cancel();
    await this.#options.wal.close();
    this.#options.release();
  }

  async #purge(): Promise<void> {
    const { fs, snapFolder, maxSnapshots, maxWals, wal, logger } = this.#options;
    const names = (await fs.list(snapFolder))
      .map((name) => ({ name, parsed: parseSnapshotName(name) }))
      .sort((a, b) => (b.parsed?.index ?? 0) - (a.parsed?.index ?? 0))
      .filter(({ parsed }) => parsed !== undefined);
    const keep = Math.max(snapshotsMin, maxSnapshots);
    const surplus = maxSnapshots === 0 ? [] : names.slice(keep);
    for (const { name } of surplus) await fs.remove(join(snapFolder, name));
    const fallback = names[snapshotsMin - 1]?.parsed?.index;
    if (fallback === undefined || maxWals === 0) return;
    await wal.dropBefore(fallback + 1, maxWals);
    logger.debug('purged old snapshots', { snapshots: surplus.length });
  }
}
