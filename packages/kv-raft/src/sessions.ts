// Recognises commands that were proposed more than once. A member re-proposes what it cannot know
// the fate of (its leader died, another one appeared); the log may then hold two copies, and only
// the first is applied. (Raft dissertation 6.3, linearizable semantics through client sessions.)
//
// Part of the replicated state: it depends on log content only and travels in snapshots.
import type { RequestId } from './request-codec.js';

type Session = { low: number; readonly applied: Set<number>; lastIndex: number };

/** Sessions kept; beyond it the one that was silent longest goes (by log index: deterministic). */
export const sessionsMax = 256;

export class Sessions {
  #sessions = new Map<number, Session>();

  /** True the first time a request is seen; `index` is its entry's place in the log. */
  admit(id: RequestId, index: number): boolean {
    let session = this.#sessions.get(id.session);
    if (session === undefined) {
      session = { low: 0, applied: new Set(), lastIndex: index };
      this.#sessions.set(id.session, session);
      if (this.#sessions.size > sessionsMax) this.#dropOldest();
    }
    session.lastIndex = index;
    if (id.sequence < session.low || session.applied.has(id.sequence)) return false;
    session.applied.add(id.sequence);
    if (id.low > session.low) {
      const passed = id.low - session.low;
      if (passed < session.applied.size) {
        for (let one = session.low; one < id.low; one += 1) session.applied.delete(one);
      } else {
        for (const one of session.applied) if (one < id.low) session.applied.delete(one);
      }
      session.low = id.low;
    }
    return true;
  }

  /** The state as plain data, in an order that depends on the content only. */
  toData(): SessionsData {
    return [...this.#sessions]
      .sort(([a], [b]) => a - b)
      .map(([id, session]) => [
        id,
        session.low,
        session.lastIndex,
        [...session.applied].sort((a, b) => a - b),
      ]);
  }

  restore(data: SessionsData): void {
    this.#sessions = new Map(
      data.map(([id, low, lastIndex, applied]) => [
        id,
        { low, lastIndex, applied: new Set(applied) },
      ]),
    );
  }

  #dropOldest(): void {
    let oldest: number | undefined;
    let oldestIndex = Infinity;
    for (const [id, session] of this.#sessions) {
      if (session.lastIndex < oldestIndex) {
        oldest = id;
        oldestIndex = session.lastIndex;
      }
    }
    if (oldest !== undefined) this.#sessions.delete(oldest);
  }
}

/** id, low-water mark, index of the last command, sequences applied at or above the mark. */
export type SessionsData = readonly (readonly [number, number, number, readonly number[]])[];
