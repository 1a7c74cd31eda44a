// The last changes of the store, so that a watcher can start in the past. Every index has exactly
// one record (refreshes too), which makes finding an index a matter of arithmetic.
import type { Event } from './event.js';

export type HistoryRecord = {
  readonly event: Event;
  /** Packed names of what vanished below a directory; undefined for all other events. */
  readonly vanished: string | undefined;
};

export class EventHistory {
  readonly #capacity: number;
  readonly #ring: HistoryRecord[] = [];
  /** Index of the newest record; 0 when there is none. */
  #lastIndex = 0;
  /** Index of the very first record, which has place 0. */
  #firstIndex = 0;

  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`historyMax must be a positive integer, not ${capacity}`);
    }
    this.#capacity = capacity;
  }

  /** The oldest index whose event is still there; one above the last when there is none. */
  get oldestIndex(): number {
    return this.#lastIndex - this.#ring.length + 1;
  }

  /** Index of the newest record; 0 when there is none. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  get isEmpty(): boolean {
    return this.#ring.length === 0;
  }

  /** Appends the record of the next index, dropping the oldest one when full. */
  add(record: HistoryRecord): void {
    const index = record.event.storeIndex;
    if (this.#ring.length === 0) this.#firstIndex = index;
    // While the ring grows, the place of the next index is its length: this appends.
    this.#ring[this.#place(index)] = record;
    this.#lastIndex = index;
  }

  /** The record of an index between `oldestIndex` and `lastIndex`. */
  at(index: number): HistoryRecord | undefined {
    if (index < this.oldestIndex || index > this.#lastIndex) return undefined;
    return this.#ring[this.#place(index)];
  }

  /** All records, oldest first. */
  toArray(): readonly HistoryRecord[] {
    const cut = this.#place(this.oldestIndex);
    return [...this.#ring.slice(cut), ...this.#ring.slice(0, cut)];
  }

  #place(index: number): number {
    return (index - this.#firstIndex) % this.#capacity;
  }
}
