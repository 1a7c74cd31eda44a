import { ManualClock } from '@corral/kit/testing';
import { describe, expect, it } from 'vitest';
import { Proposals } from '../src/proposals.js';
import type { LeaderSituation, ProposalOutcome } from '../src/proposals.js';
import { readRequestId } from '../src/request-codec.js';
import { set, turns } from './support/test-cluster.js';

const led: LeaderSituation = { leaderlessSince: undefined, leaderSince: -1_000_000 };

function make(pendingBytesMax = 1e6): { clock: ManualClock; proposals: Proposals } {
  const clock = new ManualClock();
  const limits = {
    timeoutMs: 7_000,
    leaderlessMs: 3_000,
    electionTimeoutMs: 1_000,
    resendMs: 2_000,
    pendingBytesMax,
  };
  return { clock, proposals: new Proposals({ session: 5, clock, limits }) };
}

/** The outcome so far. */
async function outcomeOf(asked: Promise<ProposalOutcome>): Promise<ProposalOutcome | 'open'> {
  let outcome: ProposalOutcome | 'open' = 'open';
  void asked.then((value) => (outcome = value));
  await turns(2);
  return outcome;
}

function taken(proposals: Proposals): { sequence: number; low: number }[] {
  return proposals.takeQueued().map((data) => {
    const { sequence, low } = readRequestId(data);
    return { sequence, low };
  });
}

describe('requests without an answer', () => {
  it('carry the mark below which everything of this session has been answered', () => {
    const { proposals } = make();
    for (const key of ['a', 'b', 'c']) void proposals.add(set(key));
    proposals.settle(1, undefined);
    void proposals.add(set('d'));

    expect(taken(proposals)).toEqual([
      { sequence: 2, low: 1 },
      { sequence: 3, low: 1 },
      { sequence: 4, low: 2 },
    ]);
  });

  it('are handed over once, and all again when another leader appears', () => {
    const { proposals } = make();
    void proposals.add(set('a'));
    void proposals.add(set('b'));

    const first = taken(proposals);
    const nothing = taken(proposals);
    proposals.requeueAll();
    const again = taken(proposals);

    expect(first.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(nothing).toEqual([]);
    expect(again).toEqual(first);
  });

  it('are handed over again when nothing was heard of them for a while', async () => {
    const { clock, proposals } = make();
    void proposals.add(set('a'));
    taken(proposals);

    await clock.advance(1_999);
    proposals.expire(led);
    const early = proposals.hasQueued;
    await clock.advance(1);
    proposals.expire(led);

    expect(early).toBe(false);
    expect(taken(proposals)).toHaveLength(1);
  });

  it.each([
    ['a leader that was there all the time', led, 'E_RAFT_TIMEOUT'],
    [
      'a new leader',
      { leaderlessSince: undefined, leaderSince: 500 },
      'E_RAFT_TIMEOUT_LEADER_FAILED',
    ],
    [
      'no leader any more',
      { leaderlessSince: 6_900, leaderSince: 0 },
      'E_RAFT_TIMEOUT_CONNECTION_LOST',
    ],
  ])('time out with %s as %s', async (_what, situation, failure) => {
    const { clock, proposals } = make();
    const asked = proposals.add(set('a'));
    taken(proposals);

    await clock.advance(6_999);
    proposals.expire(situation);
    expect(await outcomeOf(asked)).toBe('open');
    await clock.advance(1);
    proposals.expire(situation);

    expect(await outcomeOf(asked)).toEqual({ ok: false, failure });
  });

  it('that no leader could be found for are refused early and leave nothing behind', async () => {
    const { clock, proposals } = make();
    const asked = Array.from({ length: 100 }, () => proposals.add(set('a')));
    await clock.advance(3_000);

    proposals.expire({ leaderlessSince: 0, leaderSince: undefined });

    expect(await outcomeOf(asked[0] ?? Promise.reject(new Error()))).toEqual({
      ok: false,
      failure: 'E_RAFT_NO_LEADER',
    });
    expect(proposals.size).toBe(0);
    expect(proposals.hasQueued, 'their bytes are not kept for a leader that may never come').toBe(
      false,
    );
  });

  it('above the limit of bytes are refused, and there is room again after answers', async () => {
    const { proposals } = make(1_000);
    const first = proposals.add(set('a', 'x'.repeat(2_000)));

    const refused = await outcomeOf(proposals.add(set('b')));
    proposals.settle(1, undefined);
    const taken = await outcomeOf(proposals.add(set('c')));

    expect(await first).toEqual({ ok: true, result: undefined });
    expect(refused).toEqual({ ok: false, failure: 'E_RAFT_TOO_MANY_REQUESTS' });
    expect(taken).toBe('open');
  });

  it('are refused by a full leader only if no earlier copy can still be applied', async () => {
    const { proposals } = make();
    const fresh = proposals.add(set('a'));
    taken(proposals);
    proposals.overloaded(1);
    const copied = proposals.add(set('b'));
    taken(proposals);
    proposals.requeueAll();
    taken(proposals);
    proposals.overloaded(2);

    expect(await outcomeOf(fresh)).toEqual({ ok: false, failure: 'E_RAFT_TOO_MANY_REQUESTS' });
    expect(await outcomeOf(copied)).toBe('open');
  });

  it('all end when the server does', async () => {
    const { proposals } = make();
    const asked = proposals.add(set('a'));

    proposals.failAll('E_RAFT_STOPPED');

    expect(await outcomeOf(asked)).toEqual({ ok: false, failure: 'E_RAFT_STOPPED' });
  });
});
