// Ongaro's dissertation (2014), where it goes beyond the paper: transfer of leadership, membership,
// reads, pre-vote, check-quorum; and what this core adds: quick failover and bounds.
import { describe, expect, it } from 'vitest';
import {
  Bench,
  accept,
  append,
  askVote,
  change,
  grant,
  heartbeat,
  heartbeatReply,
  ofKind,
  preGrant,
} from './support/bench.js';
import type { BenchOptions } from './support/bench.js';

/** A leader of term 1 whose first entry is committed. */
function settledLeader(options: BenchOptions = {}): Bench {
  const bench = new Bench(options);
  const others = (options.voters ?? ['a', 'b', 'c']).slice(1);
  bench.lead(...others);
  for (const from of others) bench.acknowledge(from, bench.core.status().lastIndex);
  return bench;
}

describe('3.10 leadership transfer', () => {
  it('a target that has everything is asked at once', () => {
    const bench = settledLeader();

    bench.core.transferLeadership('c');

    expect(bench.settle()).toMatchObject([{ kind: 'timeoutNow', to: 'c', term: 1 }]);
  });

  it('a target that lags is asked when it has caught up; nothing is proposed meanwhile', () => {
    const bench = settledLeader();
    bench.core.propose(new Uint8Array(1));
    bench.settle();

    bench.core.transferLeadership('c');
    const early = ofKind(bench.settle(), 'timeoutNow');
    const proposed = bench.core.propose(new Uint8Array(1));
    const late = ofKind(bench.acknowledge('c', 2), 'timeoutNow');

    expect([early.length, late.length]).toEqual([0, 1]);
    expect(proposed).toMatchObject({ ok: false, reason: 'transferring' });
  });

  it('a transfer is given up after an election time-out', () => {
    const bench = settledLeader({ config: { checkQuorum: false } });
    bench.core.transferLeadership('c');

    bench.tick(9);
    const before = bench.core.propose(new Uint8Array(1)).ok;
    bench.tick(1);

    expect([before, bench.core.propose(new Uint8Array(1)).ok]).toEqual([false, true]);
  });

  it('the target asks for votes at once, and voters ignore that they hear a leader', () => {
    const bench = new Bench({ term: 1, config: { preVote: true } });
    bench.step(heartbeat('b', 1));

    const asked = bench.step({ kind: 'timeoutNow', from: 'b', to: 'a', term: 1 });
    const other = new Bench({ term: 1 });
    other.step(heartbeat('b', 1));
    const [answer] = other.step(askVote('c', 2, [0, 0], { transfer: true }));

    expect(ofKind(asked, 'voteRequest')).toMatchObject([
      { to: 'b', term: 2, preVote: false, transfer: true },
      { to: 'c', term: 2, preVote: false, transfer: true },
    ]);
    expect(answer).toMatchObject({ granted: true });
  });

  it('only the leader may ask for it, and only a voter may be asked', () => {
    const bench = new Bench({ term: 1 });
    bench.step(heartbeat('b', 1));

    const asked = bench.step({ kind: 'timeoutNow', from: 'c', to: 'a', term: 1 });
    const follower = bench.core.transferLeadership('c');
    const leader = settledLeader().core.transferLeadership('z');

    expect(asked).toEqual([]);
    expect([follower, leader]).toMatchObject([{ reason: 'not-leader' }, { reason: 'not-a-voter' }]);
  });
});

describe('4.1 one membership change at a time', () => {
  it('none before an entry of the own term is committed', () => {
    const bench = new Bench({ log: [1] });
    bench.lead('b');

    const early = bench.core.proposeMembership(change('add', 'd'));
    bench.acknowledge('b', 2);
    const late = bench.core.proposeMembership(change('add', 'd'));

    expect([early, late]).toMatchObject([{ reason: 'no-entry-in-term' }, { ok: true, index: 3 }]);
  });

  it.each([
    ['add', 'd', 'remove', 'b'],
    ['add', 'd', 'add', 'e'],
    ['remove', 'b', 'remove', 'c'],
  ] as const)('%s %s is on its way: %s %s has to wait', (first, one, second, other) => {
    const bench = settledLeader();
    bench.core.proposeMembership(change(first, one));

    const answer = bench.core.proposeMembership(change(second, other));

    expect(answer).toMatchObject({ ok: false, reason: 'change-pending' });
  });

  it('a new leader that inherits a change waits for it, too', () => {
    const bench = new Bench({ term: 1 });
    const entries = [
      {
        index: 1,
        term: 1,
        kind: 'membership',
        data: new Uint8Array(0),
        change: change('add', 'd'),
      },
    ] as const;
    bench.step({ ...append('b', 1, [0, 0], []), entries });
    bench.step(heartbeat('b', 1));
    bench.tick(20);
    bench.step(grant('b', bench.core.term));

    const answer = bench.core.proposeMembership(change('add', 'e'));

    expect(bench.core.role).toBe('leader');
    expect(answer).toMatchObject({ reason: 'change-pending' });
  });

  it.each([
    ['add', 'b', 'already-a-voter'],
    ['remove', 'z', 'not-a-voter'],
    ['update', 'z', 'not-a-voter'],
  ] as const)('%s %s is refused: %s', (kind, node, reason) => {
    const bench = settledLeader();

    expect(bench.core.proposeMembership(change(kind, node))).toMatchObject({ reason });
  });

  it('the last voter cannot be removed', () => {
    const bench = settledLeader({ voters: ['a'] });

    const answer = bench.core.proposeMembership(change('remove', 'a'));

    expect(answer).toMatchObject({ reason: 'last-voter' });
  });

  it('a change takes effect when it is committed, and then counts', () => {
    const bench = settledLeader();
    bench.core.proposeMembership(change('add', 'd'));
    bench.settle();
    const before = [...bench.core.voters];

    const sent = bench.acknowledge('b', 2);
    bench.core.propose(new Uint8Array(1));
    bench.settle();
    bench.acknowledge('b', 3);
    const withTwo = bench.core.commit;
    bench.acknowledge('c', 3);

    expect([before, [...bench.core.voters]]).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c', 'd'],
    ]);
    expect(ofKind(sent, 'append').some(({ to }) => to === 'd')).toBe(true);
    expect([withTwo, bench.core.commit]).toEqual([2, 3]);
  });

  it('a change is applied only when the commit of it is durable', () => {
    const bench = settledLeader();
    bench.core.proposeMembership(change('remove', 'c'));
    bench.settle();
    bench.core.step(accept('b', 1, 2));

    const ready = bench.take();
    const before = [...bench.applied];
    bench.core.saved(ready.number);
    bench.settle();

    expect(ready).toMatchObject({ mustSync: true, hardState: { commit: 2 }, committed: [] });
    expect([before, bench.applied]).toEqual([[1], [1, 2]]);
  });

  it('a removed member hears of it only when the commit of it is durable', () => {
    const bench = settledLeader({ voters: ['a', 'b'] });
    bench.core.proposeMembership(change('remove', 'b'));
    bench.settle();
    bench.core.step(accept('b', 1, 2));

    const ready = bench.take();

    const farewell = { kind: 'heartbeat', to: 'b', commit: 2 };
    expect(ready.messages).toEqual([]);
    expect(ready.messagesAfterSave).toMatchObject([farewell]);
  });

  it('a removed member whose acknowledgement comes last hears of its removal, too', () => {
    const bench = settledLeader();
    bench.core.proposeMembership(change('remove', 'c'));
    bench.settle();
    const early = bench.acknowledge('b', 2);

    const late = bench.acknowledge('c', 2);
    const again = bench.acknowledge('c', 2);

    expect(early.filter(({ to }) => to === 'c')).toEqual([]);
    expect(late).toMatchObject([{ kind: 'heartbeat', to: 'c', commit: 2 }]);
    expect(again).toEqual([]);
  });

  it('entries are saved with the commit index known then', () => {
    const bench = new Bench({ term: 1 });
    bench.step(append('b', 1, [0, 0], [1]));

    bench.core.step(append('b', 1, [1, 1], [1], 1));

    expect(bench.take()).toMatchObject({ entries: [{ index: 2 }], hardState: { commit: 1 } });
  });
});

describe('4.2 removed and joining members', () => {
  it('4.2.2 a removed leader takes nothing more, tells the others, then steps down', () => {
    const bench = settledLeader();
    bench.core.proposeMembership(change('remove', 'a'));
    bench.settle();

    const behind = bench.core.propose(new Uint8Array(1));
    const sent = bench.acknowledge('b', 2);
    const roleBefore = bench.core.role;
    const rounds = ofKind(sent, 'heartbeat').map(({ readRound }) => readRound);
    const round = Math.max(...rounds);
    for (const from of ['b', 'c']) bench.step(heartbeatReply(from, 1, round));

    expect(behind).toMatchObject({ ok: false, reason: 'transferring' });
    expect(round).toBeGreaterThan(0);
    expect([roleBefore, bench.core.role]).toEqual(['leader', 'follower']);
  });

  it('4.2.2 a removed leader that nobody answers goes after an election time-out', () => {
    const bench = settledLeader({ config: { checkQuorum: false } });
    bench.core.proposeMembership(change('remove', 'a'));
    bench.settle();
    bench.acknowledge('b', 2);

    bench.tick(9);
    const before = bench.core.role;
    bench.tick(1);

    expect([before, bench.core.role]).toEqual(['leader', 'follower']);
  });

  it('a removed leader does not count itself', () => {
    const bench = new Bench({ voters: ['a', 'b', 'c'] });
    bench.lead('b');
    bench.acknowledge('b', 1);
    bench.core.proposeMembership(change('remove', 'a'));
    bench.settle();
    bench.acknowledge('b', 2);

    expect(bench.core.propose(new Uint8Array(1))).toMatchObject({ reason: 'not-leader' });
    expect(bench.core.requestRead(1)).toMatchObject({ reason: 'not-leader' });
    expect([...bench.core.voters]).toEqual(['b', 'c']);
  });

  it('4.2.2 a member that believes itself removed still votes, but never asks', () => {
    const bench = new Bench({ voters: ['b', 'c'], log: [1], term: 1 });

    const [answer] = bench.step(askVote('b', 2, [1, 1]));
    const sent = bench.tick(100);

    expect(answer).toMatchObject({ granted: true });
    expect([sent, bench.core.role]).toEqual([[], 'follower']);
  });

  it('4.2.3 who hears a leader ignores those who do not', () => {
    const bench = new Bench({ term: 1 });
    bench.step(heartbeat('b', 1));

    const sent = bench.step(askVote('c', 7, [9, 6]));

    expect([sent, bench.core.term]).toEqual([[], 1]);
  });

  it('4.2.3 a leader that hears no majority for an election time-out steps down', () => {
    const bench = settledLeader();

    bench.tick(10);
    const granted = bench.core.role;
    bench.tick(10);

    expect([granted, bench.core.role]).toEqual(['leader', 'follower']);
  });

  it('a leader that hears a majority stays', () => {
    const bench = settledLeader();

    for (let i = 0; i < 50; i += 1) {
      bench.tick(1);
      bench.step(heartbeatReply('b', 1, 0));
    }

    expect(bench.core.role).toBe('leader');
  });
});

describe('6.4 reads', () => {
  /** Asks for read `id`; gives the round that the heartbeats carry. */
  function ask(bench: Bench, id: number): number {
    bench.core.requestRead(id);
    return ofKind(bench.settle(), 'heartbeat')[0]?.readRound ?? 0;
  }

  it('a read is answered from the commit index when a majority confirmed the leader', () => {
    const bench = settledLeader();

    const round = ask(bench, 42);
    const before = [...bench.reads];
    bench.step(heartbeatReply('b', 1, round));

    expect([before, bench.reads]).toEqual([[], [{ id: 42, index: 1 }]]);
  });

  it('a reply to a heartbeat that left before the request confirms nothing', () => {
    const bench = settledLeader();
    const old = ask(bench, 1);

    ask(bench, 2);
    bench.step(heartbeatReply('b', 1, old));

    expect(bench.reads.map(({ id }) => id)).toEqual([1]);
  });

  it('rounds are never used twice, not even by the same leader of a later term', () => {
    const bench = settledLeader();
    const first = ask(bench, 1);
    bench.step(heartbeat('b', 2));
    bench.tick(30);
    bench.lead('b', 'c');
    bench.acknowledge('b', bench.core.status().lastIndex);

    const second = ask(bench, 2);

    expect(bench.failedReads).toEqual([{ id: 1 }]);
    expect(second).toBeGreaterThan(first);
  });

  it('a new leader answers nothing before an entry of its term is committed', () => {
    const bench = new Bench({ log: [1], commit: 1 });
    bench.lead('b');

    const early = ask(bench, 1);
    for (const from of ['b', 'c']) bench.step(heartbeatReply(from, 2, 99));
    const before = [...bench.reads];
    bench.acknowledge('b', 2);
    bench.step(heartbeatReply('b', 2, 1));

    expect([early, before]).toEqual([0, []]);
    expect(bench.reads).toEqual([{ id: 1, index: 2 }]);
  });

  it('reads fail when the leadership ends', () => {
    const bench = settledLeader();
    ask(bench, 1);

    bench.step(heartbeat('c', 2));

    expect(bench.failedReads).toEqual([{ id: 1 }]);
  });

  it('a single voter answers at once', () => {
    const bench = settledLeader({ voters: ['a'] });

    bench.core.requestRead(5);
    bench.settle();

    expect(bench.reads).toEqual([{ id: 5, index: 1 }]);
  });

  it('a read that is out is answered when the last other voter goes', () => {
    const bench = settledLeader({ voters: ['a', 'b'] });
    bench.core.proposeMembership(change('remove', 'b'));
    ask(bench, 5);

    bench.acknowledge('b', 2);

    expect(bench.reads.map(({ id }) => id)).toEqual([5]);
  });
});

describe('9.6 pre-vote', () => {
  const config = { preVote: true };

  it('a member asks whether it could win before it takes a new term', () => {
    const bench = new Bench({ term: 3, config });

    bench.tickUntil(() => bench.core.role === 'preCandidate');
    const ready = bench.take();

    expect(ready.messages).toMatchObject([
      { kind: 'voteRequest', preVote: true, term: 4 },
      { kind: 'voteRequest', preVote: true, term: 4 },
    ]);
    expect([bench.core.term, ready.mustSync]).toEqual([3, false]);
  });

  it('a member that is cut off never raises its term', () => {
    const bench = new Bench({ term: 3, config });

    bench.tick(1_000);

    expect(bench.core.term).toBe(3);
  });

  it('a majority of pre-votes starts the election', () => {
    const bench = new Bench({ term: 3, config });
    bench.core.campaign();
    bench.settle();

    const sent = bench.step(preGrant('b', 4));

    expect([bench.core.role, bench.core.term]).toEqual(['candidate', 4]);
    expect(ofKind(sent, 'voteRequest').every(({ preVote }) => !preVote)).toBe(true);
  });

  it('a pre-vote is granted without being saved or restarting the time', () => {
    const bench = new Bench({ term: 3, config });

    bench.core.step(askVote('b', 4, [0, 0], { preVote: true }));
    const ready = bench.take();

    expect(ready).toMatchObject({ mustSync: false, messages: [{ granted: true, term: 4 }] });
    expect(bench.core.status()).toMatchObject({ term: 3, vote: undefined });
  });

  it('a leader does not step down for a pre-vote and refuses it', () => {
    const bench = settledLeader({ config });
    bench.step(preGrant('b', 1));
    bench.step(grant('b', 1));

    const [answer] = bench.step(askVote('c', 2, [9, 1], { preVote: true }));

    expect([bench.core.role, bench.core.term]).toEqual(['leader', 1]);
    expect(answer).toMatchObject({ granted: false, term: 1 });
  });

  it('a grant for a term that has come by now counts for nothing', () => {
    const bench = new Bench({ term: 3, config });
    bench.core.campaign();
    bench.settle();
    bench.step({ ...preGrant('c', 4, false) });
    bench.core.campaign();
    bench.settle();

    bench.step(preGrant('b', 4));

    expect([bench.core.role, bench.core.term]).toEqual(['preCandidate', 4]);
  });

  it('a refusal of a higher term is learnt from', () => {
    const bench = new Bench({ term: 3, config });
    bench.core.campaign();
    bench.settle();

    bench.step(preGrant('b', 8, false));

    expect([bench.core.role, bench.core.term]).toEqual(['follower', 8]);
  });

  it('a stuck candidate of a higher term is freed: the leader learns of its term', () => {
    const bench = new Bench({ term: 9, config });
    const leader = settledLeader();

    const [answer] = bench.step(heartbeat('b', 1));
    leader.step({ ...answer!, from: 'c', to: 'a' });

    expect([leader.core.role, leader.core.term]).toEqual(['follower', 9]);
  });
});
