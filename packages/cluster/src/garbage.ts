// What killed keepers leave behind: processes without a keeper, folders and containers of clusters
// that were never proven.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findEngine } from './docker/engine.js';
import type { Engine } from './docker/engine.js';
import { clusterFilter, keyOf } from './docker/labels.js';
import type { ClusterKey } from './docker/labels.js';
import type { Environment } from './hosts.js';
import { hasKeeper } from './keeper/control.js';
import { findLeftovers, isAlive, killLeftovers } from './process/sweep.js';
import { ClusterState, canonicalPath, listClusters, listStaged } from './state.js';

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
  const all = findLeftovers(join(canonicalPath(home), 'clusters'));
  const leftovers = all.filter(({ clusterFolder }) => !kept.has(clusterFolder));
  let onEngine = 0;
  const removed: ClusterState[] = [];
  for (const state of unproven) {
    const found = isDocker(state) ? await sweepUnproven(state, dryRun) : 0;
    // Where its engine does not answer, its folder is what it is found by.
    if (found === undefined) continue;
    onEngine += found;
    removed.push(state);
  }
  onEngine += await sweepNobodys(home, environment, dryRun);
  if (!dryRun) {
    killLeftovers(leftovers);
    for (const state of removed) state.remove();
    for (const { path, maker } of listStaged(home)) {
      if (!isAlive(maker)) rmSync(path, { recursive: true, force: true });
    }
  }
  return {
    processes: leftovers.length,
    onEngine,
    clusters: removed.map(({ name }) => name),
  };
}

/** Containers have a plan before they have a boot behind them; of processes a boot leaves folders. */
function wasBooted(state: ClusterState): boolean {
  if (state.isKept) return true;
  return isDocker(state) ? state.isProven : existsSync(join(state.folder, 'nodes'));
}

function isDocker(state: ClusterState): boolean {
  try {
    return state.readPlan().runtime === 'docker';
  } catch {
    return false;
  }
}

/** How many things it had on its engine; undefined where that does not answer. */
async function sweepUnproven(state: ClusterState, dryRun: boolean): Promise<number | undefined> {
  const { engine } = await findEngine({ DOCKER_HOST: state.readPlan().engine });
  return engine === undefined ? undefined : sweepKey(engine, keyOf(state), dryRun);
}

/** What is of a cluster without a folder, and not enough of one to find it again. */
async function sweepNobodys(
  home: string,
  environment: Environment,
  dryRun: boolean,
): Promise<number> {
  const { engine } = await findEngine(environment);
  if (engine === undefined) return 0;
  const { namesOnEngine } = await import('./docker/clusters.js');
  const place = canonicalPath(home);
  const known = new Set(listClusters(home));
  const { whole, all } = await namesOnEngine(engine, place);
  let count = 0;
  for (const name of all.filter((one) => !known.has(one) && !whole.includes(one))) {
    count += await sweepKey(engine, { home: place, name }, dryRun);
  }
  return count;
}

async function sweepKey(engine: Engine, key: ClusterKey, dryRun: boolean): Promise<number> {
  const { belongings, destroyCluster } = await import('./docker/clusters.js');
  const found = dryRun
    ? await belongings(engine, clusterFilter(key))
    : await destroyCluster(engine, key);
  return Object.values(found).flat().length;
}
