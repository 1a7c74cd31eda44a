// The nodes that have an expiration, soonest first: a binary heap whose entries know their slot,
// so that any of them can be moved or removed in O(log n).
//
// The order is total and depends on content only, never on the history of the heap: members that
// got here by log and members that got here by snapshot must expire in the same order, since each
// expiry takes one index.
import { depthOf } from './node.js';
import type { TreeNode } from './node.js';

export class TtlEntry {
  readonly node: TreeNode;
  /** Epoch milliseconds. */
  expiration: number;
  /** Position in the heap; -1 when it is not in it. */
  slot: number;

  constructor(node: TreeNode, expiration: number, slot: number) {
    this.node = node;
    this.expiration = expiration;
    this.slot = slot;
  }
}

export class TtlHeap {
  readonly #entries: TtlEntry[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** The entry that expires first. */
  top(): TtlEntry | undefined {
    return this.#entries[0];
  }

  add(node: TreeNode, expiration: number): TtlEntry {
    const entry = new TtlEntry(node, expiration, this.#entries.length);
    this.#entries.push(entry);
    this.#rise(entry);
    return entry;
  }

  /** Moves an entry to where its expiration, or its node's createdIndex, now puts it. */
  reorder(entry: TtlEntry): void {
    this.#rise(entry);
    this.#sink(entry);
  }

  /** Takes an entry out; its expiration stays readable. */
  remove(entry: TtlEntry): void {
    const last = this.#entries.pop();
    if (last !== undefined && last !== entry) {
      this.#place(last, entry.slot);
      this.reorder(last);
    }
    entry.slot = -1;
  }

  #rise(entry: TtlEntry): void {
    let { slot } = entry;
    while (slot > 0) {
      const above = this.#entries[(slot - 1) >> 1];
      if (above === undefined || !isBefore(entry, above)) break;
      const freed = above.slot;
      this.#place(above, slot);
      slot = freed;
    }
    this.#place(entry, slot);
  }

  #sink(entry: TtlEntry): void {
    let { slot } = entry;
    for (;;) {
      const left = this.#entries[2 * slot + 1];
      const right = this.#entries[2 * slot + 2];
      if (left === undefined) break;
      const sooner = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(sooner, entry)) break;
      const freed = sooner.slot;
      this.#place(sooner, slot);
      slot = freed;
    }
    this.#place(entry, slot);
  }

  #place(entry: TtlEntry, slot: number): void {
    this.#entries[slot] = entry;
    entry.slot = slot;
  }
}

/**
 * By expiration, then createdIndex. Nodes of the same createdIndex were made by one command, so
 * they are a chain of ancestors: the upper one goes first and takes the others with it.
 */
function isBefore(left: TtlEntry, right: TtlEntry): boolean {
  if (left.expiration !== right.expiration) return left.expiration < right.expiration;
  const byIndex = left.node.createdIndex - right.node.createdIndex;
  return byIndex !== 0 ? byIndex < 0 : depthOf(left.node) < depthOf(right.node);
}
