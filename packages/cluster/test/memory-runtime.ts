// Nodes and links in memory: what happens to them is only noted down.
import { passRule } from '../src/runtime.js';
import type {
  DiscoveryHandle,
  LinkName,
  LinkProbe,
  LinkRule,
  NodeFacts,
  NodeHandle,
  NodeRuntime,
  NodeState,
} from '../src/runtime.js';
import { ClusterError } from '../src/errors.js';
import type { ClusterPlan, NodePlan } from '../src/plan.js';

export class MemoryNode implements NodeHandle {
  readonly plan: NodePlan;
  readonly clientUrls: readonly string[] = [];
  readonly peerUrls: readonly string[] = [];
  state: NodeState = 'stopped';
  /** Set to make the next start fail. */
  startError: Error | undefined;

  constructor(plan: NodePlan) {
    this.plan = plan;
  }

  start(): Promise<void> {
    if (this.startError !== undefined) return Promise.reject(this.startError);
    return this.#become('running');
  }

  stop(): Promise<void> {
    return this.#become('stopped');
  }

  kill(): Promise<void> {
    return this.#become('killed');
  }

  pause(): Promise<void> {
    if (this.state === 'running') return this.#become('paused');
    return Promise.reject(new ClusterError('E_FAILED', `${this.plan.name} is ${this.state}`));
  }

  inspect(): Promise<NodeFacts> {
    return Promise.resolve({
      state: this.state,
      pid: this.state === 'running' || this.state === 'paused' ? 1 : null,
      container: null,
      root: null,
      units: [{ name: 'etcd2.service', state: this.state === 'running' ? 'active' : 'inactive' }],
    });
  }

  lastLogLines(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  #become(state: NodeState): Promise<void> {
    this.state = state;
    return Promise.resolve();
  }
}

export class MemoryRuntime implements NodeRuntime {
  readonly kind = 'process';
  readonly nodes = new Map<string, MemoryNode>();
  readonly rules = new Map<string, LinkRule>();
  readonly resets: string[] = [];
  /** Links on which no rule has an effect. */
  readonly broken = new Set<string>();
  plan: ClusterPlan | undefined;
  closed = false;
  #discoveryUp = false;
  readonly discovery: DiscoveryHandle;

  constructor() {
    const isUp = (): boolean => this.#discoveryUp;
    this.discovery = {
      get url() {
        return isUp() ? 'http://discovery' : undefined;
      },
      start: () => this.#setDiscovery(true),
      stop: () => this.#setDiscovery(false),
    };
  }

  unavailable(fault: string): string | undefined {
    return fault === 'clock' ? 'memory has no clocks' : undefined;
  }

  create(node: NodePlan): MemoryNode {
    const made = new MemoryNode(node);
    this.nodes.set(node.name, made);
    return made;
  }

  async remove(node: NodeHandle): Promise<void> {
    await node.kill();
    this.nodes.delete(node.plan.name);
  }

  setPlan(plan: ClusterPlan): Promise<void> {
    this.plan = plan;
    return Promise.resolve();
  }

  setLink(link: LinkName, rule: LinkRule): Promise<void> {
    this.rules.set(nameOf(link), rule);
    return Promise.resolve();
  }

  resetLink(link: LinkName): Promise<void> {
    this.resets.push(nameOf(link));
    return Promise.resolve();
  }

  probeLink(link: LinkName): Promise<LinkProbe> {
    const rules = [nameOf(link), nameOf({ from: link.to, to: link.from })].map((name) =>
      this.broken.has(name) ? passRule : this.rules.get(name),
    );
    const ends = [link.from, link.to].map((name) => this.nodes.get(name)?.state);
    if (rules.some((rule) => rule?.refuse === true)) return Promise.resolve('refused');
    if (ends[1] === 'killed' || ends[1] === 'stopped') return Promise.resolve('refused');
    const silent = rules.some((rule) => rule?.cut === true) || ends[1] === 'paused';
    return Promise.resolve(silent ? 'silent' : 'passes');
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  #setDiscovery(up: boolean): Promise<void> {
    this.#discoveryUp = up;
    return Promise.resolve();
  }
}

function nameOf({ from, to }: LinkName): string {
  return `${from}>${to}`;
}
