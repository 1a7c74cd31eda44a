// What killed keepers leave behind: processes without a keeper, and folders of clusters that were
// never proven.
import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hasKeeper } from './process/control.js';
import { findLeftovers, isAlive, killLeftovers } from './process/sweep.js';
import { ClusterState, listClusters, listStaged } from './state.js';

/**
 * Removes what killed keepers left below `home`: processes whose cluster has no keeper, also when
 * its folder is gone, and folders of clusters that were never booted. Data of a cluster that ran is
 * kept: `start` brings it back.
 */
export async function collectGarbage(
  home: string,
  options: { readonly dryRun: boolean },
): Promise<{ readonly processes: number; readonly clusters: readonly string[] }> {
  const kept = new Set<string>();
  const clusters: string[] = [];
  for (const name of listClusters(home)) {
    const state = new ClusterState(home, name);
    if (await hasKeeper(state)) kept.add(state.folder);
    else if (!existsSync(join(state.folder, 'nodes')) && !isAlive(state.maker)) {
      clusters.push(name);
    }
  }
  const all = findLeftovers(resolve(home, 'clusters'));
  const leftovers = all.filter(({ clusterFolder }) => !kept.has(clusterFolder));
  if (!options.dryRun) {
    killLeftovers(leftovers);
    for (const name of clusters) new ClusterState(home, name).remove();
    for (const { path, maker } of listStaged(home)) {
      if (!isAlive(maker)) rmSync(path, { recursive: true, force: true });
    }
  }
  return { processes: leftovers.length, clusters };
}
