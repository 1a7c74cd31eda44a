// RaftNode: the door to the core. Inputs come in as method calls, effects leave as one value
// (ready.ts). Synchronous from end to end: no call is ever interleaved with another.
import { validateConfig } from './config-check.js';
import type { RaftConfig } from './config.js';
import { Core } from './core.js';
import {
  campaign,
  leaderLost,
  onTimeoutNow,
  onVoteReply,
  onVoteRequest,
  onWake,
} from './election.js';
import { replyToVote, tickElection } from './election.js';
import { onAppend, onHeartbeat, onSnapshot } from './follower.js';
import * as leading from './leader.js';
import { entryBytes } from './log.js';
import type {
  Entry,
  HardState,
  Index,
  MembershipChange,
  Message,
  NodeId,
  SnapshotMeta,
  Term,
} from './messages.js';
import { isWellFormed } from './message-check.js';
import type { Proposed, Ready, Refusal, Role, SoftState, Status } from './ready.js';
import { statusOf } from './status.js';

/** What was found on disk. A new member starts with its bootstrap entries here, like a restart. */
export type Recovered = {
  readonly hardState: HardState;
  /** The snapshot that the state machine was restored from, if any. */
  readonly snapshot: SnapshotMeta | undefined;
  /** Durable entries, gapless, starting at most at snapshot.index + 1. */
  readonly entries: readonly Entry[];
};

/** What a Ready handed out, until it is durable. */
type Unsaved = {
  readonly number: number;
  /** The log ended here; lowered when a later Ready replaces entries of this one. */
  index: Index;
  readonly commit: Index;
};

const none: readonly never[] = [];

export class RaftNode {
  readonly #core: Core;
  #readyNumber = 0;
  #savedNumber = 0;
  /** Readys with something to save, oldest first. */
  #unsaved: Unsaved[] = [];
  #soft: SoftState;
  #hard: HardState;
  /** The Ready that handed out a single voter's vote for itself, to be saved. */
  #solo: { readonly number: number; readonly term: Term } | undefined;

  /** Throws RaftError E_RAFT_CONFIG, or E_RAFT_INVARIANT when what was recovered contradicts itself. */
  constructor(config: RaftConfig, recovered: Recovered) {
    validateConfig(config);
    this.#core = new Core(config, recovered);
    const { term, vote, commit, role, leader } = this.#core;
    this.#hard = { term, vote, commit };
    this.#soft = { role, term, leader };
  }

  get term(): Term {
    return this.#core.term;
  }

  get role(): Role {
    return this.#core.role;
  }

  get leader(): NodeId | undefined {
    return this.#core.leader;
  }

  get commit(): Index {
    return this.#core.commit;
  }

  get voters(): ReadonlySet<NodeId> {
    return this.#core.voters;
  }

  /** Messages that were dropped because they made no sense. */
  get dropped(): number {
    return this.#core.dropped;
  }

  /** One tick of logical time. */
  tick(): void {
    if (this.#core.role === 'leader') leading.tickLeader(this.#core);
    else tickElection(this.#core);
  }

  /**
   * A message from a member. A malformed or foreign one is dropped and counted. Throws RaftError
   * E_RAFT_INVARIANT only when it proves that this member has lost entries it had acknowledged.
   */
  step(message: Message): void {
    const core = this.#core;
    if (message.to !== core.id || message.from === core.id || !isWellFormed(message)) {
      core.dropped += 1;
      return;
    }
    if (message.term > core.term && !this.#onHigherTerm(message)) return;
    if (message.term < core.term) {
      this.#onLowerTerm(message);
      return;
    }
    this.#dispatch(message);
  }

  /** Appends a command to the log of the leader; refused elsewhere. */
  propose(data: Uint8Array): Proposed | Refusal {
    return leading.propose(this.#core, data);
  }

  /** Proposes to add, remove or update one voter. It takes effect when it is committed. */
  proposeMembership(change: MembershipChange): Proposed | Refusal {
    return leading.proposeMembership(this.#core, change);
  }

  /** Asks for a linearizable read; `id` comes back in Ready.reads or Ready.failedReads. */
  requestRead(id: number): { readonly ok: true } | Refusal {
    return leading.requestRead(this.#core, id);
  }

  /** Hands leadership to `to` once it has caught up; given up after one election time-out. */
  transferLeadership(to: NodeId): { readonly ok: true } | Refusal {
    return leading.transferLeadership(this.#core, to);
  }

  /** Starts an election at once (a pre-vote round when pre-vote is on). */
  campaign(): void {
    campaign(this.#core);
  }

  /** Evidence that the leader's process is gone: reset or ended, then refused. */
  leaderLost(leader: NodeId): void {
    leaderLost(this.#core, leader);
  }

  /** Answers a Ready.wake. Stale tokens are ignored. */
  wake(token: number): void {
    onWake(this.#core, token);
  }

  /** The transport lost the connection to `node`: probe before sending more. */
  reportUnreachable(node: NodeId): void {
    this.#core.progress.get(node)?.unreachable();
  }

  /** How sending a snapshot to `node` ended. */
  reportSnapshot(node: NodeId, arrived: boolean): void {
    this.#core.progress.get(node)?.snapshotEnded(arrived);
    this.#core.broadcastDue = true;
  }

  /** Where the newest entries up to `index` begin that are within both limits; for `compact`. */
  tailStart(index: Index, entriesMax: number, bytesMax: number): Index {
    return this.#core.log.tailStart(index, entriesMax, bytesMax);
  }

  /** The host holds a durable snapshot of `meta`; entries before `keepFrom` may be dropped. */
  compact(meta: SnapshotMeta, keepFrom: Index): void {
    this.#core.log.compact(meta, Math.min(keepFrom, this.#core.applied + 1));
  }

  hasReady(): boolean {
    const core = this.#core;
    return (
      core.outbox.length > 0 ||
      core.outboxAfterSave.length > 0 ||
      core.log.handedIndex < core.log.lastIndex ||
      core.applied < this.#applicableEnd() ||
      core.snapshotToInstall !== undefined ||
      core.confirmedReads.length > 0 ||
      core.failedReads.length > 0 ||
      core.wake !== undefined ||
      (core.role === 'leader' && core.broadcastDue) ||
      this.#hardChanged() ||
      this.#softChanged()
    );
  }

  /** What is to be done now; see the host's contract in ready.ts. */
  ready(): Ready {
    const core = this.#core;
    if (core.role === 'leader' && core.broadcastDue) leading.broadcast(core);
    this.#readyNumber += 1;
    const number = this.#readyNumber;
    const entries = core.log.takeUnhanded();
    this.#forgetReplaced(entries[0]?.index);
    const snapshot = core.snapshotToInstall;
    const promised = core.term !== this.#hard.term || core.vote !== this.#hard.vote;
    // A restart must not fall back to older voters: others may have been switched off since.
    const changed = (core.unsavedChanges.at(-1) ?? 0) > this.#hard.commit;
    const mustSync = entries.length > 0 || promised || snapshot !== undefined || changed;
    const hardState = mustSync || this.#hardChanged() ? this.#takeHardState() : undefined;
    if (mustSync) {
      this.#unsaved.push({ number, index: core.log.lastIndex, commit: core.commit });
      const { soloElection: term } = core;
      if (term === core.term && this.#solo?.term !== term) this.#solo = { number, term };
    }
    const waits = this.#unsaved.length > 0;
    const messages = waits ? core.outbox : [...core.outbox, ...core.outboxAfterSave];
    const messagesAfterSave = waits ? core.outboxAfterSave : none;
    const ready: Ready = {
      number,
      hardState,
      entries,
      snapshot,
      messages,
      messagesAfterSave,
      committed: this.#takeCommitted(),
      reads: core.confirmedReads,
      failedReads: core.failedReads,
      soft: this.#takeSoftState(),
      wake: core.wake,
      mustSync,
    };
    core.outbox = [];
    core.outboxAfterSave = [];
    core.confirmedReads = [];
    core.failedReads = [];
    core.wake = undefined;
    core.snapshotToInstall = undefined;
    return ready;
  }

  /** Everything up to Ready `number` is durable. */
  saved(number: number): void {
    const core = this.#core;
    if (number <= this.#savedNumber) return;
    this.#savedNumber = number;
    let marked: Unsaved | undefined;
    while ((this.#unsaved[0]?.number ?? Infinity) <= number) marked = this.#unsaved.shift();
    if (marked !== undefined) {
      const { index, commit } = marked;
      core.log.markStable(index);
      core.unsavedChanges = core.unsavedChanges.filter((change) => change > commit);
    }
    if (this.#solo !== undefined && this.#solo.number <= number) {
      const won = core.role === 'candidate' && this.#solo.term === core.term;
      this.#solo = undefined;
      if (won && core.voters.size === 1) core.becomeLeader();
    }
    if (core.role === 'leader') leading.maybeCommit(core);
  }

  status(): Status {
    return statusOf(this.#core);
  }

  /** False when the message is dealt with. */
  #onHigherTerm(message: Message): boolean {
    const core = this.#core;
    if (message.kind === 'voteRequest') {
      if (core.inLease && !message.transfer) {
        // Hearing from a leader: a candidate that does not is no reason to change (4.2.3).
        if (message.preVote) replyToVote(core, message, false);
        return false;
      }
      if (message.preVote) return true;
      core.becomeFollower(message.term, undefined);
      return true;
    }
    if (message.kind === 'voteReply' && message.preVote && message.granted) return true;
    const leads =
      message.kind === 'append' || message.kind === 'heartbeat' || message.kind === 'snapshot';
    core.becomeFollower(message.term, leads ? message.from : undefined);
    return true;
  }

  #onLowerTerm(message: Message): void {
    const core = this.#core;
    if (message.kind === 'voteRequest') {
      replyToVote(core, message, false);
      return;
    }
    if (message.kind === 'voteReply' || message.kind === 'appendReply') return;
    if (message.kind === 'heartbeatReply' || message.kind === 'timeoutNow') return;
    // A leader of an older term must learn of this one, or a member that went ahead alone while
    // it was cut off could never come back.
    core.sendAfterSave({
      kind: 'appendReply',
      from: core.id,
      to: message.from,
      term: core.term,
      accepted: false,
      index: 0,
      hintIndex: 0,
      hintTerm: 0,
    });
  }

  #dispatch(message: Message): void {
    const core = this.#core;
    switch (message.kind) {
      case 'voteRequest':
        onVoteRequest(core, message);
        break;
      case 'voteReply':
        onVoteReply(core, message);
        break;
      case 'append':
      case 'heartbeat':
      case 'snapshot':
        if (core.role === 'leader') {
          core.dropped += 1;
          return;
        }
        if (core.role === 'follower' && core.leader === message.from) core.electionElapsed = 0;
        else core.becomeFollower(message.term, message.from);
        if (message.kind === 'append') onAppend(core, message);
        else if (message.kind === 'heartbeat') onHeartbeat(core, message);
        else onSnapshot(core, message);
        break;
      case 'appendReply':
        if (core.role === 'leader') leading.onAppendReply(core, message);
        break;
      case 'heartbeatReply':
        if (core.role === 'leader') leading.onHeartbeatReply(core, message);
        break;
      case 'timeoutNow':
        onTimeoutNow(core, message);
        break;
      default:
        message satisfies never;
    }
  }

  /**
   * Saves that are still out say nothing about entries from `first` on any more, not even when an
   * equal entry comes back later: on the disk it is replaced in between.
   */
  #forgetReplaced(first: Index | undefined): void {
    if (first === undefined) return;
    for (const unsaved of this.#unsaved) unsaved.index = Math.min(unsaved.index, first - 1);
  }

  /**
   * What may be applied: committed and durable. A membership change waits until the knowledge that
   * it is committed is durable, too.
   */
  #applicableEnd(): Index {
    const { commit, log, unsavedChanges } = this.#core;
    return Math.min(commit, log.stableIndex, (unsavedChanges[0] ?? Infinity) - 1);
  }

  /** Entries that may be applied, within the limit. */
  #takeCommitted(): readonly Entry[] {
    const core = this.#core;
    const end = this.#applicableEnd();
    if (core.applied >= end) return none;
    const committed: Entry[] = [];
    let bytes = 0;
    while (core.applied < end) {
      const entry = core.log.at(core.applied + 1);
      bytes += entryBytes(entry);
      if (entry === undefined) break;
      if (committed.length > 0 && bytes > core.config.maxCommittedBytes) break;
      committed.push(entry);
      core.applied += 1;
      if (core.pendingChange === core.applied) core.pendingChange = undefined;
    }
    return committed;
  }

  #hardChanged(): boolean {
    const { term, vote, commit } = this.#core;
    return term !== this.#hard.term || vote !== this.#hard.vote || commit !== this.#hard.commit;
  }

  #takeHardState(): HardState {
    const { term, vote, commit } = this.#core;
    this.#hard = { term, vote, commit };
    return this.#hard;
  }

  #softChanged(): boolean {
    const { role, term, leader } = this.#core;
    return role !== this.#soft.role || term !== this.#soft.term || leader !== this.#soft.leader;
  }

  #takeSoftState(): SoftState | undefined {
    if (!this.#softChanged()) return undefined;
    const { role, term, leader } = this.#core;
    this.#soft = { role, term, leader };
    return this.#soft;
  }
}
