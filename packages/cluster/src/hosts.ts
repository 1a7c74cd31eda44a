// What a cluster needs of its kind of runtime where no keeper is: before it is there, and after one is
// gone. Commands ask here; what a living cluster does is behind runtime.ts, in the keeper.
import { findEngine } from './docker/engine.js';
import { DockerHost } from './docker/host.js';
import type { ClusterPlan, ClusterSpec, PlanWarning } from './plan.js';
import { ProcessHost } from './process/host.js';
import type { ClusterState } from './state.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export type ChosenPlan = {
  readonly plan: ClusterPlan;
  readonly warnings: readonly PlanWarning[];
};

export type PrepareStep =
  | { readonly kind: 'step'; readonly name: string; readonly state: 'started' }
  | {
      readonly kind: 'step';
      readonly name: string;
      readonly state: 'done';
      readonly ms: number;
      readonly text: string;
    };

export interface ClusterHost {
  /** Addresses and ports that nobody uses, and a plan with them. Throws ClusterError. */
  choose(home: string, spec: ClusterSpec): Promise<ChosenPlan>;
  /** Makes what nodes are made of, where it is not there yet; `onStep` is told. Throws ClusterError. */
  prepare(onStep: (step: PrepareStep) => void, signal?: AbortSignal): Promise<void>;
  /** Before anything is made: is there what the plan needs? A line for people. Throws ClusterError. */
  preflight(plan: ClusterPlan, home: string): Promise<string>;
  /** Nodes run although no keeper does. */
  outlives(state: ClusterState): Promise<boolean>;
  /** Ends what a keeper that is gone has left; with `remove` it is removed. */
  sweep(state: ClusterState, how: { readonly remove: boolean }): Promise<void>;
}

/** `environment` says which engine a new cluster is made on; one that is there knows its own. */
export function hostOf(
  what: Pick<ClusterSpec | ClusterPlan, 'runtime'> & Pick<ClusterPlan, 'engine'>,
  environment: Environment = {},
): ClusterHost {
  if (what.runtime !== 'docker') return new ProcessHost();
  const { engine } = what;
  return new DockerHost(engine === undefined ? environment : { DOCKER_HOST: engine });
}

/** Of a cluster whose plan cannot be read: what is left of it is removed wherever it may be. */
export class UnknownHost extends ProcessHost {
  override async sweep(state: ClusterState, how?: { readonly remove: boolean }): Promise<void> {
    await super.sweep(state);
    if (how === undefined) return;
    const { engine } = await findEngine({});
    if (engine !== undefined) await new DockerHost({}).sweep(state, how);
  }
}
