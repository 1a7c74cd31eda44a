// The private network of a cluster: made with addresses of our choice, found again by its labels.
import { networkInterfaces } from 'node:os';
import { clusterNetwork } from '../addresses.js';
import { ClusterError } from '../errors.js';
import type { ClusterPlan } from '../plan.js';
import { engineMessage, statusOf } from './engine.js';
import type { Engine } from './engine.js';
import { clusterFilter, engineName, networkLabels } from './labels.js';
import type { ClusterKey } from './labels.js';

/** Makes it, unless it is there. Throws ClusterError E_FAILED. */
export async function ensureNetwork(
  { docker }: Engine,
  key: ClusterKey,
  plan: ClusterPlan,
): Promise<void> {
  const { subnet, engineRange, gateway } = clusterNetwork(plan.number);
  const there = await docker.listNetworks({ filters: JSON.stringify(clusterFilter(key)) });
  if (there.length > 0) return;
  try {
    await docker.createNetwork({
      Name: engineName(key, undefined),
      Driver: 'bridge',
      CheckDuplicate: true,
      Labels: networkLabels(key, plan),
      IPAM: {
        Driver: 'default',
        Config: [{ Subnet: subnet, Gateway: gateway, IPRange: engineRange }],
      },
    });
  } catch (error) {
    throw new ClusterError('E_FAILED', `no network ${subnet}: ${engineMessage(error)}`, {
      cause: error,
      remedies: ['corral gc', 'docker network ls shows who has it'],
    });
  }
}

/** Nothing happens when there is none; what is still in it is put out first. */
export async function removeNetwork({ docker }: Engine, name: string): Promise<void> {
  const network = docker.getNetwork(name);
  try {
    const facts = await network.inspect();
    const inside = Object.keys(facts.Containers ?? {});
    await Promise.all(
      inside.map((container) =>
        network.disconnect({ Container: container, Force: true }).catch(() => undefined),
      ),
    );
    await network.remove();
  } catch (error) {
    if (statusOf(error) === 404) return;
    throw new ClusterError('E_FAILED', `network ${name} stays: ${engineMessage(error)}`, {
      cause: error,
      remedies: ['corral gc'],
    });
  }
}

/** The numbers of clusters whose network would meet one of the engine's, or of this machine. */
export async function takenNumbers({ docker }: Engine): Promise<ReadonlySet<number>> {
  const networks = await docker.listNetworks();
  const subnets = networks.flatMap((one) =>
    (one.IPAM?.Config ?? []).flatMap(({ Subnet }) => (Subnet === undefined ? [] : [Subnet])),
  );
  const own = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).flatMap(({ cidr, family }) => (family === 'IPv4' && cidr !== null ? [cidr] : [])),
  );
  const ranges = [...subnets, ...own].flatMap(rangeOf);
  const taken = new Set<number>();
  for (let number = 2; number <= 250; number += 1) {
    const [range] = rangeOf(clusterNetwork(number).subnet);
    if (range === undefined) continue;
    if (ranges.some((one) => one.first <= range.last && range.first <= one.last)) {
      taken.add(number);
    }
  }
  return taken;
}

/** Of an IPv4 network in CIDR form; nothing for what is none. */
function rangeOf(cidr: string): readonly { readonly first: number; readonly last: number }[] {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  if (match === null) return [];
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = match.slice(1).map(Number);
  const size = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const first = address - (address % size);
  return [{ first, last: first + size - 1 }];
}
