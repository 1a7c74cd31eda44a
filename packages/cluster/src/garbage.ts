// What killed keepers leave behind: processes without a keeper, folders and containers of clusters
// that were never proven.
import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findEngine } from './docker/engine.js';
import { keyOf } from './docker/labels.js';
import type { Environment } from './hosts.js';
import { hasKeeper } from './keeper/control.js';
import { findLeftovers, isAlive, killLeftovers } from './process/sweep.js';
import { ClusterState, listClusters, listStaged } from './state.js';

export type Garbage = {
  readonly processes: number;
  /** Containers, networks and volumes. */
  readonly onEngine: number;
  readonly clusters: readonly string[];
};

/**
 * Removes what killed keepers left below `home`: processes whose cluster has no keeper, also when
 * its folder is gone, folders of clusters that were never booted, and what such a one has on the
 * Docker engine. Data of a cluster that ran is kept: `start` brings it back.
 */
export async function collectGarbage(
  home: string,
  options: { readonly dryRun: boolean; readonly environment?: Environment },
): Promise<Garbage> {
  const { dryRun, environment = {} } = options;
  const kept = new Set<string>();
  const unproven: ClusterState[] = [];
  for (const name of listClusters(home)) {
    const state = new ClusterState(home, name);
    if (await hasKeeper(state)) kept.add(state.folder);
    else if (!wasBooted(state) && !isAlive(state.maker)) unproven.push(state);
  }
  const all = findLeftovers(resolve(home, 'clusters'));
  const leftovers = all.filter(({ clusterFolder }) => !kept.has(clusterFolder));
  const onEngine = await sweepEngine(home, unproven, environment, dryRun);
  if (!dryRun) {
    killLeftovers(leftovers);
    for (const state of unproven) state.remove();
    for (const { path, maker } of listStaged(home)) {
      if (!isAlive(maker)) rmSync(path, { recursive: true, force: true });
    }
  }
  return {
    processes: leftovers.length,
    onEngine,
    clusters: unproven.map(({ name }) => name),
  };
}

/** Containers have a plan before they have a boot behind them; of processes a boot leaves folders. */
function wasBooted(state: ClusterState): boolean {
  return isDocker(state) ? state.isProven : existsSync(join(state.folder, 'nodes'));
}

function isDocker(state: ClusterState): boolean {
  try {
    return state.readPlan().runtime === 'docker';
  } catch {
    return false;
  }
}

/** How many things of unproven clusters, and of none, the engine had. */
async function sweepEngine(
  home: string,
  unproven: readonly ClusterState[],
  environment: Environment,
  dryRun: boolean,
): Promise<number> {
  const { engine } = await findEngine(environment);
  if (engine === undefined) return 0;
  const { belongings, destroyCluster, namesOnEngine } = await import('./docker/clusters.js');
  const { clusterFilter } = await import('./docker/labels.js');
  const keys = unproven.filter(isDocker).map(keyOf);
  // Whose network and folder are both gone is nobody's any more.
  const known = new Set(listClusters(home));
  const { withNetwork, all } = await namesOnEngine(engine, home);
  const nobodys = all.filter((name) => !known.has(name) && !withNetwork.includes(name));
  keys.push(...nobodys.map((name) => ({ home, name })));
  let count = 0;
  for (const key of keys) {
    const found = dryRun
      ? await belongings(engine, clusterFilter(key))
      : await destroyCluster(engine, key);
    count += Object.values(found).flat().length;
  }
  return count;
}
