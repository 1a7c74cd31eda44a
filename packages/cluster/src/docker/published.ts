// Which ports of a node are published on 127.0.0.1, and as which: chosen once and kept in the plan,
// because the engine would give another one at each start.
import { createHash } from 'node:crypto';
import { parseUserData } from '@corral/cloudinit';
import { ClusterError } from '../errors.js';
import { nodeUrls } from '../node-urls.js';
import { addressed } from '../plan.js';
import type { ClusterPlan, NodePlan } from '../plan.js';
import { isFree } from '../process/preflight.js';

export const sshPort = 22;

/** Below the range that outgoing connections are given. (ip(7), ip_local_port_range) */
const hostPortMin = 20_000;
const hostPortMax = 31_999;

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

/** The same one for the same seed, if it is free. Throws ClusterError E_PORT_TAKEN. */
export async function freeHostPort(seed: string, used: Set<number>): Promise<number> {
  const count = hostPortMax - hostPortMin + 1;
  const first = createHash('sha256').update(seed).digest().readUInt32BE(0) % count;
  for (let i = 0; i < count; i += 1) {
    const port = hostPortMin + ((first + i) % count);
    if (used.has(port) || !(await isFree('127.0.0.1', port))) continue;
    used.add(port);
    return port;
  }
  throw new ClusterError(
    'E_PORT_TAKEN',
    `no port of 127.0.0.1 from ${hostPortMin} to ${hostPortMax} is free`,
    { remedies: ['corral ls shows which clusters have some', 'ss -ltn shows who has the others'] },
  );
}
