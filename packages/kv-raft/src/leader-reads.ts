// Where the leader's confirmations of read indexes go: to this member's own read barrier, or to
// the member that asked through us.
import type { RaftNode } from '@corral/raft';
import type { ForwardedRequests } from './forwarded-requests.js';
import type { ReadBarrier } from './read-barrier.js';

export type LeaderReadsOptions = {
  readonly core: RaftNode;
  readonly reads: () => ReadBarrier;
  readonly forwarded: () => ForwardedRequests;
};

export class LeaderReads {
  readonly #options: LeaderReadsOptions;
  /** Read id of the core to the barrier's round. */
  readonly #own = new Map<number, number>();
  #nextId = 1;

  constructor(options: LeaderReadsOptions) {
    this.#options = options;
  }

  takeId(): number {
    return this.#nextId++;
  }

  /** Asks whoever leads to confirm a round; false when nobody can be asked now. */
  ask(round: number): boolean {
    const { core, forwarded } = this.#options;
    const { leader, role } = core;
    if (leader === undefined) return false;
    if (role !== 'leader') return forwarded().askForRead(leader, round);
    const id = this.takeId();
    this.#own.set(id, round);
    if (core.requestRead(id).ok) return true;
    this.#own.delete(id);
    return false;
  }

  /** The core's answer: the index that a read must have applied, or undefined for "failed". */
  answered(id: number, index: number | undefined): void {
    const { reads, forwarded } = this.#options;
    const round = this.#own.get(id);
    this.#own.delete(id);
    if (round === undefined) forwarded().answerRead(id, index);
    else if (index === undefined) reads().fail(round);
    else reads().confirm(round, index);
  }

  /** Another leader or term: open questions are void. */
  forget(): void {
    this.#own.clear();
    this.#options.reads().failAllRounds();
    this.#options.forwarded().forgetReads();
  }
}
