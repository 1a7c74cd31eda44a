// The state of one member and the transitions between roles. What a role does with a message is in
// follower.ts, election.ts and leader.ts; the door to the outside is node.ts.
import { defaultConfig } from './config.js';
import type { RaftConfig } from './config.js';
import { invariant } from './errors.js';
import { Log, entryBytes } from './log.js';
import type { Entry, Index, MembershipChange, Message, NodeId, Term } from './messages.js';
import type { Recovered } from './node.js';
import { Progress } from './progress.js';
import { ReadIndex } from './read-index.js';
import type { FailedRead, ReadState, Role, WakeRequest } from './ready.js';
import type { SnapshotMeta } from './messages.js';

const noData = new Uint8Array(0);

/** A quick election that is under way (evidence that the leader's process is gone). */
export type QuickRound = { attemptsLeft: number; readonly rank: number };

export class Core {
  readonly config: RaftConfig;
  readonly log: Log;
  role: Role = 'follower';
  term: Term;
  vote: NodeId | undefined;
  leader: NodeId | undefined = undefined;
  commit: Index;
  /** The highest index handed out to be applied. */
  applied: Index;
  voters: Set<NodeId>;

  electionElapsed = 0;
  electionTimeout = 0;
  votes = new Map<NodeId, boolean>();
  quick: QuickRound | undefined = undefined;
  wakeToken = 0;
  /** A single voter that has voted for itself in this term and waits for its disk. */
  soloElection: Term | undefined = undefined;

  // leader only
  heartbeatElapsed = 0;
  readonly progress = new Map<NodeId, Progress>();
  readonly reads = new ReadIndex();
  uncommittedBytes = 0;
  /** A membership entry that has not been handed out to be applied. */
  pendingChange: Index | undefined = undefined;
  transferee: NodeId | undefined = undefined;
  transferElapsed = 0;
  /** The removal of this leader is committed: it tells the others, then steps down. */
  leaving = false;
  /** The round of heartbeats that tells them, and the ticks since. */
  leavingRound: number | undefined = undefined;
  leavingElapsed = 0;
  /** Removed members that do not hold the entry of their removal yet. */
  readonly farewells = new Map<NodeId, Index>();
  /** Something changed that the followers should be told of. */
  broadcastDue = false;

  // effects that the next Ready takes
  outbox: Message[] = [];
  /** May leave only when everything handed out so far is durable. */
  outboxAfterSave: Message[] = [];
  confirmedReads: ReadState[] = [];
  failedReads: FailedRead[] = [];
  wake: WakeRequest | undefined = undefined;
  snapshotToInstall: SnapshotMeta | undefined = undefined;
  /** Membership entries that are committed; that they are is not known to be durable here yet. */
  unsavedChanges: Index[] = [];
  /** Messages that made no sense. */
  dropped = 0;

  constructor(config: RaftConfig, recovered: Recovered) {
    this.config = { ...defaultConfig, ...config };
    const { hardState, snapshot, entries } = recovered;
    this.log = new Log(snapshot, entries);
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.applied = snapshot?.index ?? 0;
    this.commit = Math.max(hardState.commit, this.applied);
    invariant(
      this.commit <= this.log.lastIndex,
      `the commit index ${this.commit} is beyond the log, which ends at ${this.log.lastIndex}: ` +
        'entries have been lost',
    );
    this.voters = new Set(snapshot?.voters ?? []);
    for (let i = this.applied + 1; i <= this.commit; i += 1) {
      const change = this.log.at(i)?.change;
      if (change !== undefined) this.#changeVoters(change, i);
    }
    this.resetElectionTimer();
  }

  get id(): NodeId {
    return this.config.id;
  }

  get isVoter(): boolean {
    return this.voters.has(this.config.id);
  }

  /** True while this member has heard from a leader within the least election time-out. */
  get inLease(): boolean {
    if (!this.config.checkQuorum && !this.config.preVote) return false;
    return this.leader !== undefined && this.electionElapsed < this.config.electionTicks;
  }

  resetElectionTimer(): void {
    const { electionTicks, random } = this.config;
    this.electionElapsed = 0;
    this.electionTimeout = electionTicks + Math.floor(random.next() * electionTicks);
  }

  becomeFollower(term: Term, leader: NodeId | undefined): void {
    this.#leaveRole();
    if (term > this.term) {
      this.term = term;
      this.vote = undefined;
    }
    this.role = 'follower';
    this.leader = leader;
    if (leader !== undefined) this.quick = undefined;
    this.resetElectionTimer();
  }

  becomePreCandidate(): void {
    this.#leaveRole();
    this.role = 'preCandidate';
    this.leader = undefined;
    this.votes = new Map();
    this.resetElectionTimer();
  }

  becomeCandidate(): void {
    this.#leaveRole();
    this.role = 'candidate';
    this.leader = undefined;
    this.term += 1;
    this.vote = this.id;
    this.votes = new Map();
    this.resetElectionTimer();
  }

  becomeLeader(): void {
    this.#leaveRole();
    this.role = 'leader';
    this.leader = this.id;
    this.quick = undefined;
    this.heartbeatElapsed = 0;
    this.resetElectionTimer();
    this.leaving = false;
    this.leavingRound = undefined;
    this.leavingElapsed = 0;
    this.uncommittedBytes = 0;
    this.pendingChange = undefined;
    for (let i = this.applied + 1; i <= this.log.lastIndex; i += 1) {
      const entry = this.log.at(i);
      if (i > this.commit) this.uncommittedBytes += entryBytes(entry);
      if (entry?.kind === 'membership') this.pendingChange = i;
    }
    this.progress.clear();
    this.farewells.clear();
    for (const voter of this.voters) this.addProgress(voter);
    // An entry of the own term: only through it may older entries be counted as committed (5.4.2).
    this.append('empty', noData, undefined);
  }

  addProgress(node: NodeId): void {
    if (node === this.id) return;
    const { maxInflightMessages: messages, maxInflightBytes: bytes } = this.config;
    const progress = new Progress(this.log.lastIndex + 1, { messages, bytes });
    // A new leader is not deposed before everybody had time to answer once.
    progress.recentlyActive = true;
    this.progress.set(node, progress);
  }

  /** Appends an entry of the own term at the end of the log. */
  append(kind: Entry['kind'], data: Uint8Array, change: MembershipChange | undefined): Entry {
    const entry = { index: this.log.lastIndex + 1, term: this.term, kind, data, change };
    this.log.push(entry);
    this.uncommittedBytes += entryBytes(entry);
    this.broadcastDue = true;
    return entry;
  }

  /** The commit index moves on; membership changes below it take effect now. */
  advanceCommit(index: Index): void {
    invariant(
      index <= this.log.lastIndex,
      `entry ${index} is committed but this log ends at ${this.log.lastIndex}: entries that this ` +
        'member had acknowledged are gone',
    );
    if (index <= this.commit) return;
    const from = this.commit + 1;
    this.commit = index;
    for (let i = from; i <= index; i += 1) {
      const entry = this.log.at(i);
      if (this.role === 'leader') this.uncommittedBytes -= entryBytes(entry);
      if (entry?.change !== undefined) {
        this.#changeVoters(entry.change, i);
        this.unsavedChanges.push(i);
      }
    }
    this.broadcastDue = true;
  }

  /** Leaves now: depends on nothing that has still to be saved. */
  send(message: Message): void {
    this.outbox.push(message);
  }

  /**
   * Leaves when term, vote and log of this moment are durable. Several acknowledgements to one
   * leader become one, of the highest index: what was acknowledged in a term stays true in it.
   */
  sendAfterSave(message: Message): void {
    const last = this.outboxAfterSave.at(-1);
    const replaces =
      message.kind === 'appendReply' &&
      message.accepted &&
      last?.kind === 'appendReply' &&
      last.accepted &&
      last.to === message.to &&
      last.term === message.term;
    if (!replaces) this.outboxAfterSave.push(message);
    else if (message.index > last.index) this.outboxAfterSave.splice(-1, 1, message);
  }

  /**
   * A removed member, whose log is known to match up to `match`, learns of its removal once it holds
   * the entry. It may then switch itself off; so it must not hear of it before this leader's disk
   * has: a leader that restarts as one of two voters would wait for the other for ever.
   */
  sayFarewell(to: NodeId, match: Index): void {
    const removal = this.farewells.get(to);
    if (removal === undefined || match < removal || to === this.id) return;
    this.farewells.delete(to);
    const commit = Math.min(this.commit, match);
    const { id: from, term } = this;
    this.sendAfterSave({ kind: 'heartbeat', from, to, term, commit, readRound: 0 });
  }

  requestWake(afterMs: number): void {
    this.wakeToken += 1;
    this.wake = { afterMs, token: this.wakeToken };
  }

  #leaveRole(): void {
    if (this.role === 'leader') {
      this.failedReads.push(...this.reads.failAll());
      this.progress.clear();
      this.transferee = undefined;
      this.pendingChange = undefined;
      this.leaving = false;
    }
    this.votes = new Map();
  }

  #changeVoters(change: MembershipChange, index: Index): void {
    const leads = this.role === 'leader';
    if (change.kind === 'add') {
      this.voters.add(change.node);
      this.farewells.delete(change.node);
      if (leads && !this.progress.has(change.node)) this.addProgress(change.node);
    } else if (change.kind === 'remove') {
      this.voters.delete(change.node);
      if (!leads) return;
      this.farewells.set(change.node, index);
      this.sayFarewell(change.node, this.progress.get(change.node)?.match ?? 0);
      this.progress.delete(change.node);
      if (change.node === this.transferee) this.transferee = undefined;
      if (change.node === this.id) this.leaving = true;
    }
  }
}
