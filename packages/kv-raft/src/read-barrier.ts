// Linearizable reads (ReadIndex, Raft dissertation 6.4). Reads that arrive while a round is on its
// way share the next one. A read is "waiting" (no round asked yet), "asked" (its round is out) or
// "confirmed" (the round's index is known, and this member may have to apply up to it).
//
// A follower asks the leader; the leader asks its core. An answer stays valid whenever it comes:
// the index was confirmed after the round began.
import type { Clock } from '@corral/kit';
import type { RequestFailure } from './backend.js';

export type ReadOutcome =
  { readonly ok: true } | { readonly ok: false; readonly failure: RequestFailure };

type Read = { readonly resolve: (outcome: ReadOutcome) => void; readonly startedAt: number };
type Round = { readonly reads: Read[]; readonly askedAt: number };
type Confirmed = { readonly index: number; readonly reads: Read[] };

export type ReadBarrierOptions = {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly leaderlessMs: number;
  /** A round without an answer for this long is asked again. */
  readonly retryMs: number;
  /**
   * Rounds are counted from here: a number that no other life of this member uses, since an answer
   * to a former life's question must confirm nothing in this one.
   */
  readonly firstRound: number;
  /** Asks for a round; false when there is nobody to ask now. */
  readonly ask: (round: number) => boolean;
  readonly appliedIndex: () => number;
};

const roundsInFlightMax = 2;

export class ReadBarrier {
  readonly #options: ReadBarrierOptions;
  #waiting: Read[] = [];
  readonly #asked = new Map<number, Round>();
  #confirmed: Confirmed[] = [];
  #round: number;

  constructor(options: ReadBarrierOptions) {
    this.#options = options;
    this.#round = options.firstRound;
  }

  /** Resolves when this member holds everything that was acknowledged before the call. */
  wait(): Promise<ReadOutcome> {
    return new Promise((resolve) => {
      this.#waiting.push({ resolve, startedAt: this.#options.clock.now() });
    });
  }

  /** Asks for a round for everything that waits, unless enough rounds are out. */
  flush(): void {
    if (this.#waiting.length === 0 || this.#asked.size >= roundsInFlightMax) return;
    const round = this.#round + 1;
    if (!this.#options.ask(round)) return;
    this.#round = round;
    this.#asked.set(round, { reads: this.#waiting, askedAt: this.#options.clock.now() });
    this.#waiting = [];
  }

  /** A round is confirmed; its reads may be answered once `index` is applied here. */
  confirm(round: number, index: number): void {
    const asked = this.#asked.get(round);
    if (asked === undefined) return;
    this.#asked.delete(round);
    this.#confirmed.push({ index, reads: asked.reads });
    this.applied();
    this.flush();
  }

  /** A round came to nothing: its reads wait for the next one. */
  fail(round: number): void {
    const asked = this.#asked.get(round);
    if (asked === undefined) return;
    this.#asked.delete(round);
    this.#waiting = [...asked.reads, ...this.#waiting];
  }

  /** The leader is gone or another one appeared: every open round has to be asked anew. */
  failAllRounds(): void {
    for (const round of [...this.#asked.keys()]) this.fail(round);
  }

  /** The applied index moved on. */
  applied(): void {
    if (this.#confirmed.length === 0) return;
    const applied = this.#options.appliedIndex();
    const later: Confirmed[] = [];
    for (const confirmed of this.#confirmed) {
      if (confirmed.index <= applied) finish(confirmed.reads, { ok: true });
      else later.push(confirmed);
    }
    this.#confirmed = later;
  }

  /** Asks overdue rounds again and ends reads whose time is over. */
  expire(leaderlessSince: number | undefined): void {
    const now = this.#options.clock.now();
    for (const [round, asked] of this.#asked) {
      if (now - asked.askedAt >= this.#options.retryMs) this.fail(round);
    }
    const overdue = (read: Read): boolean => now - read.startedAt >= this.#options.timeoutMs;
    const leaderless = (read: Read): boolean =>
      leaderlessSince !== undefined &&
      now - Math.max(read.startedAt, leaderlessSince) >= this.#options.leaderlessMs;
    const late = this.#waiting.filter((read) => overdue(read) || leaderless(read));
    if (late.length > 0) {
      this.#waiting = this.#waiting.filter((read) => !(overdue(read) || leaderless(read)));
      const failure = leaderlessSince === undefined ? 'E_RAFT_TIMEOUT' : 'E_RAFT_NO_LEADER';
      finish(late, { ok: false, failure });
    }
    this.#expireConfirmed(overdue);
    this.flush();
  }

  /** A confirmed read waits for this member to catch up, but not for ever. */
  #expireConfirmed(overdue: (read: Read) => boolean): void {
    for (const { reads } of this.#confirmed) {
      // Oldest first: the first that is not overdue ends the search.
      const end = reads.findIndex((read) => !overdue(read));
      const late = reads.splice(0, end < 0 ? reads.length : end);
      finish(late, { ok: false, failure: 'E_RAFT_TIMEOUT' });
    }
    this.#confirmed = this.#confirmed.filter(({ reads }) => reads.length > 0);
  }

  failAll(failure: RequestFailure): void {
    this.failAllRounds();
    const reads = [...this.#waiting, ...this.#confirmed.flatMap((confirmed) => confirmed.reads)];
    this.#waiting = [];
    this.#confirmed = [];
    finish(reads, { ok: false, failure });
  }
}

function finish(reads: readonly Read[], outcome: ReadOutcome): void {
  for (const read of reads) read.resolve(outcome);
}
