// Quick failover, bounded windows and proposals, a single voter and its disk, and what is refused.
import { describe, expect, it } from 'vitest';
import { RaftNode, defaultConfig, validateConfig } from '../src/index.js';
import type { Message, RaftConfig, RaftError } from '../src/index.js';
import {
  Bench,
  accept,
  append,
  askVote,
  entry,
  grant,
  heartbeat,
  heartbeatReply,
  ofKind,
} from './support/bench.js';

describe('quick failover', () => {
  const random = { next: () => 0.5 };

  it('evidence that the leader is gone wakes the followers one after the other', () => {
    const delays = ['a', 'b', 'd'].map((id) => {
      const bench = new Bench({
        voters: ['a', 'b', 'c', 'd'],
        config: { id, random, quickRankMs: 15, quickJitterMs: 5 },
      });
      bench.core.step({ ...heartbeat('c', 1), to: id });
      bench.settle();
      bench.core.leaderLost('c');
      return bench.take().wake?.afterMs;
    });

    expect(delays).toEqual([2.5, 17.5, 32.5]);
  });

  it('the wake starts a pre-vote; a stale one, or one after a leader came, does not', () => {
    const bench = new Bench({ term: 1, config: { preVote: true } });
    bench.step(heartbeat('b', 1));
    bench.core.leaderLost('b');
    const first = bench.take().wake!;
    bench.core.wake(first.token + 1);
    const afterWrong = bench.core.role;

    bench.step(heartbeat('b', 1));
    bench.core.wake(first.token);
    const afterLeader = bench.core.role;
    bench.core.leaderLost('b');
    bench.core.wake(bench.take().wake!.token);

    expect([afterWrong, afterLeader, bench.core.role]).toEqual([
      'follower',
      'follower',
      'preCandidate',
    ]);
  });

  it('evidence lifts the own lease and nobody else is believed', () => {
    const bench = new Bench({ term: 1 });
    bench.step(heartbeat('b', 1));
    const before = bench.step(askVote('c', 2, [0, 0]));

    bench.core.leaderLost('c');
    const wrong = bench.step(askVote('c', 2, [0, 0]));
    bench.core.leaderLost('b');
    const after = bench.step(askVote('c', 2, [0, 0]));

    expect([before, wrong]).toEqual([[], []]);
    expect(after).toMatchObject([{ granted: true, term: 2 }]);
  });

  it('a quick round that came to nothing is tried a bounded number of times', () => {
    const bench = new Bench({ term: 1, config: { preVote: true, quickAttempts: 3 } });
    bench.step(heartbeat('b', 1));
    bench.core.leaderLost('b');
    let rounds = 0;

    for (let wake = bench.take().wake; wake !== undefined; wake = bench.take().wake) {
      bench.core.wake(wake.token);
      if (bench.core.hasReady()) rounds += 1;
    }

    expect(rounds).toBe(3);
  });

  it('false evidence is forgotten with the next heartbeat', () => {
    const bench = new Bench({ term: 1 });
    bench.step(heartbeat('b', 1));
    bench.core.leaderLost('b');

    bench.step(heartbeat('b', 1));

    expect([bench.core.leader, bench.core.term]).toEqual(['b', 1]);
  });
});

describe('bounds', () => {
  const big = new Uint8Array(100);

  it('messages on the way to one follower stay within the window', () => {
    const bench = new Bench({ config: { maxInflightMessages: 3, maxAppendBytes: 1 } });
    bench.lead('b');
    bench.acknowledge('b', 1);
    for (let i = 0; i < 10; i += 1) bench.core.propose(big);

    const sent = ofKind(bench.settle(), 'append').filter(({ to }) => to === 'b');
    const more = ofKind(bench.acknowledge('b', 3), 'append').filter(({ to }) => to === 'b');

    expect(sent.map(({ entries }) => entries.map(({ index }) => index))).toEqual([[2], [3], [4]]);
    expect(more.map(({ prevIndex }) => prevIndex)).toEqual([4, 5]);
  });

  it('bytes on the way to one follower stay within the window', () => {
    const bench = new Bench({ config: { maxInflightBytes: 250, maxAppendBytes: 1 } });
    bench.lead('b');
    bench.acknowledge('b', 1);
    for (let i = 0; i < 10; i += 1) bench.core.propose(big);

    const sent = ofKind(bench.settle(), 'append').filter(({ to }) => to === 'b');

    expect(sent.length).toBe(3);
  });

  it('one message carries no more than its limit, but at least one entry', () => {
    const bench = new Bench({ config: { maxAppendBytes: 250 } });
    bench.lead('b');
    bench.acknowledge('b', 1);
    for (let i = 0; i < 4; i += 1) bench.core.propose(big);
    bench.core.propose(new Uint8Array(999));

    const sent = ofKind(bench.settle(), 'append').filter(({ to }) => to === 'b');

    expect(sent.map(({ entries }) => entries.length)).toEqual([2, 2, 1]);
  });

  it('a follower that answers heartbeats gets another probe, a dead one nothing', () => {
    const bench = new Bench();
    bench.lead('b');
    bench.core.propose(big);
    const toC = () => ofKind(bench.settle(), 'append').filter(({ to }) => to === 'c').length;
    toC();
    bench.core.tick();
    const silent = toC();

    bench.core.step(heartbeatReply('c', 1, 0));

    expect([silent, toC()]).toEqual([0, 1]);
  });

  it('proposals above the limit of uncommitted bytes are refused until some commit', () => {
    const bench = new Bench({ config: { maxUncommittedBytes: 300 } });
    bench.lead('b');
    const answers = [1, 2, 3].map(() => bench.core.propose(big).ok);
    bench.settle();

    bench.acknowledge('b', 3);

    expect(answers).toEqual([true, true, false]);
    expect(bench.core.propose(big).ok).toBe(true);
  });

  it('one proposal always goes, however large', () => {
    const bench = new Bench({ config: { maxUncommittedBytes: 10 } });
    bench.lead('b');
    bench.acknowledge('b', 1);

    expect(bench.core.propose(big).ok).toBe(true);
  });

  it('inherited entries count as uncommitted, too', () => {
    const bench = new Bench({ term: 1, config: { maxUncommittedBytes: 300 } });
    bench.step({ ...append('b', 1, [0, 0], []), entries: [entry(1, 1, big), entry(2, 1, big)] });
    bench.tick(20);
    bench.step(grant('b', bench.core.term));

    const answer = bench.core.propose(big);

    expect(answer).toMatchObject({ ok: false, reason: 'too-much-uncommitted', leader: 'a' });
  });

  it('one Ready applies no more than its limit; the next one goes on', () => {
    const bench = new Bench({ log: [1, 1, 1], commit: 3, config: { maxCommittedBytes: 33 } });

    const counts = [bench.take(), bench.take()].map(({ committed }) => committed.length);

    expect([counts, bench.core.hasReady()]).toEqual([[2, 1], false]);
  });
});

describe('a disk that is late', () => {
  it('a single voter leads when its vote is durable, and not before', () => {
    const bench = new Bench({ voters: ['a'] });
    bench.core.campaign();
    const ready = bench.take();
    const before = bench.core.role;

    bench.core.saved(ready.number);

    expect([before, bench.core.role]).toEqual(['candidate', 'leader']);
  });

  it('a single voter that waits for its disk starts no further term', () => {
    const bench = new Bench({ voters: ['a'] });
    bench.core.campaign();
    const ready = bench.take();

    for (let i = 0; i < 100; i += 1) bench.core.tick();
    bench.core.saved(ready.number);

    expect([bench.core.term, bench.core.role]).toEqual([1, 'leader']);
  });

  it('the save of an older vote makes nobody leader of a newer term', () => {
    const bench = new Bench({ voters: ['a'] });
    bench.core.campaign();
    const first = bench.take();
    bench.core.step(append('z', 5, [0, 0], []));
    bench.take();
    for (let i = 0; i < 30; i += 1) bench.core.tick();
    const second = bench.take();

    bench.core.saved(first.number);
    const early = bench.core.role;
    bench.core.saved(second.number);

    expect([early, bench.core.role, bench.core.term]).toEqual(['candidate', 'leader', 6]);
  });

  // 1. Entry 1 of term 1 is being written. 2. Term 2 replaces it. 3. Term 3 brings it back.
  // 4. The first write ends: the disk is about to hold the entry of term 2.
  it('a save says nothing about an entry that was replaced and came back', () => {
    const bench = new Bench({ term: 1 });
    bench.core.step(append('b', 1, [0, 0], [1]));
    const first = bench.take();
    bench.core.step(append('c', 2, [0, 0], [2]));
    bench.take();
    bench.core.step(append('b', 3, [0, 0], [1, 3], 1));
    const third = bench.take();

    bench.core.saved(first.number);
    const early = [bench.core.status().stableIndex, bench.core.hasReady()];
    bench.core.saved(third.number);
    bench.settle();

    expect(early).toEqual([0, false]);
    expect([bench.core.status().stableIndex, bench.applied]).toEqual([2, [1]]);
  });

  it('a save says nothing about what replaced its entries and was not handed out yet', () => {
    const bench = new Bench({ term: 1 });
    bench.core.step(append('b', 1, [0, 0], [1, 1]));
    const first = bench.take();
    bench.core.step(append('c', 2, [1, 1], [2]));

    bench.core.saved(first.number);

    expect(bench.core.status().stableIndex).toBe(1);
  });

  it('a Ready with nothing to save waits for those before it', () => {
    const bench = new Bench({ term: 1 });
    bench.core.step(append('b', 1, [0, 0], [1]));
    bench.take();

    bench.core.step(heartbeat('b', 1));
    const ready = bench.take();

    expect([ready.mustSync, ready.messages, ready.messagesAfterSave.length]).toEqual([
      false,
      [],
      1,
    ]);
  });
});

describe('what is refused', () => {
  const config: RaftConfig = { ...defaultConfig, id: 'a', random: { next: () => 0 } };
  const start = { hardState: { term: 1, vote: undefined, commit: 0 }, snapshot: undefined };

  it.each([
    [{ id: '' }, /id must not be empty/],
    [{ electionTicks: 1 }, /electionTicks \(1\) must be above heartbeatTicks \(1\)/],
    [{ electionTicks: NaN }, /electionTicks must be at least 1, not NaN/],
    [{ heartbeatTicks: 0 }, /heartbeatTicks must be at least 1, not 0/],
    [{ maxInflightMessages: 0 }, /maxInflightMessages must be at least 1/],
    [{ maxUncommittedBytes: Infinity }, /maxUncommittedBytes must be at least 1, not Infinity/],
  ])('settings %j', (wrong, message) => {
    const validate = () => validateConfig({ ...config, ...wrong });

    expect(validate).toThrow(message);
    expect(validate).toThrow(expect.objectContaining({ code: 'E_RAFT_CONFIG' }) as RaftError);
  });

  it.each([
    ['a gap', { ...start, entries: [entry(1, 1), entry(3, 1)] }],
    ['a missing beginning', { ...start, entries: [entry(2, 1)] }],
    ['a commit index beyond the end', { ...start, hardState: { ...start.hardState, commit: 1 } }],
  ])('a disk with %s', (_, recovered) => {
    const load = () => new RaftNode(config, { entries: [], ...recovered });

    expect(load).toThrow(expect.objectContaining({ code: 'E_RAFT_INVARIANT' }) as RaftError);
  });

  const whole = append('b', 2, [0, 0], [1, 2]);
  const voters = ['a'];
  it.each<[string, Message]>([
    ['for somebody else', { ...whole, to: 'c' }],
    ['from this member itself', { ...whole, from: 'a' }],
    ['of term 0', { ...whole, term: 0 }],
    ['of a term that is no number', { ...whole, term: NaN }],
    ['with a gap', { ...whole, entries: [entry(2, 2)] }],
    ['with falling terms', { ...whole, entries: [entry(1, 2), entry(2, 1)] }],
    ['with an entry of a later term', { ...whole, entries: [entry(1, 3)] }],
    ['with an entry of no term', { ...whole, entries: [entry(1, 0)] }],
    ['after an entry of a later term', append('b', 2, [1, 3], [])],
    ['with a negative commit', { ...whole, commit: -1 }],
    ['with half an index', { ...accept('b', 2, 1.5) }],
    ['with a round that is no number', heartbeat('b', 2, 0, NaN)],
    ['with an empty membership', snapshot({ index: 1, term: 1, voters: [] })],
    ['with a snapshot of the future', snapshot({ index: 1, term: 3, voters })],
    ['with a snapshot of nothing', snapshot({ index: 0, term: 1, voters })],
    ['with a last index that is no number', askVote('b', 2, [NaN, 1])],
  ])('a message %s is dropped and counted', (_, message) => {
    const bench = new Bench({ term: 1 });

    const sent = bench.step(message);

    expect([sent, bench.core.dropped, bench.core.term]).toEqual([[], 1, 1]);
  });

  function snapshot(meta: { index: number; term: number; voters: string[] }): Message {
    return { kind: 'snapshot', from: 'b', to: 'a', term: 2, meta };
  }
});
