// The disk of one member. Saves become durable in order, each whole or not at all; several wait for
// one sync. A crash keeps a random number of the saves that were on their way (the write may have
// got through without an answer) and loses the rest.
import type { Prng } from '@corral/kit';
import type { Entry, HardState, Message, Ready, Recovered, SnapshotMeta } from '../../src/index.js';
import type { SimOptions } from './options.js';

/** A snapshot with its bytes, which here are the hash of the log that it stands for. */
export type StoredSnapshot = { readonly meta: SnapshotMeta; readonly state: number };

type Save = {
  readonly number: number;
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot: StoredSnapshot | undefined;
  readonly messagesAfterSave: readonly Message[];
};

export type DiskHost = {
  readonly prng: Prng;
  readonly options: SimOptions['disk'];
  now(): number;
  at(time: number, run: () => void): void;
  /** Everything up to Ready `number` is durable. */
  onSaved(number: number, messages: readonly Message[]): void;
};

export class Disk {
  readonly #host: DiskHost;
  hardState: HardState = { term: 0, vote: undefined, commit: 0 };
  snapshot: StoredSnapshot | undefined;
  entries: Entry[] = [];
  slowUntil = 0;
  #saves: Save[] = [];
  /** A commit index that no sync has carried yet. */
  #unsynced: HardState | undefined;
  #syncing = 0;
  #lastSyncAt = 0;
  #life = 0;

  constructor(host: DiskHost) {
    this.#host = host;
  }

  get lastIndex(): number {
    return this.entries.at(-1)?.index ?? this.snapshot?.meta.index ?? 0;
  }

  /** True when the durable log holds the entry (or a snapshot stands for it). */
  holds(index: number, term: number): boolean {
    if (index <= (this.snapshot?.meta.index ?? 0)) return true;
    const first = this.entries[0]?.index ?? Infinity;
    return this.entries[index - first]?.term === term;
  }

  recovered(): Recovered {
    const { hardState, entries } = this;
    return { hardState, snapshot: this.snapshot?.meta, entries: [...entries] };
  }

  /** True when there was nothing to wait for: what the Ready needs is durable already. */
  save(ready: Ready, snapshot: StoredSnapshot | undefined): boolean {
    const { number, hardState, entries, messagesAfterSave } = ready;
    if (!ready.mustSync && this.#saves.length === 0) {
      this.#unsynced = hardState ?? this.#unsynced;
      return true;
    }
    this.#saves.push({ number, hardState, entries, snapshot, messagesAfterSave });
    this.#startSync();
    return false;
  }

  /** A snapshot that the member took itself is durable; entries before `keepFrom` go. */
  compact(snapshot: StoredSnapshot, keepFrom: number): void {
    this.snapshot = snapshot;
    this.entries = this.entries.filter(({ index }) => index >= keepFrom);
  }

  crash(): void {
    const { prng } = this.#host;
    const survives = prng.below(this.#saves.length + 1);
    if (this.#unsynced !== undefined && prng.next() < 0.5) this.hardState = this.#unsynced;
    for (const save of this.#saves.slice(0, survives)) this.#persist(save);
    this.#saves = [];
    this.#unsynced = undefined;
    this.#syncing = 0;
    this.#life += 1;
  }

  #startSync(): void {
    if (this.#syncing >= 2) return;
    const { prng, options } = this.#host;
    const now = this.#host.now();
    const slow = now < this.slowUntil ? options.slowMs : 0;
    const at = Math.max(this.#lastSyncAt, now + (options.syncMs + slow) * (0.5 + prng.next()));
    const through = this.#saves.at(-1)!.number;
    const life = this.#life;
    this.#lastSyncAt = at;
    this.#syncing += 1;
    this.#host.at(at, () => {
      if (life === this.#life) this.#synced(through);
    });
  }

  #synced(through: number): void {
    this.#syncing -= 1;
    const messages: Message[] = [];
    let number = 0;
    while ((this.#saves[0]?.number ?? Infinity) <= through) {
      const save = this.#saves.shift()!;
      this.#persist(save);
      messages.push(...save.messagesAfterSave);
      number = save.number;
    }
    if (this.#saves.length > 0) this.#startSync();
    if (number > 0) this.#host.onSaved(number, messages);
  }

  #persist(save: Save): void {
    if (save.hardState !== undefined) {
      this.hardState = save.hardState;
      this.#unsynced = undefined;
    }
    if (save.snapshot !== undefined) {
      this.snapshot = save.snapshot;
      this.entries = [];
    }
    const first = save.entries[0];
    if (first === undefined) return;
    const start = this.entries[0]?.index ?? first.index;
    this.entries.length = first.index - start;
    for (const entry of save.entries) this.entries.push(entry);
  }
}
