// Elections: pre-vote (dissertation 9.6), votes (3.4, 3.6.1), leadership transfer (3.10) and the
// quick election after evidence that the leader's process is gone.
import type { Core } from './core.js';
import type { NodeId, TimeoutNow, VoteReply, VoteRequest } from './messages.js';
import { tallyVotes } from './quorum.js';

/** Milliseconds before a quick round that came to nothing is tried again. */
const quickRetryMs = 20;

/** Starts an election: a pre-vote round first unless that is off or the leader asked for it. */
export function campaign(core: Core, transfer = false): void {
  if (!core.isVoter || core.role === 'leader' || waitsForOwnDisk(core)) return;
  if (core.config.preVote && !transfer) {
    core.becomePreCandidate();
    requestVotes(core, { preVote: true, transfer: false });
  } else {
    core.becomeCandidate();
    requestVotes(core, { preVote: false, transfer });
  }
  countVotes(core);
}

/** A tick of a member that does not lead. */
export function tickElection(core: Core): void {
  core.electionElapsed += 1;
  if (core.electionElapsed < core.electionTimeout || !core.isVoter) return;
  core.resetElectionTimer();
  campaign(core);
}

/** Asks for this member's vote; the term has been dealt with already. */
export function onVoteRequest(core: Core, message: VoteRequest): void {
  const free =
    core.vote === message.from ||
    (core.vote === undefined && core.leader === undefined) ||
    (message.preVote && message.term > core.term);
  const granted = free && core.log.isUpToDate(message.lastIndex, message.lastTerm);
  if (granted && !message.preVote) {
    core.vote = message.from;
    core.resetElectionTimer();
    // Somebody is about to lead: leave it the time.
    if (core.quick !== undefined) requestQuickWake(core, quickRetryMs);
  }
  replyToVote(core, message, granted);
}

export function replyToVote(core: Core, message: VoteRequest, granted: boolean): void {
  const { preVote } = message;
  // A granted pre-vote speaks of the term that was asked for; a refusal tells the own term.
  const term = granted && preVote ? message.term : core.term;
  const reply: VoteReply = {
    kind: 'voteReply',
    from: core.id,
    to: message.from,
    term,
    preVote,
    granted,
  };
  if (preVote) core.send(reply);
  else core.sendAfterSave(reply);
}

export function onVoteReply(core: Core, message: VoteReply): void {
  const expected = message.preVote ? 'preCandidate' : 'candidate';
  if (core.role !== expected) return;
  // A grant of an earlier round, for a term that has come by now.
  if (message.preVote && message.granted && message.term !== core.term + 1) return;
  if (!core.votes.has(message.from)) core.votes.set(message.from, message.granted);
  countVotes(core);
}

/** The leader asks this member to lead. */
export function onTimeoutNow(core: Core, message: TimeoutNow): void {
  if (core.leader === message.from) campaign(core, true);
}

/**
 * The leader's process is gone (its connection was reset or ended, and dialling it is refused).
 * Lifts the own lease and starts a pre-vote after a delay by rank, so that the first goes alone.
 */
export function leaderLost(core: Core, leader: NodeId): void {
  if (core.leader !== leader || core.role === 'leader') return;
  core.leader = undefined;
  if (!core.isVoter) return;
  const others = [...core.voters].filter((voter) => voter !== leader).sort();
  const rank = Math.max(0, others.indexOf(core.id));
  core.quick = { attemptsLeft: core.config.quickAttempts, rank };
  requestQuickWake(core, 0);
}

/** The time of a quick round has come (again). */
export function onWake(core: Core, token: number): void {
  const { quick } = core;
  if (token !== core.wakeToken || quick === undefined || core.leader !== undefined) return;
  if (quick.attemptsLeft <= 0) {
    core.quick = undefined;
    return;
  }
  quick.attemptsLeft -= 1;
  requestQuickWake(core, quickRetryMs);
  // Votes of a real election may be waiting for a disk: do not throw them away.
  if (core.role !== 'candidate') campaign(core);
}

function requestQuickWake(core: Core, extraMs: number): void {
  const { quickRankMs, quickJitterMs, random } = core.config;
  const rank = core.quick?.rank ?? 0;
  core.requestWake(extraMs + rank * quickRankMs + random.next() * quickJitterMs);
}

function requestVotes(
  core: Core,
  round: { readonly preVote: boolean; readonly transfer: boolean },
): void {
  core.votes.set(core.id, true);
  const { lastIndex, lastTerm } = core.log;
  const term = round.preVote ? core.term + 1 : core.term;
  for (const to of core.voters) {
    if (to === core.id) continue;
    const request: VoteRequest = {
      kind: 'voteRequest',
      from: core.id,
      to,
      term,
      lastIndex,
      lastTerm,
      ...round,
    };
    if (round.preVote) core.send(request);
    else core.sendAfterSave(request);
  }
}

/** A single voter needs nobody but its disk: another term would only make it wait again. */
function waitsForOwnDisk(core: Core): boolean {
  return core.role === 'candidate' && core.soloElection === core.term;
}

function countVotes(core: Core): void {
  const result = tallyVotes(core.voters, core.votes);
  if (result === 'open') return;
  if (result === 'lost') {
    core.becomeFollower(core.term, undefined);
    return;
  }
  if (core.role === 'preCandidate') {
    core.becomeCandidate();
    requestVotes(core, { preVote: false, transfer: false });
    countVotes(core);
  } else if (core.role === 'candidate' && core.voters.size > 1) {
    core.becomeLeader();
  } else if (core.role === 'candidate') {
    // Alone: the own vote is the majority, but it counts only once it is durable.
    core.soloElection = core.term;
  }
}
