// Everything that clusters have on the engine, by its labels: to find clusters again, and to remove
// what one has, whoever made it.
import type Docker from 'dockerode';
import { systemClock } from '@corral/kit';
import type { Clock } from '@corral/kit';
import { ClusterError } from '../errors.js';
import type { ClusterPlan } from '../plan.js';
import type { Engine } from './engine.js';
import { clusterFilter, clusterLabel, homeFilter, nodeLabel, planFromLabels } from './labels.js';
import type { ClusterKey, Labels } from './labels.js';
import { removeNetwork } from './network.js';
import { removeContainer, removeVolume } from './removal.js';

/** The plans of all clusters of a home that the engine has a network of. */
export async function plansOnEngine(
  { docker }: Engine,
  home: string,
): Promise<readonly ClusterPlan[]> {
  const filters = JSON.stringify(homeFilter(home));
  const networks = await docker.listNetworks({ filters });
  const containers = await docker.listContainers({ all: true, filters });
  return networks.map(({ Labels }) => {
    const labels = Labels ?? {};
    const nodes = containers.map((one) => one.Labels);
    const own = nodes.filter((one) => one[clusterLabel] === labels[clusterLabel]);
    return planFromLabels(labels, own);
  });
}

/** The clusters of a home that have anything on the engine, and those that can be found again. */
export async function namesOnEngine(
  { docker }: Engine,
  home: string,
): Promise<{ readonly all: readonly string[]; readonly whole: readonly string[] }> {
  const filters = JSON.stringify(homeFilter(home));
  const [containers, volumes, networks] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listVolumes({ filters }),
    docker.listNetworks({ filters }),
  ]);
  const names = (
    list: readonly { readonly Labels?: Labels | undefined }[] | null,
  ): readonly string[] =>
    (list ?? []).flatMap(({ Labels: labels }) => labels?.[clusterLabel] ?? []);
  const withNetwork = names(networks);
  const nodes = names(containers.filter(({ Labels: labels }) => nodeLabel in labels));
  const all = [...withNetwork, ...names(containers), ...names(volumes.Volumes)];
  return {
    all: [...new Set(all)],
    whole: withNetwork.filter((name) => nodes.includes(name)),
  };
}

/** True while a node of the cluster runs, whoever started it. */
export async function hasRunningNode({ docker }: Engine, key: ClusterKey): Promise<boolean> {
  const filters = JSON.stringify({
    label: [...clusterFilter(key).label, nodeLabel],
    status: ['running', 'paused', 'restarting'],
  });
  return (await docker.listContainers({ filters })).length > 0;
}

const destroyMs = 15_000;

/** What a cluster has on the engine. */
export type Belongings = {
  readonly containers: readonly string[];
  readonly volumes: readonly string[];
  readonly networks: readonly string[];
};

export async function belongings(
  { docker }: Engine,
  filter: { readonly label: string[] },
): Promise<Belongings> {
  const filters = JSON.stringify(filter);
  const [containers, volumes, networks] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listVolumes({ filters }),
    docker.listNetworks({ filters }),
  ]);
  // Null where there is none, whatever the types say.
  const named = volumes.Volumes as readonly Docker.VolumeInspectInfo[] | null;
  return {
    containers: containers.map(({ Id }) => Id),
    volumes: (named ?? []).map(({ Name }) => Name),
    networks: networks.map(({ Id }) => Id),
  };
}

/**
 * Removes all that a cluster has, and looks again: what was being made while its maker died shows up
 * late. Throws ClusterError E_FAILED for what stays.
 */
export async function destroyCluster(
  engine: Engine,
  key: ClusterKey,
  clock: Clock = systemClock,
): Promise<Belongings> {
  const removed: { containers: string[]; volumes: string[]; networks: string[] } = {
    containers: [],
    volumes: [],
    networks: [],
  };
  const deadline = clock.now() + destroyMs;
  for (;;) {
    const found = await belongings(engine, clusterFilter(key));
    if (Object.values(found).every((list) => list.length === 0)) return removed;
    if (clock.now() > deadline) break;
    await Promise.all(found.containers.map((one) => removeContainer(engine, one)));
    await Promise.all(found.networks.map((one) => removeNetwork(engine, one)));
    await Promise.all(found.volumes.map((one) => removeVolume(engine, one)));
    for (const kind of ['containers', 'volumes', 'networks'] as const) {
      removed[kind].push(...found[kind].filter((one) => !removed[kind].includes(one)));
    }
    // A removal that was under way already is not waited for by the engine.
    await clock.sleep(20);
  }
  throw new ClusterError('E_FAILED', `"${key.name}" still has something on the engine`, {
    remedies: [`docker ps -a --filter label=${clusterLabel}=${key.name}`, 'corral gc'],
  });
}
