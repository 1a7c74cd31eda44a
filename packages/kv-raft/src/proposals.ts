// Requests of this member's clients that have no answer yet. A request stays here until its entry
// was applied on this member or its time is over. Whenever another leader appears, everything
// unanswered is proposed again: the session and sequence inside make a second copy harmless.
import type { Clock } from '@corral/kit';
import type { CommandResult } from '@corral/store';
import type { RequestFailure } from './backend.js';
import { encodeRequest } from './request-codec.js';
import type { Request } from './request-codec.js';

export type ProposalOutcome =
  | { readonly ok: true; readonly result: CommandResult | undefined }
  | { readonly ok: false; readonly failure: RequestFailure };

type Pending = {
  readonly sequence: number;
  readonly data: Buffer;
  readonly startedAt: number;
  readonly resolve: (outcome: ProposalOutcome) => void;
  /** When it was last handed to a leader; from then on its fate is unknown until it is applied. */
  sentAt: number | undefined;
  /** Times that it was handed to a leader. */
  attempts: number;
};

/** What decides which time-out a client is told of. */
export type LeaderSituation = {
  /** Since when there is no leader; undefined while there is one. */
  readonly leaderlessSince: number | undefined;
  /** When the present leader appeared. */
  readonly leaderSince: number | undefined;
};

export type ProposalLimits = {
  readonly timeoutMs: number;
  /** A request that no leader could be found for is refused after this time. */
  readonly leaderlessMs: number;
  /** A leader younger than this when a request began counts as "previous leader failed". */
  readonly electionTimeoutMs: number;
  /** A request without an answer for this long is handed to the leader again. */
  readonly resendMs: number;
  /** Bytes of unanswered requests; above it new ones are refused. */
  readonly pendingBytesMax: number;
};

export class Proposals {
  readonly #session: number;
  readonly #clock: Clock;
  readonly #limits: ProposalLimits;
  readonly #pending = new Map<number, Pending>();
  /** A request that has ended leaves it at once: without a leader it could grow without bound. */
  #queue = new Set<Pending>();
  #nextSequence = 1;
  #pendingBytes = 0;

  constructor(options: { session: number; clock: Clock; limits: ProposalLimits }) {
    this.#session = options.session;
    this.#clock = options.clock;
    this.#limits = options.limits;
  }

  get session(): number {
    return this.#session;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Queues a request; the promise never rejects. */
  add(request: Request): Promise<ProposalOutcome> {
    if (this.#pendingBytes > this.#limits.pendingBytesMax) {
      return Promise.resolve({ ok: false, failure: 'E_RAFT_TOO_MANY_REQUESTS' });
    }
    return new Promise((resolve) => {
      const sequence = this.#nextSequence;
      this.#nextSequence += 1;
      const low = this.#oldest() ?? sequence;
      const data = encodeRequest({ session: this.#session, sequence, low }, request);
      const startedAt = this.#clock.now();
      const pending = { sequence, data, startedAt, resolve, sentAt: undefined, attempts: 0 };
      this.#pending.set(sequence, pending);
      this.#pendingBytes += data.length;
      this.#queue.add(pending);
    });
  }

  /** An identity for something that is not a store command (a membership change). */
  takeSequence(): number {
    const sequence = this.#nextSequence;
    this.#nextSequence += 1;
    return sequence;
  }

  get hasQueued(): boolean {
    return this.#queue.size > 0;
  }

  /** Everything that waits to be handed to the leader; the caller does so at once. */
  takeQueued(): readonly Buffer[] {
    const now = this.#clock.now();
    const data: Buffer[] = [];
    for (const pending of this.#queue) {
      pending.sentAt = now;
      pending.attempts += 1;
      data.push(pending.data);
    }
    this.#queue.clear();
    return data;
  }

  /** The fate of what was sent is open (leader lost, or another one appeared): queue it again. */
  requeueAll(): void {
    this.#queue = new Set(this.#pending.values());
  }

  /** A leader did not take this request: nothing of it was appended. */
  requeue(sequence: number): void {
    const pending = this.#pending.get(sequence);
    if (pending !== undefined) this.#queue.add(pending);
  }

  /**
   * The leader has no room for it. A first attempt is refused for good; a copy of what was sent
   * before is not, since the earlier one may yet be applied.
   */
  overloaded(sequence: number): void {
    if (this.#pending.get(sequence)?.attempts === 1) {
      this.refuse(sequence, 'E_RAFT_TOO_MANY_REQUESTS');
    }
  }

  /** Refuses a request for good; true if it was pending. */
  refuse(sequence: number, failure: RequestFailure): boolean {
    return this.#finish(sequence, { ok: false, failure });
  }

  /** A request of this session was applied. */
  settle(sequence: number, result: CommandResult | undefined): void {
    this.#finish(sequence, { ok: true, result });
  }

  /** Ends every request whose time is over, and queues again what may have got lost. */
  expire(situation: LeaderSituation): void {
    const now = this.#clock.now();
    for (const pending of this.#pending.values()) {
      if (now - pending.startedAt >= this.#limits.timeoutMs) {
        this.refuse(pending.sequence, this.#cause(pending, situation));
      } else if (pending.sentAt === undefined && situation.leaderlessSince !== undefined) {
        const waitedMs = now - Math.max(pending.startedAt, situation.leaderlessSince);
        if (waitedMs >= this.#limits.leaderlessMs) {
          this.refuse(pending.sequence, 'E_RAFT_NO_LEADER');
        }
      } else if (pending.sentAt !== undefined && now - pending.sentAt >= this.#limits.resendMs) {
        this.requeue(pending.sequence);
      }
    }
  }

  failAll(failure: RequestFailure): void {
    for (const sequence of [...this.#pending.keys()]) this.refuse(sequence, failure);
  }

  #cause(pending: Pending, situation: LeaderSituation): RequestFailure {
    if (situation.leaderlessSince !== undefined) {
      return pending.sentAt !== undefined ? 'E_RAFT_TIMEOUT_CONNECTION_LOST' : 'E_RAFT_NO_LEADER';
    }
    const { leaderSince } = situation;
    const window = 2 * this.#limits.electionTimeoutMs;
    if (leaderSince !== undefined && pending.startedAt > leaderSince - window) {
      if (pending.startedAt < leaderSince) return 'E_RAFT_TIMEOUT_LEADER_FAILED';
    }
    return 'E_RAFT_TIMEOUT';
  }

  #finish(sequence: number, outcome: ProposalOutcome): boolean {
    const pending = this.#pending.get(sequence);
    if (pending === undefined) return false;
    this.#pending.delete(sequence);
    this.#queue.delete(pending);
    this.#pendingBytes -= pending.data.length;
    pending.resolve(outcome);
    return true;
  }

  #oldest(): number | undefined {
    for (const sequence of this.#pending.keys()) return sequence;
    return undefined;
  }
}
