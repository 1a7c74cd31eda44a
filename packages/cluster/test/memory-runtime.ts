// Nodes and links in memory: what happens to them is only noted down.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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
  readonly devFolder: string;
  /** What the store runs since its last start; undefined is the code of the installation. */
  code: string | undefined;
  pid = 0;
  #store: 'active' | 'inactive' | 'failed' = 'inactive';
  readonly #log: string[] = [];

  constructor(plan: NodePlan, devRoot = '') {
    this.plan = plan;
    this.devFolder = join(devRoot, plan.name);
  }

  start(): Promise<void> {
    if (this.startError !== undefined) return Promise.reject(this.startError);
    if (this.state !== 'paused') this.#startStore();
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

  restartUnit(unit: string): Promise<void> {
    const problem =
      this.state !== 'running'
        ? `the node is ${this.state}`
        : unit !== 'etcd2.service'
          ? 'is not there'
          : this.#startStore();
    if (problem === undefined) return Promise.resolve();
    const message = `${unit} of ${this.plan.name}: ${problem}`;
    const details = { log: [...this.#log] };
    return Promise.reject(new ClusterError('E_FAILED', message, { details }));
  }

  inspect(): Promise<NodeFacts> {
    const runs = this.state === 'running' || this.state === 'paused';
    return Promise.resolve({
      state: this.state,
      pid: runs && this.#store === 'active' ? this.pid : null,
      container: null,
      root: null,
      units: [{ name: 'etcd2.service', state: runs ? this.#store : 'inactive' }],
    });
  }

  lastLogLines(count: number): Promise<readonly string[]> {
    return Promise.resolve(this.#log.slice(-count));
  }

  #become(state: NodeState): Promise<void> {
    this.state = state;
    return Promise.resolve();
  }

  /** "Runs" what lies in the dev folder: of that only a last word and an exit mean anything here. */
  #startStore(): string | undefined {
    const dev = join(this.devFolder, 'etcd2.mjs');
    this.code = existsSync(dev) ? readFileSync(dev, 'utf8') : undefined;
    this.pid += 1;
    const isBroken = this.code?.includes('process.exit(1)') === true;
    const said = /console\.error\('(.*)'\)/.exec(this.code ?? '')?.[1];
    if (said !== undefined) this.#log.push(said);
    this.#store = isBroken ? 'failed' : 'active';
    return isBroken ? 'does not come up' : undefined;
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
  adopted = false;
  #discoveryUp = false;
  readonly discovery: DiscoveryHandle;
  readonly #devRoot: string;

  /** The nodes' dev folders lie below `devRoot`. */
  constructor(devRoot = '') {
    this.#devRoot = devRoot;
    const isUp = (): boolean => this.#discoveryUp;
    this.discovery = {
      mayLag: false,
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

  place(node: NodePlan): Promise<NodePlan> {
    return Promise.resolve(node);
  }

  adopt(): Promise<void> {
    this.adopted = true;
    return Promise.resolve();
  }

  create(node: NodePlan): MemoryNode {
    const made = new MemoryNode(node, this.#devRoot);
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
