// Nodes as plain processes: folders, loopback addresses, supervisors, a relay on every link, and the
// discovery service in this process. It lives in the keeper.
import { mkdirSync, rmSync } from 'node:fs';
import { errorMessage } from '@corral/kit';
import type { Clock, Logger, Prng } from '@corral/kit';
import type { ClusterPlan, NodePlan } from '../plan.js';
import type {
  DiscoveryHandle,
  LinkName,
  LinkProbe,
  LinkRule,
  NodeHandle,
  NodeRuntime,
} from '../runtime.js';
import type { ClusterState } from '../state.js';
import { ClusterDiscovery } from './discovery.js';
import { Links } from './links.js';
import type { OwnPrograms } from './mapping.js';
import { ProcessNode } from './node.js';
import { unavailableOnProcesses } from './unavailable.js';

export type ProcessRuntimeOptions = {
  readonly state: ClusterState;
  readonly plan: ClusterPlan;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly pid: number;
  readonly nodeBinary: string;
  readonly hostPath: string;
  readonly bootId: string;
  readonly programs: OwnPrograms;
};

export class ProcessRuntime implements NodeRuntime {
  readonly kind = 'process';
  readonly discovery: DiscoveryHandle;
  readonly #options: ProcessRuntimeOptions;
  readonly #discovery: ClusterDiscovery;
  readonly #links: Links;

  constructor(options: ProcessRuntimeOptions) {
    this.#options = options;
    const { plan, clock, prng, state } = options;
    this.#discovery = new ClusterDiscovery({ ...options, folder: state.folder });
    this.discovery = this.#discovery;
    this.#links = new Links({ plan, clock, prng });
  }

  unavailable(fault: string): string | undefined {
    return unavailableOnProcesses[fault];
  }

  /** Its address is all it needs. */
  place(node: NodePlan): Promise<NodePlan> {
    return Promise.resolve(node);
  }

  create(node: NodePlan): NodeHandle {
    const { state, logger, plan } = this.#options;
    mkdirSync(state.nodeFolder(node.name), { recursive: true });
    return new ProcessNode({
      ...this.#options,
      node,
      plan,
      root: state.nodeRoot(node.name),
      logFolder: state.nodeLogs(node.name),
      clusterFolder: state.folder,
      discoveryProxy: () => this.#discovery.proxyAddress,
      onStore: (up) => {
        void this.#links.setUp(node.name, up).catch((error: unknown) => {
          logger.error('a link cannot be opened', { node: node.name, error: errorMessage(error) });
        });
      },
    });
  }

  async remove(node: NodeHandle): Promise<void> {
    await node.stop();
    await node.kill();
    rmSync(this.#options.state.nodeFolder(node.plan.name), { recursive: true, force: true });
  }

  setPlan(plan: ClusterPlan): Promise<void> {
    return this.#links.setPlan(plan);
  }

  setLink(link: LinkName, rule: LinkRule): Promise<void> {
    return this.#links.setRule(link, rule);
  }

  resetLink(link: LinkName): Promise<void> {
    this.#links.reset(link);
    return Promise.resolve();
  }

  probeLink(link: LinkName): Promise<LinkProbe> {
    return this.#links.probe(link);
  }

  /** Nodes end with their keeper. */
  adopt(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#links.close();
    await this.#discovery.stop();
  }
}
