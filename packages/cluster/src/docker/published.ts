// Which ports of a node are published on 127.0.0.1, and as which: chosen once and kept in the plan,
// because the engine would give another one at each start.
import { parseUserData } from '@corral/cloudinit';
import { nodeUrls } from '../node-urls.js';
import { addressed } from '../plan.js';
import type { ClusterPlan, NodePlan } from '../plan.js';
import { freeHostPort } from '../host-ports.js';

export const sshPort = 22;

/** The store's client ports, sshd's, and what socket units of the cloud-config open. */
export function portsToPublish(node: NodePlan): readonly number[] {
  const store = nodeUrls(node).client.map((url) => Number(new URL(url).port));
  return [...new Set([...store, ...socketPorts(node), sshPort])];
}

/** Of `ListenStream=2375` and `ListenStream=0.0.0.0:2375`. (systemd.socket(5)) */
function socketPorts(node: NodePlan): readonly number[] {
  const data = parseUserData(addressed(node));
  const units = data.kind === 'cloud-config' ? data.config.units : [];
  return units
    .filter(({ name }) => name.endsWith('.socket'))
    .flatMap(({ content }) => [...content.matchAll(/^ListenStream=(?:.*:)?(\d{1,5})\s*$/gm)])
    .map((match) => Number(match[1]));
}

/** The cloud-config has to do with an engine inside the node. */
export function runsInnerEngine(node: NodePlan): boolean {
  const data = parseUserData(addressed(node));
  const units = data.kind === 'cloud-config' ? data.config.units : [];
  return units.some(({ name, content }) => /docker/.test(name) || /\bdocker\b/.test(content));
}

/** Ports of 127.0.0.1 that a plan has already. */
export function portsOfPlan({ discoveryPort, nodes }: ClusterPlan): ReadonlySet<number> {
  return new Set([discoveryPort, ...nodes.flatMap((node) => Object.values(node.published ?? {}))]);
}

/** The nodes with a free port of 127.0.0.1 for each of theirs, none of `taken`. */
export async function publishPorts(
  nodes: readonly NodePlan[],
  taken: ReadonlySet<number>,
): Promise<readonly NodePlan[]> {
  const used = new Set(taken);
  const placed: NodePlan[] = [];
  for (const node of nodes) {
    const published: Record<string, number> = {};
    for (const port of portsToPublish(node)) {
      published[port] = await freeHostPort(`${node.machineId}:${port}`, used);
    }
    placed.push({ ...node, published });
  }
  return placed;
}
