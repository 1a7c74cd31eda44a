// Linearizable reads (dissertation 6.4). A read is "early" (the leader has not committed an entry of
// its term), "waiting" (for the next round), or part of a round that is out. A round is a number
// that heartbeats carry and replies give back; numbers only grow and are never used twice, so a
// delayed reply can confirm no round that began after the heartbeat it answers.
import type { Index, NodeId } from './messages.js';
import type { FailedRead, ReadState } from './ready.js';

type Round = {
  readonly number: number;
  readonly index: Index;
  readonly ids: readonly number[];
  readonly acknowledged: Set<NodeId>;
};

export class ReadIndex {
  #early: number[] = [];
  #waiting: number[] = [];
  #rounds: Round[] = [];
  #lastRound = 0;
  #confirmedRound = 0;

  /** The newest round that is out; 0 when none is. */
  get openRound(): number {
    return this.#rounds.at(-1)?.number ?? 0;
  }

  /** The newest round that was confirmed. */
  get confirmedRound(): number {
    return this.#confirmedRound;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  addEarly(id: number): void {
    this.#early.push(id);
  }

  add(id: number): void {
    this.#waiting.push(id);
  }

  /** An entry of the leader's term is committed: early reads may join a round. */
  termCommitted(): void {
    if (this.#early.length === 0) return;
    this.#waiting.push(...this.#early);
    this.#early = [];
  }

  /** Opens a round for everything that waits; gives its number. */
  openNext(commit: Index, self: NodeId): number {
    this.#lastRound += 1;
    const number = this.#lastRound;
    const acknowledged = new Set([self]);
    this.#rounds.push({ number, index: commit, ids: this.#waiting, acknowledged });
    this.#waiting = [];
    return number;
  }

  /**
   * `from` answered a heartbeat that carried `round`. Gives the reads that are confirmed by it:
   * all rounds up to the newest one that `isQuorum` accepts.
   */
  acknowledge(
    from: NodeId,
    round: number,
    isQuorum: (ids: ReadonlySet<NodeId>) => boolean,
  ): readonly ReadState[] {
    let confirmed = -1;
    for (const [i, open] of this.#rounds.entries()) {
      if (open.number > round) break;
      open.acknowledged.add(from);
      if (isQuorum(open.acknowledged)) confirmed = i;
    }
    if (confirmed < 0) return [];
    const done = this.#rounds.slice(0, confirmed + 1);
    this.#confirmedRound = done.at(-1)?.number ?? this.#confirmedRound;
    this.#rounds = this.#rounds.slice(confirmed + 1);
    return done.flatMap(({ ids, index }) => ids.map((id) => ({ id, index })));
  }

  /** The leadership ended: nothing that is open can be confirmed any more. */
  failAll(): readonly FailedRead[] {
    const ids = [...this.#early, ...this.#rounds.flatMap(({ ids }) => ids), ...this.#waiting];
    this.#early = [];
    this.#waiting = [];
    this.#rounds = [];
    return ids.map((id) => ({ id }));
  }
}
