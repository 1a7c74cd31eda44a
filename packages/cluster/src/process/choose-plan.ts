// Which addresses a new cluster gets: a number that no cluster of this home has and nobody listens on.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@corral/kit';
import { ClusterError } from '../errors.js';
import { nodeAddress } from '../addresses.js';
import { firstNumber, makePlan } from '../plan.js';
import type { ClusterPlan, ClusterSpec, PlanWarning } from '../plan.js';
import { isFree } from './preflight.js';
import { readPlans } from '../state.js';

/** A cluster number whose addresses nobody uses, and a plan with it. */
export async function chooseProcessPlan(
  home: string,
  spec: ClusterSpec,
): Promise<{ readonly plan: ClusterPlan; readonly warnings: readonly PlanWarning[] }> {
  const taken = new Set(readPlans(home).map((plan) => plan.number));
  const first = firstNumber(`${home}/${spec.name}`);
  const given = {
    discoveryPort: await freePort(),
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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
