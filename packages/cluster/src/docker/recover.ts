// Clusters whose state folder is gone, made commands' business again from what the engine knows.
import { ClusterState, listClusters } from '../state.js';
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
  const lost = (await plansOnEngine(engine, home)).filter((plan) => !known.has(plan.name));
  return lost
    .filter((plan) => plan.nodes.length > 0)
    .filter((plan) => {
      const state = new ClusterState(home, plan.name);
      if (!state.createPlan({ ...plan, engine: engine.address }, 0)) return false;
      state.markProven();
      return true;
    })
    .map((plan) => plan.name);
}
