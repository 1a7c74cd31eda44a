// The Raft paper (Ongaro and Ousterhout, 2014), section by section, against one core on a bench.
// Sections of the dissertation are in dissertation.test.ts.
import { describe, expect, it } from 'vitest';
import { seededPrng } from '@corral/kit';
import {
  Bench,
  accept,
  append,
  askVote,
  entry,
  grant,
  heartbeat,
  ofKind,
} from './support/bench.js';
import type { Message } from '../src/index.js';

const stale: readonly Message[] = [
  append('b', 1, [0, 0], [1]),
  heartbeat('b', 1),
  grant('b', 1),
  accept('b', 1, 1),
];

describe('5.1 terms', () => {
  it.each(['follower', 'candidate', 'leader'] as const)('a %s takes over a higher term', (role) => {
    const bench = new Bench();
    if (role !== 'follower') bench.core.campaign();
    if (role === 'leader') bench.lead('b');

    bench.step(append('c', 9, [0, 0], []));

    expect([bench.core.role, bench.core.term, bench.core.leader]).toEqual(['follower', 9, 'c']);
  });

  it.each(stale)('a $kind of an older term changes nothing', (message) => {
    const bench = new Bench({ log: [2, 2] });
    const before = bench.core.status();

    bench.step(message);

    expect(bench.core.status()).toEqual(before);
  });

  it('a leader of an older term is told of the newer one', () => {
    const bench = new Bench({ term: 5 });

    const sent = bench.step(heartbeat('b', 3));

    expect(sent).toMatchObject([{ kind: 'appendReply', to: 'b', term: 5, accepted: false }]);
  });

  it('a vote request of an older term is refused with the newer term', () => {
    const bench = new Bench({ term: 5 });

    const sent = bench.step(askVote('b', 3, [9, 3]));

    expect(sent).toMatchObject([{ kind: 'voteReply', term: 5, granted: false }]);
  });
});

describe('5.2 leader election', () => {
  it('a member starts as a follower that knows no leader', () => {
    const { core } = new Bench();

    expect([core.role, core.leader]).toEqual(['follower', undefined]);
  });

  it('a leader sends a heartbeat to every other member each interval', () => {
    const bench = new Bench({ config: { heartbeatTicks: 3 } });
    bench.lead('b');

    const early = ofKind(bench.tick(2), 'heartbeat');
    const due = ofKind(bench.tick(1), 'heartbeat');

    expect([early.length, due.map(({ to }) => to)]).toEqual([0, ['b', 'c']]);
  });

  it('a follower that hears nothing votes for itself in a new term and asks the others', () => {
    const bench = new Bench({ term: 4 });

    bench.tickUntil(() => bench.core.role === 'candidate');
    const sent = ofKind(bench.settle(), 'voteRequest');

    expect(bench.core.status()).toMatchObject({ term: 5, vote: 'a' });
    expect(sent.map(({ to, term }) => [to, term])).toEqual([
      ['b', 5],
      ['c', 5],
    ]);
  });

  it('a follower that hears its leader stays one', () => {
    const bench = new Bench({ term: 1 });

    for (let i = 0; i < 10; i += 1) {
      bench.step(heartbeat('b', 1));
      bench.tick(9);
    }

    expect([bench.core.role, bench.core.term]).toEqual(['follower', 1]);
  });

  it('time-outs lie between one and two election times, all of them, and differ', () => {
    const seen = new Map<number, number>();
    const bench = new Bench({ config: { random: seededPrng(7) } });
    for (let i = 0; i < 1_000; i += 1) {
      const { term } = bench.core;
      const ticks = bench.tickUntil(() => bench.core.term > term);
      seen.set(ticks, (seen.get(ticks) ?? 0) + 1);
    }

    const lengths = [...seen.keys()].sort((a, b) => a - b);

    expect(lengths).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    expect(Math.min(...seen.values())).toBeGreaterThan(50);
  });

  it.each([
    [1, 0, 0, 'leader'],
    [3, 0, 0, 'candidate'],
    [3, 1, 0, 'leader'],
    [3, 0, 1, 'candidate'],
    [3, 0, 2, 'follower'],
    [4, 1, 1, 'candidate'],
    [4, 2, 1, 'leader'],
    [4, 1, 2, 'follower'],
    [5, 1, 2, 'candidate'],
    [5, 2, 2, 'leader'],
    [5, 1, 3, 'follower'],
  ] as const)('of %i members, %i more votes and %i refusals make a %s', (size, yes, no, role) => {
    const voters = ['a', 'b', 'c', 'd', 'e'].slice(0, size);
    const bench = new Bench({ voters });
    bench.core.campaign();
    bench.settle();
    const replies = voters.slice(1, 1 + yes + no).map((id, i) => grant(id, 1, i < yes));

    for (const reply of replies.reverse()) bench.step(reply);

    expect(bench.core.role).toBe(role);
  });

  it('a vote that is repeated, or comes from a stranger, counts once or not at all', () => {
    const bench = new Bench({ voters: ['a', 'b', 'c', 'd', 'e'] });
    bench.core.campaign();
    bench.settle();

    for (const from of ['b', 'b', 'z', 'y']) bench.step(grant(from, 1));

    expect(bench.core.role).toBe('candidate');
  });

  it('a member votes for the first that asks in a term, and for nobody else', () => {
    const bench = new Bench({ term: 1 });

    const answers = ['b', 'c', 'b'].flatMap((from) => bench.step(askVote(from, 2, [0, 0])));

    expect(ofKind(answers, 'voteReply').map(({ granted }) => granted)).toEqual([true, false, true]);
  });

  it('a vote is durable before it is told, and still known after a restart', () => {
    const bench = new Bench({ term: 1 });
    bench.core.step(askVote('b', 2, [0, 0]));

    const ready = bench.take();
    const again = new Bench({ term: ready.hardState!.term, vote: ready.hardState!.vote! });
    const answers = again.step(askVote('c', 2, [0, 0]));

    expect([ready.mustSync, ready.messages, ready.messagesAfterSave.length]).toEqual([true, [], 1]);
    expect(answers).toMatchObject([{ granted: false }]);
  });

  it.each([append('b', 1, [0, 0], []), heartbeat('b', 1)])(
    'a candidate that hears a leader of its term follows it ($kind)',
    (message) => {
      const bench = new Bench();
      bench.core.campaign();
      bench.settle();

      bench.step(message);

      expect([bench.core.role, bench.core.leader]).toEqual(['follower', 'b']);
    },
  );

  it('a candidate whose time runs out starts another term', () => {
    const bench = new Bench();
    bench.core.campaign();
    bench.settle();

    bench.tickUntil(() => bench.core.term === 2);

    expect(bench.core.role).toBe('candidate');
  });
});

describe('5.3 log replication', () => {
  it('a leader appends a command and sends it with the entry before', () => {
    const bench = new Bench({ log: [1] });
    bench.lead('b');
    bench.acknowledge('b', 2);

    bench.core.propose(new Uint8Array([7]));
    const sent = ofKind(bench.settle(), 'append').filter(({ to }) => to === 'b');

    expect(sent).toMatchObject([
      { term: 2, prevIndex: 2, prevTerm: 2, entries: [{ index: 3, data: new Uint8Array([7]) }] },
    ]);
  });

  it.each([
    [1, 0, true],
    [3, 0, false],
    [3, 1, true],
    [4, 1, false],
    [4, 2, true],
    [5, 1, false],
    [5, 2, true],
  ])('of %i members, the leader and %i more that hold an entry: committed %s', (size, n, done) => {
    const voters = ['a', 'b', 'c', 'd', 'e'].slice(0, size);
    const bench = new Bench({ voters });
    bench.lead(...voters.slice(1));

    for (const from of voters.slice(1, 1 + n)) bench.acknowledge(from, 1);

    expect(bench.core.commit).toBe(done ? 1 : 0);
  });

  it('a leader counts its own entry only when it is durable', () => {
    const bench = new Bench();
    bench.core.campaign();
    bench.settle();
    bench.core.step(grant('b', 1));
    const ready = bench.take();

    bench.core.step(accept('b', 1, 1));
    const before = bench.core.commit;
    bench.core.saved(ready.number);

    expect([before, bench.core.commit]).toEqual([0, 1]);
  });

  it('a committed entry commits what is before it, and followers are told', () => {
    const bench = new Bench({ log: [1, 1] });
    bench.lead('b');

    const sent = bench.acknowledge('b', 3);

    expect([bench.core.commit, bench.applied]).toEqual([3, [1, 2, 3]]);
    expect(ofKind(sent, 'heartbeat')).toMatchObject([{ to: 'b', commit: 3 }]);
  });

  it('a follower applies what its leader has committed, in order', () => {
    const bench = new Bench({ term: 1 });

    bench.step(append('b', 1, [0, 0], [1, 1, 1], 2));

    expect(bench.applied).toEqual([1, 2]);
  });

  it('a follower commits no further than the message verified', () => {
    const bench = new Bench({ log: [1, 1, 1, 1] });

    bench.step(append('b', 2, [1, 1], [1], 4));

    expect(bench.core.commit).toBe(2);
  });

  it('a follower acknowledges no further than the message verified', () => {
    const bench = new Bench({ log: [1, 1, 1, 1] });

    const sent = bench.step(append('b', 2, [1, 1], [1]));

    expect(sent).toMatchObject([{ accepted: true, index: 2 }]);
  });

  it('a heartbeat tells nobody of more than it is known to hold', () => {
    const bench = new Bench();
    bench.lead('b');
    bench.acknowledge('b', 1);

    const sent = ofKind(bench.tick(1), 'heartbeat');

    expect(sent.map(({ to, commit }) => [to, commit])).toEqual([
      ['b', 1],
      ['c', 0],
    ]);
  });

  it('an acknowledgement waits until the entries are durable', () => {
    const bench = new Bench({ term: 1 });
    bench.core.step(append('b', 1, [0, 0], [1], 1));

    const ready = bench.take();

    expect([ready.messages, ready.committed]).toEqual([[], []]);
    expect(ready.messagesAfterSave).toMatchObject([{ kind: 'appendReply', index: 1 }]);
  });

  // Figure 7: what the follower has, what is sent after which entry, what it has then.
  it.each([
    [[1, 1], [2, 1], [3], [1, 1, 3]],
    [[1, 1, 2, 2], [2, 1], [3], [1, 1, 3]],
    [[1, 1, 2, 2], [2, 1], [2], [1, 1, 2, 2]],
    [
      [1, 1, 2, 2],
      [1, 1],
      [1, 2],
      [1, 1, 2, 2],
    ],
    [[1, 1, 2, 2], [0, 0], [3], [3]],
    [[1, 1], [2, 1], [], [1, 1]],
  ] as const)('a log %j that gets, after %j, %j becomes %j', (log, prev, terms, becomes) => {
    const bench = new Bench({ log, term: 3 });

    const sent = bench.step(append('b', 3, prev, terms));
    bench.core.step(heartbeat('b', 3, becomes.length));
    bench.settle();

    expect(sent).toMatchObject([{ accepted: true, index: prev[0] + terms.length }]);
    expect(bench.core.status().lastIndex).toBe(becomes.length);
    expect(bench.appliedTerms).toEqual(becomes);
  });

  it.each([
    [[1], [2, 1], 1, 1],
    [[1, 1], [2, 2], 2, 1],
    [[1, 1, 2, 2, 2], [5, 1], 2, 1],
    [[], [4, 2], 0, 0],
  ] as const)('a log %j refuses what follows %j and hints at %i of term %i', (log, prev, i, t) => {
    const bench = new Bench({ log, term: 3 });

    const sent = bench.step(append('b', 3, prev, [3]));

    expect(sent).toMatchObject([
      { accepted: false, index: prev[0], hintIndex: i, hintTerm: t, term: 3 },
    ]);
  });

  it('a leader skips a whole term for each refusal', () => {
    const bench = new Bench({ log: [1, 1, 1, 4, 4, 4, 4] });
    bench.lead('b');
    const hint = { hintIndex: 6, hintTerm: 2 };
    const refusal = { kind: 'appendReply', from: 'b', to: 'a', accepted: false, index: 7 } as const;

    const sent = ofKind(bench.step({ ...refusal, term: 5, ...hint }), 'append');

    expect(sent).toMatchObject([{ to: 'b', prevIndex: 3, prevTerm: 1 }]);
  });

  it('a delayed, shorter append does not cut the log', () => {
    const bench = new Bench({ term: 1 });
    bench.step(append('b', 1, [0, 0], [1, 1, 1]));

    const sent = bench.step(append('b', 1, [0, 0], [1]));

    expect(sent).toMatchObject([{ accepted: true, index: 1 }]);
    expect(bench.core.status().lastIndex).toBe(3);
  });

  it('acknowledgements that leave together keep the highest index', () => {
    const bench = new Bench({ term: 1 });
    bench.core.step(append('b', 1, [0, 0], [1, 1, 1]));
    bench.core.step(append('b', 1, [0, 0], [1]));

    const sent = bench.settle();

    expect(sent).toMatchObject([{ kind: 'appendReply', accepted: true, index: 3 }]);
  });

  it('a leader drops an append of its own term', () => {
    const bench = new Bench();
    bench.lead('b');

    bench.step(append('b', 1, [0, 0], [1, 1]));

    expect([bench.core.role, bench.core.status().lastIndex, bench.core.dropped]).toEqual([
      'leader',
      1,
      1,
    ]);
  });
});

describe('5.4 safety', () => {
  // 5.4.1: own log, last entry of the candidate's, granted.
  it.each([
    [[1], [1, 1], true],
    [[1], [2, 1], true],
    [[1, 1], [1, 1], false],
    [[1], [1, 2], true],
    [[1, 1], [1, 2], true],
    [[2], [1, 1], false],
    [[2], [9, 1], false],
    [[], [0, 0], true],
  ] as const)('a log %j against one that ends at %j: vote %s', (log, last, granted) => {
    const bench = new Bench({ log, term: 3 });

    const sent = bench.step(askVote('b', 4, last));

    expect(sent).toMatchObject([{ kind: 'voteReply', term: 4, granted }]);
  });

  it('entries that are not durable yet count for the comparison', () => {
    const bench = new Bench({ term: 1, config: { checkQuorum: false } });
    bench.core.step(append('b', 1, [0, 0], [1, 1]));
    bench.take();

    bench.core.step(askVote('c', 2, [1, 1]));

    expect(bench.take().messagesAfterSave).toMatchObject([{ kind: 'voteReply', granted: false }]);
  });

  it('5.4.2, figure 8: entries of older terms are not committed by counting', () => {
    const bench = new Bench({ log: [1, 2], term: 3, voters: ['a', 'b', 'c', 'd', 'e'] });
    bench.lead('b', 'c');

    bench.acknowledge('b', 2);
    bench.acknowledge('c', 2);
    const counted = bench.core.commit;
    bench.acknowledge('b', 3);
    bench.acknowledge('c', 3);

    expect([counted, bench.core.commit]).toEqual([0, 3]);
  });

  it('nobody overwrites what is committed: the process ends instead', () => {
    const bench = new Bench({ log: [1, 1], commit: 2 });

    const lost = () => bench.core.step(heartbeat('b', 2, 3));

    expect(lost).toThrow(/holds entry 3, but its log ends at 2/);
  });
});

describe('5.5 crashes', () => {
  it('a member goes on with the term, vote, log and commit index of its disk', () => {
    const { core } = new Bench({ log: [1, 1, 2], term: 4, vote: 'c', commit: 2 });

    expect(core.status()).toMatchObject({
      term: 4,
      vote: 'c',
      commit: 2,
      lastIndex: 3,
      applied: 0,
    });
  });

  it('what was committed before a crash is applied again', () => {
    const bench = new Bench({ log: [1, 1, 2], commit: 2 });

    bench.settle();

    expect(bench.applied).toEqual([1, 2]);
  });
});

describe('7 log compaction', () => {
  const meta = { index: 5, term: 2, voters: ['a', 'b', 'd'] };
  const install = { kind: 'snapshot', from: 'b', to: 'a', term: 3, meta } as const;

  it('a snapshot replaces a log that does not hold its last entry', () => {
    const bench = new Bench({ log: [1, 1, 1], term: 3 });

    const sent = bench.step(install);

    expect(bench.readys[0]).toMatchObject({ snapshot: meta, mustSync: true });
    expect(sent).toMatchObject([{ accepted: true, index: 5 }]);
    expect(bench.core.status()).toMatchObject({
      firstIndex: 6,
      lastIndex: 5,
      commit: 5,
      applied: 5,
      voters: ['a', 'b', 'd'],
    });
  });

  it('entries behind it stay when the log holds its last entry', () => {
    const bench = new Bench({ log: [1, 1, 1, 2, 2, 2, 2], term: 3 });

    const sent = bench.step(install);

    expect(bench.readys.every(({ snapshot }) => snapshot === undefined)).toBe(true);
    expect(sent).toMatchObject([{ accepted: true, index: 5 }]);
    expect(bench.core.status()).toMatchObject({ lastIndex: 7, commit: 5, applied: 5 });
  });

  it('an old snapshot changes nothing', () => {
    const bench = new Bench({ log: [1, 1, 1, 2, 2, 2], term: 3, commit: 6 });

    const sent = bench.step(install);

    expect(sent).toMatchObject([{ accepted: true, index: 6 }]);
    expect(bench.core.status()).toMatchObject({ lastIndex: 6, commit: 6 });
  });

  it('the acknowledgement of a snapshot waits until it is durable', () => {
    const bench = new Bench({ term: 3 });
    bench.core.step(install);

    const ready = bench.take();

    expect([ready.messages.length, ready.messagesAfterSave.length]).toEqual([0, 1]);
  });

  it('a leader sends its snapshot to who needs entries that are gone', () => {
    const snapshot = { index: 5, term: 2, voters: ['a', 'b', 'c'] };
    const bench = new Bench({ snapshot, term: 2 });
    bench.lead('b');
    const hint = { accepted: false, index: 5, hintIndex: 2, hintTerm: 1 } as const;

    const sent = bench.step({ kind: 'appendReply', from: 'c', to: 'a', term: 3, ...hint });

    expect(ofKind(sent, 'snapshot')).toMatchObject([{ to: 'c', meta: { index: 5 } }]);
  });

  it('compaction keeps what is not applied, whatever it is asked', () => {
    const bench = new Bench({ log: [1, 1, 1, 1], commit: 3 });
    bench.settle();

    bench.core.compact({ index: 3, term: 1, voters: ['a', 'b', 'c'] }, 9);

    expect(bench.core.status()).toMatchObject({ firstIndex: 4, lastIndex: 4 });
  });
});

describe('8 client interaction', () => {
  it('a proposal is refused with the name of the leader', () => {
    const bench = new Bench({ term: 1 });
    bench.step(heartbeat('b', 1));

    const answer = bench.core.propose(entry(1, 1).data);

    expect(answer).toEqual({ ok: false, reason: 'not-leader', leader: 'b' });
  });

  it('a new leader appends an empty entry of its term', () => {
    const bench = new Bench({ log: [1] });

    const sent = ofKind(bench.lead('b'), 'append');

    expect(sent[0]).toMatchObject({
      prevIndex: 1,
      entries: [{ index: 2, term: 2, kind: 'empty' }],
    });
  });
});
