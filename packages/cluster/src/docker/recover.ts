// Clusters whose state folder is gone, made commands' business again from what the engine knows.
import { poll, systemClock } from '@corral/kit';
import { hasKeeper } from '../keeper/control.js';
import { ClusterState, canonicalPath, listClusters } from '../state.js';
import { findEngine } from './engine.js';
import type { Environment } from '../hosts.js';

/** The names of those that came back; none where no engine answers. */
export async function recoverClusters(
  home: string,
  environment: Environment,
): Promise<readonly string[]> {
  const { engine } = await findEngine(environment);
  if (engine === undefined) return [];
  const { plansOnEngine } = await import('./clusters.js');
  const known = new Set(listClusters(home));
  const lost = (await plansOnEngine(engine, canonicalPath(home))).filter(
    (plan) => !known.has(plan.name),
  );
  const found: string[] = [];
  for (const plan of lost.filter(({ nodes }) => nodes.length > 0)) {
    const state = new ClusterState(home, plan.name);
    if (!state.createPlan({ ...plan, engine: engine.address }, 0)) continue;
    state.markProven();
    await formerKeeperGone(state);
    found.push(plan.name);
  }
  return found;
}

/** One that still runs knows another secret than this folder's: it sees that, and leaves. */
async function formerKeeperGone(state: ClusterState): Promise<void> {
  await poll(async () => ((await hasKeeper(state)) ? undefined : true), {
    clock: systemClock,
    what: `the former keeper of "${state.name}" to leave`,
    timeoutMs: 5_000,
    intervalMs: 20,
  });
}
