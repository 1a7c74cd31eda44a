// Plain processes where no keeper is: nothing of them outlives one, but what SIGKILL left.
import type { ChosenPlan, ClusterHost } from '../hosts.js';
import type { ClusterPlan, ClusterSpec } from '../plan.js';
import type { ClusterState } from '../state.js';
import { chooseProcessPlan } from './choose-plan.js';
import { preflight } from './preflight.js';
import { findLeftovers, killLeftovers } from './sweep.js';

export class ProcessHost implements ClusterHost {
  choose(home: string, spec: ClusterSpec): Promise<ChosenPlan> {
    return chooseProcessPlan(home, spec);
  }

  /** They are made of what is here. */
  prepare(): Promise<void> {
    return Promise.resolve();
  }

  preflight(plan: ClusterPlan, home: string): Promise<string> {
    return preflight(plan, home);
  }

  outlives(): Promise<boolean> {
    return Promise.resolve(false);
  }

  sweep(state: ClusterState): Promise<void> {
    killLeftovers(findLeftovers(state.folder));
    return Promise.resolve();
  }
}
