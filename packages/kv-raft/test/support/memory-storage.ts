// A storage in memory. What was saved is there for the next life once its save has resolved; a test
// can hold saves back, as a slow disk does, or let them fail.
import type { Entry, HardState, SnapshotMeta } from '@corral/raft';
import { StorageFailure } from '../../src/disk/errors.js';
import type {
  Identity,
  RecoveredState,
  SaveBatch,
  SnapshotWriter,
  Storage,
  StorageStats,
} from '../../src/storage.js';

type Held = {
  readonly batch: SaveBatch;
  readonly done: () => void;
  readonly fail: (e: unknown) => void;
};

export class MemoryStorage implements Storage {
  readonly identity: Identity;
  /** Every batch that became durable. */
  readonly saved: SaveBatch[] = [];
  readonly committed: SnapshotMeta[] = [];
  /** Called when a snapshot begins; may throw. */
  beforeSnapshot: () => void = () => undefined;
  /** Awaited before a snapshot is read. */
  beforeRead: (meta: SnapshotMeta) => Promise<void> = () => Promise.resolve();
  #entries: Entry[] = [];
  #hardState: HardState;
  #snapshot: SnapshotMeta | undefined;
  readonly #files = new Map<number, Uint8Array[]>();
  readonly #spaceListeners: ((state: 'full' | 'ok') => void)[] = [];
  #held: Held[] = [];
  #holding = false;
  #failure: StorageFailure | undefined;

  constructor(identity: Identity, entries: readonly Entry[], hardState: HardState) {
    this.identity = identity;
    this.#entries = [...entries];
    this.#hardState = hardState;
  }

  get stats(): StorageStats {
    const lastSavedIndex = this.#entries.at(-1)?.index ?? this.#snapshot?.index ?? 0;
    return { fsyncs: this.saved.length, lastFsyncMs: 0, lastSavedIndex };
  }

  /** Saves do not end until `release`. */
  hold(): void {
    this.#holding = true;
  }

  release(): void {
    this.#holding = false;
    for (const { batch, done } of this.#held.splice(0)) {
      this.#write(batch);
      done();
    }
  }

  /** All saves that are on their way fail, and every later one. */
  fail(): void {
    this.#failure = new StorageFailure('E_STORAGE_FAILED', 'writing the log failed: EIO');
    for (const { fail } of this.#held.splice(0)) fail(this.#failure);
  }

  reportSpace(state: 'full' | 'ok'): void {
    for (const listener of this.#spaceListeners) listener(state);
  }

  /** What the next life finds: saves that are held back are lost. */
  recover(): RecoveredState {
    this.#held = [];
    this.#holding = false;
    const meta = this.#snapshot;
    const hardState = {
      ...this.#hardState,
      commit: Math.max(this.#hardState.commit, meta?.index ?? 0),
    };
    return {
      identity: this.identity,
      hardState,
      snapshot:
        meta === undefined ? undefined : { meta, chunks: this.#files.get(meta.index) ?? [] },
      entries: [...this.#entries],
    };
  }

  save(batch: SaveBatch): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      if (this.#holding) {
        this.#held.push({ batch, done: resolve, fail: reject });
        return;
      }
      setImmediate(() => {
        this.#write(batch);
        resolve();
      });
    });
  }

  createSnapshot(meta: SnapshotMeta): Promise<SnapshotWriter> {
    const chunks: Uint8Array[] = [];
    return Promise.resolve().then(() => {
      this.beforeSnapshot();
      return {
        write: (chunk) => {
          chunks.push(Buffer.from(chunk));
          return Promise.resolve();
        },
        finish: () => {
          this.#files.set(meta.index, chunks);
          return Promise.resolve();
        },
        abandon: () => Promise.resolve(),
      };
    });
  }

  commitSnapshot(meta: SnapshotMeta): Promise<void> {
    this.committed.push(meta);
    if (meta.index > (this.#snapshot?.index ?? 0)) this.#snapshot = meta;
    return Promise.resolve();
  }

  async *readSnapshot(meta: SnapshotMeta): AsyncIterable<Uint8Array> {
    await this.beforeRead(meta);
    for (const chunk of this.#files.get(meta.index) ?? []) {
      yield chunk;
    }
  }

  onSpace(listener: (state: 'full' | 'ok') => void): void {
    this.#spaceListeners.push(listener);
  }

  onFailure(): void {
    // Only saves fail here.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #write(batch: SaveBatch): void {
    this.saved.push(batch);
    this.#hardState = batch.hardState ?? this.#hardState;
    if (batch.installed !== undefined) {
      this.#snapshot = batch.installed;
      this.#entries = [];
    }
    for (const run of batch.runs) {
      const first = run[0]?.index ?? 0;
      this.#entries = [...this.#entries.filter(({ index }) => index < first), ...run];
    }
  }
}
