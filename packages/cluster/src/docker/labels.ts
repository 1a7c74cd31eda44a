// The labels of what a cluster has on the engine: they are the truth. A cluster whose state folder is
// gone is found, and planned again, from them alone. Images have labels of other names, since a
// container inherits those of its image.
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { errorMessage } from '@corral/kit';
import { ClusterError } from '../errors.js';
import type { ClusterPlan, NodePlan } from '../plan.js';
import type { ClusterState } from '../state.js';

export const clusterLabel = 'io.corral.cluster';
/** The state folder that the cluster belongs to: two homes may have clusters of one name. */
export const homeLabel = 'io.corral.home';
export const nodeLabel = 'io.corral.node';
const planLabel = 'io.corral.plan';
const nodePlanLabel = 'io.corral.node-plan';
/** The certificate of the cluster's CA. */
export const authorityLabel = 'io.corral.ca';

/** Which cluster: its name, and the home whose it is. */
export type ClusterKey = { readonly home: string; readonly name: string };

/** How the engine knows the cluster of a state folder. */
export function keyOf({ folder, name }: Pick<ClusterState, 'folder' | 'name'>): ClusterKey {
  return { home: dirname(dirname(folder)), name };
}

export type Labels = Readonly<Record<string, string>>;

export function clusterLabels({ home, name }: ClusterKey): Labels {
  return { [clusterLabel]: name, [homeLabel]: home };
}

/** Of the network: everything of the plan but its nodes, which say themselves what they are. */
export function networkLabels(key: ClusterKey, plan: ClusterPlan): Labels {
  return { ...clusterLabels(key), [planLabel]: JSON.stringify({ ...plan, nodes: [] }) };
}

export function nodeLabels(key: ClusterKey, node: NodePlan): Labels {
  return {
    ...clusterLabels(key),
    [nodeLabel]: node.name,
    [nodePlanLabel]: JSON.stringify(node),
  };
}

/** What the engine lists: everything of this cluster. */
export function clusterFilter(key: ClusterKey): { readonly label: string[] } {
  return { label: Object.entries(clusterLabels(key)).map(([name, value]) => `${name}=${value}`) };
}

/** Everything of every cluster of a home. */
export function homeFilter(home: string): { readonly label: string[] } {
  return { label: [clusterLabel, `${homeLabel}=${home}`] };
}

/** The plan again, from the labels of the network and of the nodes. Throws ClusterError E_CONFIG. */
export function planFromLabels(network: Labels, nodes: readonly Labels[]): ClusterPlan {
  try {
    const plan = JSON.parse(network[planLabel] ?? '') as ClusterPlan;
    const found = nodes
      .filter((labels) => labels[nodePlanLabel] !== undefined)
      .map((labels) => JSON.parse(labels[nodePlanLabel] ?? '') as NodePlan)
      .sort((a, b) => a.number - b.number);
    return { ...plan, nodes: found };
  } catch (error) {
    const name = network[clusterLabel] ?? '?';
    throw new ClusterError(
      'E_CONFIG',
      `the labels of cluster "${name}" cannot be read: ${errorMessage(error)}`,
      { cause: error, remedies: [`corral down ${name} removes the cluster, with its data`] },
    );
  }
}

/**
 * What a thing of a cluster is called on the engine: the name of the cluster, some digits of its home,
 * since two homes (two users, a test) may have clusters of one name, and the part.
 */
export function engineName({ home, name }: ClusterKey, part: string | undefined): string {
  const digits = createHash('sha256').update(home).digest('hex').slice(0, 6);
  return `corral-${name}-${digits}${part === undefined ? '' : `-${part}`}`;
}

/** These are the labels of what belongs to the cluster, whatever its name. */
export function isOf(key: ClusterKey, labels: Labels | undefined): boolean {
  return labels?.[clusterLabel] === key.name && labels[homeLabel] === key.home;
}
