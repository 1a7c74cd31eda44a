// What a leader does: take proposals, replicate, commit, confirm reads, hand over.
import type { Core } from './core.js';
import { entryBytes } from './log.js';
import type { AppendReply, Entry, HeartbeatReply, MembershipChange, NodeId } from './messages.js';
import type { Progress } from './progress.js';
import { majorityIndex, majorityOf } from './quorum.js';
import type { Proposed, Refusal } from './ready.js';

export function propose(core: Core, data: Uint8Array): Proposed | Refusal {
  const refusal = cannotPropose(core, data.length);
  if (refusal !== undefined) return refuse(core, refusal);
  const { index, term } = core.append('command', data, undefined);
  return { ok: true, index, term };
}

/**
 * One change at a time (4.1), the next when the host has applied the one before and can judge what
 * it has made of the members; and none before an entry of the own term is committed: otherwise two
 * leaders of different terms could each append one, with majorities that do not meet.
 */
export function proposeMembership(core: Core, change: MembershipChange): Proposed | Refusal {
  const refusal = cannotPropose(core, 64 + change.context.length);
  if (refusal !== undefined) return refuse(core, refusal);
  if (core.pendingChange !== undefined) return refuse(core, 'change-pending');
  if (core.log.term(core.commit) !== core.term) return refuse(core, 'no-entry-in-term');
  const known = core.voters.has(change.node);
  if (change.kind === 'add' && known) return refuse(core, 'already-a-voter');
  if (change.kind !== 'add' && !known) return refuse(core, 'not-a-voter');
  if (change.kind === 'remove' && core.voters.size === 1) return refuse(core, 'last-voter');
  const { index, term } = core.append('membership', new Uint8Array(0), change);
  core.pendingChange = index;
  return { ok: true, index, term };
}

export function requestRead(core: Core, id: number): { readonly ok: true } | Refusal {
  if (core.role !== 'leader' || core.leaving) return refuse(core, 'not-leader');
  // Before an entry of the own term is committed the commit index may be an old one (6.4).
  if (core.log.term(core.commit) !== core.term) core.reads.addEarly(id);
  else if (isAlone(core)) core.confirmedReads.push({ id, index: core.commit });
  else core.reads.add(id);
  core.broadcastDue = true;
  return { ok: true };
}

export function transferLeadership(core: Core, to: NodeId): { readonly ok: true } | Refusal {
  if (core.role !== 'leader') return refuse(core, 'not-leader');
  const progress = core.progress.get(to);
  if (progress === undefined) return refuse(core, 'not-a-voter');
  core.transferee = to;
  core.transferElapsed = 0;
  if (progress.match === core.log.lastIndex) sendTimeoutNow(core, to);
  else core.broadcastDue = true;
  return { ok: true };
}

/** A tick of the leader: heartbeats, check-quorum, an end to a transfer that came to nothing. */
export function tickLeader(core: Core): void {
  const { config } = core;
  core.electionElapsed += 1;
  if (core.transferee !== undefined) {
    core.transferElapsed += 1;
    if (core.transferElapsed >= config.electionTicks) core.transferee = undefined;
  }
  if (core.electionElapsed >= config.electionTicks) {
    core.electionElapsed = 0;
    if (config.checkQuorum && !quorumIsActive(core)) {
      core.becomeFollower(core.term, undefined);
      return;
    }
  }
  if (core.leaving) {
    core.leavingElapsed += 1;
    if (core.leavingElapsed >= config.electionTicks) {
      core.becomeFollower(core.term, undefined);
      return;
    }
  }
  core.heartbeatElapsed += 1;
  if (core.heartbeatElapsed < config.heartbeatTicks) return;
  core.heartbeatElapsed = 0;
  for (const [to, progress] of core.progress) sendHeartbeat(core, to, progress);
}

export function onAppendReply(core: Core, message: AppendReply): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined) {
    if (message.accepted) core.sayFarewell(message.from, message.index);
    return;
  }
  progress.recentlyActive = true;
  if (!message.accepted) {
    const { hintIndex, hintTerm } = message;
    const nextProbe =
      hintTerm > 0 ? core.log.lastIndexWithTermAtMost(hintIndex, hintTerm) : hintIndex;
    if (progress.refused(message.index, nextProbe)) core.broadcastDue = true;
    return;
  }
  if (message.index > core.log.lastIndex) {
    core.dropped += 1;
    return;
  }
  const wasPaused = progress.paused;
  const news = progress.accepted(message.index);
  if (news) maybeCommit(core);
  if (news || wasPaused) core.broadcastDue = true;
  if (core.transferee === message.from && progress.match === core.log.lastIndex) {
    sendTimeoutNow(core, message.from);
  }
}

export function onHeartbeatReply(core: Core, message: HeartbeatReply): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined) return;
  progress.heardFrom();
  // It is alive but lacks entries that were sent: something got lost. Ask where it stands.
  if (progress.match < core.log.lastIndex) {
    core.broadcastDue = true;
    if (progress.state === 'replicate' && progress.next > core.log.lastIndex) {
      sendAppend(core, message.from, progress, []);
    }
  }
  if (message.readRound === 0) return;
  const confirmed = core.reads.acknowledge(message.from, message.readRound, (ids) =>
    isMajority(core, ids),
  );
  core.confirmedReads.push(...confirmed);
  // A majority of those who stay has heard: they can elect one of them without this member.
  const { leavingRound } = core;
  if (leavingRound !== undefined && core.reads.confirmedRound >= leavingRound) {
    core.becomeFollower(core.term, undefined);
  }
}

/** Counts replicas; only entries of the own term commit by counting (5.4.2, figure 8). */
export function maybeCommit(core: Core): void {
  const matches: number[] = [];
  for (const voter of core.voters) {
    if (voter === core.id) matches.push(core.log.stableIndex);
    else matches.push(core.progress.get(voter)?.match ?? 0);
  }
  const index = majorityIndex(matches);
  if (index <= core.commit || core.log.term(index) !== core.term) return;
  core.advanceCommit(index);
  core.reads.termCommitted();
  // The last other voter may just have gone: nobody is left to confirm a round that is out.
  if (isAlone(core) && (core.reads.hasWaiting || core.reads.openRound > 0)) answerAlone(core);
}

/** Produces what the followers should get now. Called once a Ready, for all that came together. */
export function broadcast(core: Core): void {
  core.broadcastDue = false;
  if (core.reads.hasWaiting) {
    if (isAlone(core)) answerAlone(core);
    else openReadRound(core);
  }
  for (const [to, progress] of core.progress) replicate(core, to, progress);
  if (core.leaving && core.leavingRound === undefined) core.leavingRound = openReadRound(core);
}

function replicate(core: Core, to: NodeId, progress: Progress): void {
  const { maxAppendBytes } = core.config;
  const { log } = core;
  while (!progress.paused && progress.next <= log.lastIndex) {
    if (log.term(progress.next - 1) === undefined || progress.next < log.firstIndex) {
      sendSnapshot(core, to, progress);
      return;
    }
    sendAppend(core, to, progress, log.slice(progress.next, log.lastIndex, maxAppendBytes));
  }
  if (progress.state === 'probe' && !progress.paused) sendAppend(core, to, progress, []);
  if (progress.commitSent < Math.min(core.commit, progress.match)) {
    sendHeartbeat(core, to, progress);
  }
}

function sendAppend(core: Core, to: NodeId, progress: Progress, entries: readonly Entry[]): void {
  const prevIndex = progress.next - 1;
  const prevTerm = core.log.term(prevIndex);
  if (prevTerm === undefined) {
    sendSnapshot(core, to, progress);
    return;
  }
  const { id: from, term, commit } = core;
  core.send({ kind: 'append', from, to, term, prevIndex, prevTerm, entries, commit });
  const last = entries.at(-1);
  if (last === undefined) {
    progress.probed();
    return;
  }
  progress.commitSent = Math.max(progress.commitSent, Math.min(commit, last.index));
  progress.sent(
    last.index,
    entries.reduce((sum, entry) => sum + entryBytes(entry), 0),
  );
}

function sendSnapshot(core: Core, to: NodeId, progress: Progress): void {
  const meta = core.log.snapshot;
  // Without being heard from it would be sent again and again to a dead member.
  if (meta === undefined || !progress.recentlyActive) return;
  progress.snapshotSent(meta.index);
  core.send({ kind: 'snapshot', from: core.id, to, term: core.term, meta });
}

function sendHeartbeat(core: Core, to: NodeId, progress: Progress): void {
  const commit = Math.min(core.commit, progress.match);
  progress.commitSent = Math.max(progress.commitSent, commit);
  const { id: from, term } = core;
  const readRound = core.reads.openRound;
  core.send({ kind: 'heartbeat', from, to, term, commit, readRound });
}

function openReadRound(core: Core): number {
  const round = core.reads.openNext(core.commit, core.id);
  for (const [to, progress] of core.progress) sendHeartbeat(core, to, progress);
  return round;
}

function answerAlone(core: Core): void {
  const round = core.reads.openNext(core.commit, core.id);
  core.confirmedReads.push(...core.reads.acknowledge(core.id, round, () => true));
}

function sendTimeoutNow(core: Core, to: NodeId): void {
  core.send({ kind: 'timeoutNow', from: core.id, to, term: core.term });
}

function cannotPropose(core: Core, bytes: number): Refusal['reason'] | undefined {
  if (core.role !== 'leader' || core.leaving) return 'not-leader';
  if (core.transferee !== undefined || isBeingRemoved(core)) return 'transferring';
  const { maxUncommittedBytes } = core.config;
  // One proposal always goes, however large: otherwise it could never be made.
  if (core.uncommittedBytes > 0 && core.uncommittedBytes + bytes > maxUncommittedBytes) {
    return 'too-much-uncommitted';
  }
  return undefined;
}

/**
 * Nothing follows the leader's own removal until that is committed. Otherwise the log of the
 * removed member could be longer than those of all who stay but do not know of the removal yet and
 * need its vote: it would refuse them, cannot lead itself, and the cluster would stand still.
 */
function isBeingRemoved(core: Core): boolean {
  if (core.pendingChange === undefined) return false;
  const change = core.log.at(core.pendingChange)?.change;
  return change?.kind === 'remove' && change.node === core.id;
}

function refuse(core: Core, reason: Refusal['reason']): Refusal {
  return { ok: false, reason, leader: core.leader };
}

function quorumIsActive(core: Core): boolean {
  let active = core.isVoter ? 1 : 0;
  for (const [id, progress] of core.progress) {
    if (progress.recentlyActive && core.voters.has(id)) active += 1;
    progress.recentlyActive = false;
  }
  return active >= majorityOf(core.voters.size);
}

function isMajority(core: Core, ids: ReadonlySet<NodeId>): boolean {
  let count = 0;
  for (const id of ids) if (core.voters.has(id)) count += 1;
  return count >= majorityOf(core.voters.size);
}

function isAlone(core: Core): boolean {
  return core.voters.size === 1 && core.isVoter;
}
