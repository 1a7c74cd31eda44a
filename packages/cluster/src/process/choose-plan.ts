// Which addresses a new cluster gets: a number that no cluster of this home has and nobody listens on.
import { systemClock } from '@corral/kit';
import { ClusterError } from '../errors.js';
import { nodeAddress } from '../addresses.js';
import { freeHostPort } from '../host-ports.js';
import { firstNumber, makePlan } from '../plan.js';
import type { ClusterPlan, ClusterSpec, PlanWarning } from '../plan.js';
import { isFree } from './preflight.js';
import { readPlans } from '../state.js';

/** A cluster number whose addresses nobody uses, and a plan with it. */
export async function chooseProcessPlan(
  home: string,
  spec: ClusterSpec,
): Promise<{ readonly plan: ClusterPlan; readonly warnings: readonly PlanWarning[] }> {
  const plans = readPlans(home);
  const taken = new Set(plans.map((plan) => plan.number));
  const ports = new Set(plans.map((plan) => plan.discoveryPort));
  const first = firstNumber(`${home}/${spec.name}`);
  const given = {
    discoveryPort: await freeHostPort(`${home}/${spec.name}/discovery`, ports),
    token: `${spec.name}-${Math.floor(systemClock.wallTime()).toString(36)}`,
    createdAt: new Date(systemClock.wallTime()).toISOString(),
  };
  for (let i = 0; i < 249; i += 1) {
    const number = 2 + ((first - 2 + i) % 249);
    const candidate = makePlan(spec, { ...given, number });
    if (taken.has(number)) continue;
    // Another cluster, perhaps of another home, holds exactly these addresses; a wildcard holder
    // blocks all of them and is the preflight's to name.
    const busy =
      !(await isFree(nodeAddress('process', number, 1), 2380)) &&
      (await isFree(nodeAddress('process', 1, 1), 2380));
    if (!busy) return candidate;
  }
  throw new ClusterError('E_FAILED', 'all 249 cluster numbers are in use');
}
