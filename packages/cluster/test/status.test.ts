import { describe, expect, it } from 'vitest';
import { isElecting, isSettled, judge, leaderOf, servingOf } from '../src/status.js';
import type { NodeStatus } from '../src/status.js';

type Brief = Pick<NodeStatus, 'name' | 'role' | 'state' | 'raft' | 'faults'>;

/** `L2` leads in term 2, `F2` follows, `C3` is a candidate; `killed`, `paused`, `worker`. */
function node(name: string, word: string, faults: readonly string[] = []): Brief {
  const match = /^([LFC])(\d+)$/.exec(word);
  const role =
    match === null ? undefined : { L: 'leader', F: 'follower', C: 'candidate' }[match[1]!];
  return {
    name,
    role: word === 'worker' ? 'worker' : 'central',
    state: match !== null || word === 'worker' ? 'running' : (word as NodeStatus['state']),
    raft:
      role === undefined
        ? null
        : { role: role as 'leader', term: Number(match?.[2]), commit: 1, applied: 1 },
    faults,
  };
}

const nodes = (...words: readonly string[]): Brief[] => words.map((word, i) => node(`n${i}`, word));

describe('the verdict', () => {
  it.each([
    [['L2', 'F2', 'F2', 'worker'], 'healthy', 1],
    [['L2', 'F2', 'F2', 'F2', 'F2'], 'healthy', 2],
    [['L2', 'F2', 'killed'], 'degraded', 0],
    [['L2', 'F2', 'C9'], 'degraded', 0],
    [['L2', 'F2', 'L1'], 'degraded', 0],
    [['L2', 'killed', 'paused'], 'no-quorum', 0],
    [['C2', 'C2', 'C2'], 'no-quorum', 0],
    [['F2', 'F2', 'killed'], 'no-quorum', 0],
    [['stopped', 'stopped', 'stopped'], 'stopped', 0],
    [['L1'], 'healthy', 0],
  ] as const)('%j is %s and can lose %i', (words, state, tolerates) => {
    expect(judge(nodes(...words))).toEqual({ state, tolerates });
  });

  it('is not healthy while a fault is in force', () => {
    const list = [node('n1', 'L2'), node('n2', 'F2', ['slow:n1>n2']), node('n3', 'F2')];

    expect(judge(list).state).toBe('degraded');
  });
});

describe('who leads and who serves', () => {
  it('is the leader of the highest term; an older one does not know yet', () => {
    expect(leaderOf(nodes('L2', 'L3', 'F3'))?.name).toBe('n1');
    expect(leaderOf(nodes('F3', 'F3'))).toBeUndefined();
  });

  it('counts those who follow in the same term', () => {
    expect(servingOf(nodes('L3', 'F3', 'L2', 'C3', 'paused')).map(({ name }) => name)).toEqual([
      'n0',
      'n1',
    ]);
  });
});

describe('a cluster has settled', () => {
  const settled = (list: readonly Brief[], lost?: string): boolean =>
    isSettled(
      { nodes: list as unknown as NodeStatus[], leader: leaderOf(list)?.name ?? null },
      lost,
    );

  it('when somebody else leads and the others follow', () => {
    expect(settled(nodes('killed', 'L3', 'F3'), 'n0')).toBe(true);
    expect(settled(nodes('killed', 'C3', 'C3'), 'n0')).toBe(false);
    expect(settled(nodes('killed', 'L3', 'F2'), 'n0')).toBe(false);
  });

  it('not while the lost leader is taken for one', () => {
    expect(settled(nodes('L2', 'F2', 'F2'), 'n0')).toBe(false);
    expect(settled(nodes('L2', 'F2', 'F2'))).toBe(true);
  });

  it('when too few are left for a leader', () => {
    expect(settled(nodes('killed', 'killed', 'C3'), 'n0')).toBe(true);
  });

  it('when those who do not hear the leader have noticed, and the others follow', () => {
    const cut = ['cut:n0>n1', 'cut:n1>n0', 'cut:n0>n2', 'cut:n2>n0'];
    const list = (first: string, second = 'F2'): Brief[] => [
      node('n0', first, cut),
      node('n1', 'L2', cut.slice(0, 2)),
      node('n2', second, cut.slice(2)),
    ];
    const away = (word: string): Brief[] => [
      node('n0', 'L2', ['cut:n0>n1']),
      node('n1', word, ['cut:n0>n1']),
      node('n2', 'F2'),
    ];

    expect(settled(away('F2'))).toBe(false);
    expect(settled(away('C2'))).toBe(true);
    expect(settled(list('C2'))).toBe(true);
    expect(settled(list('C2', 'C2'))).toBe(false);
  });

  it('with whatever a slow or one-way link makes of a node', () => {
    const slow = [node('n0', 'L2'), node('n1', 'C2', ['slow:n0>n1']), node('n2', 'F2')];
    const unheard = [node('n0', 'L2'), node('n1', 'F2', ['cut:n1>n0']), node('n2', 'F2')];

    expect([settled(slow), settled(unheard)]).toEqual([true, true]);
  });

  it('without those that are cut off', () => {
    const list = [node('n0', 'L2', ['cut:n0>n1']), node('n1', 'L3'), node('n2', 'F3')];

    expect(settled(list, 'n0')).toBe(true);
  });
});

describe('an election is under way', () => {
  it.each([
    [['C3', 'F2', 'F2'], 'no-quorum', true],
    [['C3', 'C3', 'killed'], 'no-quorum', true],
    [['C3', 'killed', 'killed'], 'no-quorum', false],
    [['C3', 'paused', 'killed', 'worker'], 'no-quorum', false],
    [['L2', 'F2', 'F2'], 'healthy', false],
  ] as const)('%j of a cluster that is %s: %s', (words, state, expected) => {
    expect(isElecting({ nodes: nodes(...words), state })).toBe(expected);
  });
});
