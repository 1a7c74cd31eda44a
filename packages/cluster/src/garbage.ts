// What killed keepers leave behind: processes without a keeper, and folders of clusters that were
// never proven.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasKeeper } from './process/control.js';
import { findLeftovers, killLeftovers } from './process/sweep.js';
import { ClusterState, listClusters } from './state.js';

/** Removes what killed keepers left: processes, and folders of clusters that were never proven. */
export async function collectGarbage(
  home: string,
  options: { readonly dryRun: boolean },
): Promise<{ readonly processes: number; readonly clusters: readonly string[] }> {
  const leftovers = [];
  const clusters: string[] = [];
  for (const name of listClusters(home)) {
    const state = new ClusterState(home, name);
    if (await hasKeeper(state)) continue;
    leftovers.push(...findLeftovers(home, state.folder));
    // A cluster that was stopped in order has data worth keeping; one whose keeper died too.
    if (!existsSync(join(state.folder, 'nodes'))) clusters.push(name);
  }
  if (!options.dryRun) {
    killLeftovers(leftovers);
    for (const name of clusters) new ClusterState(home, name).remove();
  }
  return { processes: leftovers.length, clusters };
}
