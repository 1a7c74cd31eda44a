// Containers where no keeper is: they run on without one, and the engine knows them by their labels.
// What talks to the engine is loaded when it is asked: other commands do not wait for it.
import type { ChosenPlan, ClusterHost, Environment, PrepareStep } from '../hosts.js';
import type { ClusterPlan, ClusterSpec } from '../plan.js';
import { ClusterError } from '../errors.js';
import { canonicalPath, readPlans } from '../state.js';
import type { ClusterState } from '../state.js';
import { connectEngine } from './engine.js';
import type { Engine } from './engine.js';
import { clusterFilter, keyOf } from './labels.js';

export class DockerHost implements ClusterHost {
  readonly #environment: Environment;
  #engine: Promise<Engine> | undefined;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  async choose(home: string, spec: ClusterSpec): Promise<ChosenPlan> {
    const { chooseDockerPlan } = await import('./choose-plan.js');
    const { belongings } = await import('./clusters.js');
    const engine = await this.#connect();
    const key = { home: canonicalPath(home), name: spec.name };
    const found = await belongings(engine, clusterFilter(key));
    if (Object.values(found).flat().length > 0) {
      throw new ClusterError(
        'E_CLUSTER_EXISTS',
        `"${spec.name}" has no folder, but still has something on the Docker engine`,
        { remedies: ['corral ls finds it again', 'corral gc removes what is of no use'] },
      );
    }
    return chooseDockerPlan(engine, key.home, spec, readPlans(home));
  }

  async prepare(onStep: (step: PrepareStep) => void, signal?: AbortSignal): Promise<void> {
    const { buildImages, findNodeImage } = await import('./image/index.js');
    const engine = await this.#connect();
    if ((await findNodeImage(engine)) !== undefined) return;
    const environment = this.#environment;
    await buildImages(engine, { targets: ['node'], environment, onStep, signal });
  }

  async preflight(plan: ClusterPlan): Promise<string> {
    const { dockerPreflight } = await import('./choose-plan.js');
    return dockerPreflight(await this.#connect(), plan);
  }

  async outlives(state: ClusterState): Promise<boolean> {
    const { hasRunningNode } = await import('./clusters.js');
    return hasRunningNode(await this.#connect(), keyOf(state));
  }

  /** Stopped containers hold the data: without `remove` they stay. */
  async sweep(state: ClusterState, { remove }: { readonly remove: boolean }): Promise<void> {
    if (!remove) return;
    const { destroyCluster } = await import('./clusters.js');
    await destroyCluster(await this.#connect(), keyOf(state));
  }

  #connect(): Promise<Engine> {
    this.#engine ??= connectEngine(this.#environment).then((engine) => {
      if (engine.isLocal) return engine;
      throw new ClusterError(
        'E_UNSUPPORTED_SYSTEM',
        `the Docker engine ${engine.address} is on another machine: the ports of nodes are ` +
          'published on its loopback address, which cannot be reached from here',
        { remedies: ['run corral on that machine', 'drop --runtime docker'] },
      );
    });
    return this.#engine;
  }
}
