// Who does not take part, why, and the command for each: by status and faults, without a cluster.
import { describe, expect, it } from 'vitest';
import type { FaultRecord, FaultSpec } from '../src/faults.js';
import { linksBetween } from '../src/faults.js';
import { age, explainMissing, noQuorumError } from '../src/missing.js';
import type { QuorumView } from '../src/missing.js';
import type { NodeStatus } from '../src/status.js';

const wallTime = Date.parse('2026-01-01T00:01:00Z');

function node(name: string, given: Partial<NodeStatus> = {}): NodeStatus {
  return {
    name,
    role: 'central',
    state: 'running',
    address: '127.7.0.1',
    clientUrls: [],
    peerUrls: [],
    memberId: null,
    pid: 1,
    container: null,
    hostname: name,
    root: null,
    raft: { role: 'candidate', term: 3, commit: 1, applied: 1 },
    units: [],
    faults: [],
    dev: {},
    ...given,
  };
}

function fault(id: number, spec: FaultSpec): FaultRecord {
  return { id, spec, since: '2026-01-01T00:00:48Z', until: null };
}

function view(
  nodes: readonly NodeStatus[],
  faults: readonly FaultRecord[] = [],
  name = 'default',
): QuorumView {
  return { status: { name, nodes, leader: null }, faults, wallTime };
}

describe('the missing nodes', () => {
  it('are named with the fault that took them, its age, and the command that heals it', () => {
    const nodes = [
      node('n1'),
      node('n2', { state: 'killed', raft: null }),
      node('n3', { state: 'paused', raft: null }),
    ];
    const faults = [
      fault(2, { kind: 'kill', node: 'n2' }),
      fault(5, { kind: 'pause', node: 'n3' }),
    ];

    const { reachable, missing } = explainMissing(view(nodes, faults));

    expect(reachable).toEqual(['n1']);
    expect(missing).toEqual([
      { node: 'n2', why: 'killed 12 s ago by fault #2', remedy: 'corral fault heal 2' },
      { node: 'n3', why: 'paused 12 s ago by fault #5', remedy: 'corral fault heal 5' },
    ]);
  });

  it('were stopped by hand when no fault is in force: start brings them back', () => {
    const nodes = [node('n1'), node('n2', { state: 'stopped', raft: null })];

    const { missing } = explainMissing(view(nodes, [], 'other'));

    expect(missing).toEqual([
      { node: 'n2', why: 'stopped', remedy: 'corral node start n2 -n other' },
    ]);
  });

  it('may run without an answering store, or without following anybody: their log tells more', () => {
    const silent = node('n3', { raft: null });

    const { missing } = explainMissing(view([node('n1'), node('n2'), silent]));

    expect(missing).toEqual([
      { node: 'n3', why: 'runs, but its store does not answer', remedy: 'corral logs n3' },
    ]);
  });

  it('are cut off when every way to the largest group is cut; several faults are healed at the node', () => {
    const nodes = ['n1', 'n2', 'n3', 'n4', 'n5'].map((name) => node(name));
    const one = fault(4, { kind: 'cut', links: linksBetween(['n4'], ['n1', 'n2', 'n3', 'n5']) });
    const two = fault(6, {
      kind: 'refuse',
      links: linksBetween(['n5'], ['n1', 'n2', 'n3'], { oneWay: true }),
    });
    const three = fault(7, { kind: 'cut', links: linksBetween(['n5'], ['n1'], { oneWay: true }) });

    const { reachable, missing } = explainMissing(view(nodes, [one, two, three]));

    expect(reachable).toEqual(['n1', 'n2', 'n3']);
    expect(missing).toEqual([
      { node: 'n4', why: 'cut off 12 s ago by fault #4', remedy: 'corral fault heal 4' },
      { node: 'n5', why: 'cut off 12 s ago by fault #6 and #7', remedy: 'corral fault heal n5' },
    ]);
  });

  it('are not those that a way around a cut still reaches, and workers never are', () => {
    const nodes = [node('n1'), node('n2'), node('n3'), node('w1', { role: 'worker', raft: null })];
    const cut = fault(1, { kind: 'cut', links: linksBetween(['n1'], ['n3']) });

    expect(explainMissing(view(nodes, [cut]))).toEqual({
      reachable: ['n1', 'n2', 'n3'],
      missing: [],
    });
  });

  it('are those on the other side of the leader, even when its side is the smaller one', () => {
    const nodes = [node('n1'), node('n2'), node('n3')];
    const cut = fault(1, { kind: 'cut', links: linksBetween(['n1'], ['n2', 'n3']) });
    const led = view(nodes, [cut]);

    const { reachable } = explainMissing({ ...led, status: { ...led.status, leader: 'n1' } });

    expect(reachable).toEqual(['n1']);
  });
});

describe('E_NO_QUORUM', () => {
  it('names who is there, who is missing and why, and a command for each', () => {
    const nodes = [
      node('n1'),
      node('n2', { state: 'killed', raft: null }),
      node('n3', { state: 'stopped', raft: null }),
    ];

    const error = noQuorumError(
      'membership cannot change',
      view(nodes, [fault(2, { kind: 'kill', node: 'n2' })]),
    );

    expect(error.code).toBe('E_NO_QUORUM');
    expect(error.exitCode).toBe(7);
    expect(error.message).toBe(
      'membership cannot change: 1 of 3 central nodes reachable (n1), ' +
        'n2 killed 12 s ago by fault #2, n3 stopped',
    );
    expect(error.remedies).toEqual(['corral fault heal 2', 'corral node start n3']);
  });

  it('has at most three remedies: with more to do it is one for all', () => {
    const names = ['n1', 'n2', 'n3', 'n4', 'n5'];
    const nodes = names.map((name) => node(name, { state: 'killed', raft: null }));
    const faults = names.map((name, i) => fault(i + 1, { kind: 'kill', node: name }));

    const error = noQuorumError('no', view(nodes, faults));

    expect(error.message).toContain('no: 0 of 5 central nodes reachable, n1 killed');
    expect(error.remedies).toEqual(['corral fault heal --all']);
  });

  it('says that an election is under way when enough nodes can talk to each other', () => {
    const error = noQuorumError('no', view([node('n1'), node('n2'), node('n3')]));

    expect(error.message).toBe(
      'no: 3 of 3 central nodes reachable (n1 n2 n3), an election is under way',
    );
    expect(error.remedies).toEqual(['corral wait --for leader']);
  });
});

it.each([
  [0, '0 s'],
  [119, '119 s'],
  [120, '2 min'],
  [7199, '119 min'],
  [7200, '2 h'],
  [47 * 3600, '47 h'],
  [49 * 3600, '2 d'],
])('an age of %i seconds is "%s"', (seconds, text) => {
  expect(age(new Date(wallTime - seconds * 1000).toISOString(), wallTime)).toBe(text);
});
