// The status of a cluster as `corral status -o json` prints it. The shape is a contract.
import type { ClusterPlan, Role } from './plan.js';
import type { UnitStatus } from './unit-status.js';

export type NodeStatus = {
  readonly name: string;
  readonly role: Role;
  readonly state: 'running' | 'killed' | 'paused' | 'stopped';
  readonly address: string;
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
  readonly memberId: string | null;
  readonly pid: number | null;
  readonly container: string | null;
  readonly hostname: string;
  readonly root: string | null;
  readonly raft: {
    readonly role: 'leader' | 'follower' | 'candidate';
    readonly term: number;
    readonly commit: number;
    readonly applied: number;
  } | null;
  readonly units: readonly UnitStatus[];
  readonly faults: readonly string[];
  /** Programs that run code from a working tree (`corral dev`), each with the hash of that code. */
  readonly dev: Readonly<Record<string, string>>;
};

export type StepTiming = { readonly name: string; readonly ms: number };

export type ClusterStatus = {
  readonly schema: 1;
  readonly name: string;
  readonly runtime: 'process' | 'docker';
  readonly state: 'healthy' | 'degraded' | 'no-quorum' | 'stopped';
  readonly tolerates: number;
  readonly leader: string | null;
  readonly discovery: {
    readonly url: string;
    readonly token: string;
    readonly size: number;
  } | null;
  readonly nodes: readonly NodeStatus[];
  readonly timings: { readonly total: number; readonly steps: readonly StepTiming[] };
};

/** Who leads: of two that say so the one with the higher term, since the other does not know yet. */
export function leaderOf<N extends Pick<NodeStatus, 'state' | 'raft'>>(
  nodes: readonly N[],
): N | undefined {
  const leaders = nodes.filter((node) => node.state === 'running' && node.raft?.role === 'leader');
  return leaders.sort((a, b) => (b.raft?.term ?? 0) - (a.raft?.term ?? 0))[0];
}

/** The central nodes that follow the leader, and itself; none without a leader. */
export function servingOf<N extends Pick<NodeStatus, 'role' | 'state' | 'raft'>>(
  nodes: readonly N[],
): readonly N[] {
  const term = leaderOf(nodes)?.raft?.term;
  return nodes.filter(
    ({ role, state, raft }) =>
      role === 'central' &&
      state === 'running' &&
      raft !== null &&
      raft.term === term &&
      raft.role !== 'candidate',
  );
}

/** The verdict over a cluster's nodes. */
export function judge(
  nodes: readonly Pick<NodeStatus, 'role' | 'state' | 'raft' | 'faults'>[],
): Pick<ClusterStatus, 'state' | 'tolerates'> {
  const central = nodes.filter((node) => node.role === 'central');
  const majority = Math.floor(central.length / 2) + 1;
  const serving = servingOf(nodes).length;
  const whole = nodes.every((node) => node.state === 'running' && node.faults.length === 0);
  const tolerates = Math.max(0, serving - majority);
  if (nodes.every((node) => node.state === 'stopped')) return { state: 'stopped', tolerates: 0 };
  if (serving < majority) return { state: 'no-quorum', tolerates: 0 };
  return { state: whole && serving === central.length ? 'healthy' : 'degraded', tolerates };
}

/**
 * No election is under way: some running central node leads, `lost` is not taken for the leader, the
 * others that reach it follow it, and those that do not hear it any more have noticed; or too few are
 * left for a leader.
 */
export function isSettled(
  status: Pick<ClusterStatus, 'nodes' | 'leader'>,
  lost: string | undefined,
): boolean {
  const central = status.nodes.filter((node) => node.role === 'central');
  const majority = Math.floor(central.length / 2) + 1;
  const alive = central.filter((node) => node.state === 'running');
  if (alive.length < majority) return true;
  const { leader } = status;
  if (leader === null || leader === lost) return false;
  const serving = new Set(servingOf(status.nodes).map((node) => node.name));
  return alive.every((node) => {
    const { name } = node;
    if (node.faults.includes(`cut:${leader}>${name}`)) return !serving.has(name);
    // What is slowed, refused or not heard may follow, or not.
    const hampered = node.faults.some(
      (fault) => !fault.startsWith('cut:') || fault.endsWith(`>${leader}`),
    );
    return hampered || serving.has(name);
  });
}

/** Nobody leads, and a majority is there to change that. */
export function isElecting(status: {
  readonly nodes: readonly Pick<NodeStatus, 'role' | 'state' | 'raft'>[];
  readonly state: ClusterStatus['state'];
}): boolean {
  const { nodes, state } = status;
  const central = nodes.filter((node) => node.role === 'central');
  const answering = central.filter((node) => node.state === 'running' && node.raft !== null);
  return state === 'no-quorum' && answering.length > central.length / 2;
}

/** What is known of a cluster that has no keeper: its plan. */
export function stoppedStatus(plan: ClusterPlan): ClusterStatus {
  const nodes = plan.nodes.map((node): NodeStatus => ({
    name: node.name,
    role: node.role,
    state: 'stopped',
    address: node.address,
    clientUrls: [],
    peerUrls: [],
    memberId: null,
    pid: null,
    container: null,
    hostname: node.hostname,
    root: null,
    raft: null,
    units: [],
    faults: [],
    dev: {},
  }));
  return {
    schema: 1,
    name: plan.name,
    runtime: plan.runtime,
    ...judge(nodes),
    leader: null,
    discovery: null,
    nodes,
    timings: { total: 0, steps: [] },
  };
}
