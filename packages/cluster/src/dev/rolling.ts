// Which nodes get new code, in which order, and whether the cluster is as well as it was. Pure.
import { ClusterError } from '../errors.js';
import { leaderOf } from '../status.js';
import type { ClusterStatus, NodeStatus } from '../status.js';
import { runsOn } from './components.js';
import type { Component } from './components.js';

export type Choice = {
  /** In the order in which they get the code. */
  readonly nodes: readonly NodeStatus[];
  /** Nodes that would have it, too, if they ran. */
  readonly skipped: readonly { readonly node: string; readonly why: string }[];
};

/** There is a leader to measure others by. */
export function isJudgeable(status: ClusterStatus): boolean {
  return status.state !== 'no-quorum' && status.state !== 'stopped';
}

/**
 * The nodes named, or all that run the component. Throws ClusterError E_FAILED when one that was
 * named does not run, or does not run this; E_NO_QUORUM when nothing could be told about the result.
 */
export function chooseNodes(
  status: ClusterStatus,
  component: Component,
  names: readonly string[] | undefined,
): Choice {
  if (!isJudgeable(status)) {
    throw new ClusterError(
      'E_NO_QUORUM',
      `"${status.name}" has no quorum: whether new code makes it worse could not be told`,
      { remedies: ['corral status tells what is missing', 'corral fault heal --all'] },
    );
  }
  const wanted = status.nodes.filter((node) => names?.includes(node.name) ?? true);
  const refusals = wanted.flatMap((node) => {
    const why = refusal(node, component);
    return why === undefined ? [] : [{ node: node.name, why }];
  });
  const [first] = refusals;
  if (names !== undefined && first !== undefined) {
    throw new ClusterError('E_FAILED', `${first.node} ${first.why}; no node was touched`, {
      remedies: [`corral node start ${first.node}`],
    });
  }
  const nodes = wanted.filter((node) => refusal(node, component) === undefined);
  return { nodes: inOrder(nodes, status.leader), skipped: refusals };
}

/**
 * Workers first: they have no vote and no data, so that code which does not even start is found where
 * it costs least. Then the followers, and the leader last: it hands over once, to new code.
 */
export function inOrder(
  nodes: readonly NodeStatus[],
  leader: string | null,
): readonly NodeStatus[] {
  const rank = (node: NodeStatus): number =>
    node.name === leader ? 2 : node.role === 'central' ? 1 : 0;
  return [...nodes].sort((a, b) => rank(a) - rank(b));
}

const ranks = { healthy: 3, degraded: 2, 'no-quorum': 1, stopped: 0 };

/** As many can be lost as before, and somebody leads. */
export function isAsWell(before: ClusterStatus, now: ClusterStatus): boolean {
  return (
    ranks[now.state] >= ranks[before.state] &&
    now.tolerates >= before.tolerates &&
    now.leader !== null
  );
}

/** What a member must have applied to count as caught up: all that is committed now. */
export function committedIn(status: ClusterStatus): number {
  return Math.max(0, ...status.nodes.map((node) => node.raft?.commit ?? 0));
}

/** Why a central node is no full member yet; undefined when it follows or leads, and has applied `mark`. */
export function lagOf(status: ClusterStatus, name: string, mark: number): string | undefined {
  const node = status.nodes.find((one) => one.name === name);
  const leader = leaderOf(status.nodes);
  if (node === undefined) return 'is not there any more';
  if (node.state !== 'running') return `is ${node.state}`;
  if (node.role !== 'central') return undefined;
  const { raft } = node;
  if (raft === null) return 'does not answer';
  if (leader === undefined) return 'sees no leader';
  if (raft.role === 'candidate' || raft.term !== leader.raft?.term) {
    return `does not follow ${leader.name}`;
  }
  return raft.applied >= mark ? undefined : `has applied ${raft.applied} of ${mark}`;
}

/** What has become worse, in a few words. */
export function describeLoss(before: ClusterStatus, now: ClusterStatus): string {
  if (now.leader === null) return 'nobody leads';
  const was = `${before.state}, can lose ${before.tolerates}`;
  return `the cluster is ${now.state}, can lose ${now.tolerates} (it was ${was})`;
}

function refusal(node: NodeStatus, component: Component): string | undefined {
  if (node.state !== 'running') return `is ${node.state}`;
  return runsOn(component, node) ? undefined : `does not run ${component.program}`;
}
