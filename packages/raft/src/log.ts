// The log as this member has it: a tail of entries in memory behind a base (what a snapshot stands
// for, or what was compacted). Entries up to `stableIndex` are known to be durable here. Gapless by
// construction; whoever truncates below the commit index is wrong, and is stopped.
import { invariant } from './errors.js';
import type { Entry, Index, SnapshotMeta, Term } from './messages.js';

export class Log {
  #entries: Entry[];
  /** Index and term of the entry just before the first one held. */
  #baseIndex: Index;
  #baseTerm: Term;
  #snapshot: SnapshotMeta | undefined;
  #stableIndex: Index;
  /** Entries up to here have been handed out to be saved. */
  #handedIndex: Index;
  #lastSlice: { lo: Index; hi: Index; maxBytes: number; entries: readonly Entry[] } | undefined;

  constructor(snapshot: SnapshotMeta | undefined, entries: readonly Entry[]) {
    const first = entries[0];
    this.#snapshot = snapshot;
    this.#baseIndex = first === undefined ? (snapshot?.index ?? 0) : first.index - 1;
    this.#baseTerm = snapshot?.index === this.#baseIndex ? snapshot.term : 0;
    this.#entries = [...entries];
    for (const [i, entry] of this.#entries.entries()) {
      invariant(entry.index === this.#baseIndex + 1 + i, 'the recovered log has a gap');
    }
    invariant(
      this.#baseIndex <= (snapshot?.index ?? 0),
      'the recovered log starts after what the snapshot holds',
    );
    this.#stableIndex = this.lastIndex;
    this.#handedIndex = this.lastIndex;
    if (snapshot !== undefined && snapshot.index > this.lastIndex) this.restore(snapshot);
  }

  get firstIndex(): Index {
    return this.#baseIndex + 1;
  }

  get lastIndex(): Index {
    return this.#baseIndex + this.#entries.length;
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#baseTerm;
  }

  get stableIndex(): Index {
    return this.#stableIndex;
  }

  get handedIndex(): Index {
    return this.#handedIndex;
  }

  /** The newest durable snapshot. */
  get snapshot(): SnapshotMeta | undefined {
    return this.#snapshot;
  }

  /** Undefined when the entry is not held (compacted, or beyond the end). Index 0 has term 0. */
  term(index: Index): Term | undefined {
    if (index === this.#snapshot?.index) return this.#snapshot.term;
    if (index === this.#baseIndex) {
      return index === 0 || this.#baseTerm > 0 ? this.#baseTerm : undefined;
    }
    return this.#entries[index - this.#baseIndex - 1]?.term;
  }

  at(index: Index): Entry | undefined {
    return this.#entries[index - this.#baseIndex - 1];
  }

  /**
   * Entries from `lo` to `hi` inclusive, as many as fit into `maxBytes` but at least one. The same
   * question gives the same array, so that a host encodes it once for several followers.
   */
  slice(lo: Index, hi: Index, maxBytes: number): readonly Entry[] {
    const known = this.#lastSlice;
    if (known?.lo === lo && known.hi === hi && known.maxBytes === maxBytes) return known.entries;
    const from = lo - this.#baseIndex - 1;
    let end = from;
    let bytes = 0;
    while (end < this.#entries.length && end - from < hi - lo + 1) {
      bytes += entryBytes(this.#entries[end]);
      if (bytes > maxBytes && end > from) break;
      end += 1;
    }
    const entries = this.#entries.slice(from, end);
    this.#lastSlice = { lo, hi, maxBytes, entries };
    return entries;
  }

  /** Appends at the end. */
  push(entry: Entry): void {
    invariant(entry.index === this.lastIndex + 1, 'an entry does not follow the last one');
    this.#entries.push(entry);
    this.#lastSlice = undefined;
  }

  /** Drops `index` and everything after it. Never below `commit`. */
  truncateFrom(index: Index, commit: Index): void {
    invariant(index > commit, `entry ${index} is committed and cannot be replaced`);
    this.#entries.length = index - this.#baseIndex - 1;
    this.#stableIndex = Math.min(this.#stableIndex, index - 1);
    this.#handedIndex = Math.min(this.#handedIndex, index - 1);
    this.#lastSlice = undefined;
  }

  /** Entries that have not been handed out to be saved yet; hands them out. */
  takeUnhanded(): readonly Entry[] {
    if (this.#handedIndex >= this.lastIndex) return [];
    const entries = this.slice(this.#handedIndex + 1, this.lastIndex, Infinity);
    this.#handedIndex = this.lastIndex;
    return entries;
  }

  /** What was handed out up to `index` is durable. (What replaced it since has to be handed out.) */
  markStable(index: Index): void {
    this.#stableIndex = Math.max(this.#stableIndex, Math.min(index, this.#handedIndex));
  }

  /** A durable snapshot of `meta` exists; entries before `keepFrom` may go. */
  compact(meta: SnapshotMeta, keepFrom: Index): void {
    if (this.#snapshot !== undefined && meta.index <= this.#snapshot.index) return;
    this.#snapshot = meta;
    const base = Math.min(keepFrom - 1, meta.index);
    if (base <= this.#baseIndex) return;
    const baseTerm = this.term(base);
    invariant(baseTerm !== undefined, `entry ${base} is not held and cannot become the base`);
    this.#entries = this.#entries.slice(base - this.#baseIndex);
    this.#baseIndex = base;
    this.#baseTerm = baseTerm;
    this.#lastSlice = undefined;
  }

  /** Where the newest entries up to `index` begin that are within both limits. */
  tailStart(index: Index, entriesMax: number, bytesMax: number): Index {
    let start = index + 1;
    let bytes = 0;
    while (start > this.firstIndex && index - start + 1 < entriesMax) {
      bytes += entryBytes(this.at(start - 1));
      if (bytes > bytesMax) break;
      start -= 1;
    }
    return start;
  }

  /** Replaces everything by a snapshot. */
  restore(meta: SnapshotMeta): void {
    this.#snapshot = meta;
    this.#entries = [];
    this.#baseIndex = meta.index;
    this.#baseTerm = meta.term;
    this.#stableIndex = meta.index;
    this.#handedIndex = meta.index;
    this.#lastSlice = undefined;
  }

  /** True when a log that ends at (index, term) is at least as new as this one (5.4.1). */
  isUpToDate(index: Index, term: Term): boolean {
    return term > this.lastTerm || (term === this.lastTerm && index >= this.lastIndex);
  }

  /** The highest index at or below `index` whose term is at most `term`; for fast back-off (5.3). */
  lastIndexWithTermAtMost(index: Index, term: Term): Index {
    let candidate = Math.min(index, this.lastIndex);
    while (candidate > this.#baseIndex) {
      const here = this.term(candidate);
      if (here === undefined || here <= term) return candidate;
      candidate -= 1;
    }
    return candidate;
  }
}

/** What an entry counts for in limits: its data and a fixed overhead. */
export function entryBytes(entry: Entry | undefined): number {
  if (entry === undefined) return 0;
  return 16 + (entry.change === undefined ? entry.data.length : 64 + entry.change.context.length);
}
