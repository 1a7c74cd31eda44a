// The keeper: one background process per cluster. It owns the discovery service, the links and the
// nodes' supervisors; when it ends, everything ends. Commands come in through control.ts.
import { mkdirSync, rmSync } from 'node:fs';
import { errorMessage, poll } from '@corral/kit';
import type { Clock, Logger, Prng, Timer } from '@corral/kit';
import { ClusterError } from '../errors.js';
import { planAddedNode } from '../plan.js';
import type { ClusterPlan, NodePlan, Role } from '../plan.js';
import type { ClusterState } from '../state.js';
import { judge, leaderOf } from '../status.js';
import type { ClusterStatus, NodeStatus, StepTiming } from '../status.js';
import { explainTimeout, startFailure } from './boot-failure.js';
import { ClusterDiscovery } from './discovery.js';
import { Links } from './links.js';
import type { LinkName } from './links.js';
import type { OwnPrograms } from './mapping.js';
import { announceMember, dismissMember } from './membership.js';
import { ProcessNode, isProxy } from './node.js';
import { proveWrite, writeThrough } from './proof.js';
import type { Reached } from './proof.js';
import { probeRaft } from './store-probe.js';
import { bootLimitMs, within } from './time-limit.js';

export type KeeperOptions = {
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly pid: number;
  readonly nodeBinary: string;
  readonly hostPath: string;
  readonly bootId: string;
  readonly programs: OwnPrograms;
};

export type NodeAction = 'kill' | 'pause' | 'resume' | 'stop' | 'start' | 'restart';

type Life = { state: NodeStatus['state']; readonly node: ProcessNode };

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #lives = new Map<string, Life>();
  readonly #timers = new Set<Timer>();
  #plan: ClusterPlan;
  #links: Links;
  readonly #discovery: ClusterDiscovery;
  #timings: { total: number; steps: StepTiming[] } = { total: 0, steps: [] };

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#plan = options.state.readPlan();
    this.#discovery = new ClusterDiscovery({ ...options, folder: options.state.folder });
    const { clock, prng } = options;
    this.#links = new Links({ plan: this.#plan, clock, prng });
  }

  /** Boots everything; `emit` is told of each step. Rejects with ClusterError. */
  async boot(emit: (event: unknown) => void, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const begun = clock.now();
    const step = async (name: string, run: () => Promise<string>): Promise<void> => {
      signal.throwIfAborted();
      const start = clock.now();
      emit({ kind: 'step', name, state: 'started' });
      const text = await run();
      const ms = Math.round(clock.now() - start);
      this.#timings.steps.push({ name, ms });
      emit({ kind: 'step', name, state: 'done', ms, text });
    };
    this.#timings = { total: 0, steps: [] };
    await step('discovery', () => this.#discovery.start(this.#plan));
    const central = this.#plan.nodes.filter((node) => node.role === 'central');
    const workers = this.#plan.nodes.filter((node) => node.role === 'worker');
    const nodes = this.#plan.nodes.map((node) => this.#createNode(node));
    await Promise.all(nodes.map(({ node }) => node.configure()));
    const boots = new Map<string, Promise<void>>();
    const boot = ({ node }: Life): Promise<void> => {
      const name = node.plan.name;
      const booting = boots.get(name) ?? this.#bootNode(this.#life(name));
      boots.set(name, booting);
      booting.catch(() => undefined);
      return booting;
    };
    const bootAll = (list: readonly NodePlan[]): Promise<unknown> =>
      Promise.all(list.map((node) => boot(this.#life(node.name))));
    // Workers that are proxies in any case start with the others and wait by themselves. One that
    // asks the discovery service for a seat must not take that of a central node.
    for (const life of nodes) {
      if (life.node.plan.role === 'central' || isProxy(life.node.plan)) void boot(life);
    }
    await step('central nodes', async () => {
      await within(clock, bootAll(central), 'the central nodes to start', signal).catch(
        (error: unknown) => this.#explain(error),
      );
      const leader = await this.#waitForLeader(signal);
      return `${central.map((node) => node.name).join(' ')} · leader ${leader}`;
    });
    if (workers.length > 0) {
      await step('worker nodes', async () => {
        await within(clock, bootAll(workers), 'the workers to start', signal).catch(
          (error: unknown) => this.#explain(error),
        );
        return workers.map((node) => node.name).join(' ');
      });
    }
    await step('proof', () => this.#prove(signal));
    this.#timings.total = Math.round(clock.now() - begun);
  }

  /** Ends every process; the state folder stays. */
  async shutdown(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    const lives = [...this.#lives.values()];
    for (const { node } of lives) node.resume();
    // Nothing has to be handed over when everything goes.
    await Promise.all(lives.map(({ node }) => node.kill()));
    this.#links.close();
    await this.#discovery.stop();
  }

  /** SIGTERM to every node first, so that they end in order. */
  async stopNodes(): Promise<void> {
    for (const life of this.#lives.values()) {
      life.node.resume();
      life.state = 'stopped';
    }
    await Promise.all([...this.#lives.values()].map(({ node }) => node.stop()));
  }

  async status(): Promise<ClusterStatus> {
    const nodes = await Promise.all(this.#plan.nodes.map((plan) => this.#nodeStatus(plan)));
    const { token, size } = this.#plan;
    const { url } = this.#discovery;
    return {
      schema: 1,
      name: this.#plan.name,
      runtime: 'process',
      ...judge(nodes),
      leader: leaderOf(nodes)?.name ?? null,
      discovery: url === undefined ? null : { url, token, size },
      nodes,
      timings: this.#timings,
    };
  }

  /** Ends the discovery service, or brings it back on its old address. */
  async actOnDiscovery(up: boolean): Promise<void> {
    if (up) await this.#discovery.start(this.#plan);
    else await this.#discovery.stop();
  }

  async act(name: string, action: NodeAction): Promise<void> {
    const life = this.#life(name);
    const { node } = life;
    switch (action) {
      case 'kill':
        life.state = 'killed';
        await node.kill();
        break;
      case 'pause':
        life.state = 'paused';
        node.pause();
        break;
      case 'resume':
        node.resume();
        life.state = 'running';
        break;
      case 'stop':
        node.resume();
        life.state = 'stopped';
        await node.stop();
        break;
      case 'restart':
        await this.act(name, 'stop');
        await this.act(name, 'start');
        break;
      case 'start':
        if (life.state === 'paused') {
          node.resume();
          life.state = 'running';
        } else if (life.state !== 'running') {
          await node.configure();
          await within(
            this.#options.clock,
            this.#bootNode(life),
            `${name} to start`,
            new AbortController().signal,
          );
        }
        break;
      default:
        action satisfies never;
    }
  }

  cut(links: readonly LinkName[]): void {
    for (const link of links) this.#links.cut(link, true);
  }

  slow(links: readonly LinkName[], delayMs: number, jitterMs: number): void {
    for (const link of links) this.#links.slow(link, delayMs, jitterMs);
  }

  /** Undoes faults: of one node, or all. Killed and paused nodes come back. */
  async heal(node: string | undefined): Promise<void> {
    if (node === undefined) {
      this.#links.healAll();
      await this.actOnDiscovery(true);
    } else this.#links.heal(node);
    const broken = [...this.#lives].filter(
      ([name, life]) =>
        (node === undefined || name === node) && ['killed', 'paused'].includes(life.state),
    );
    await Promise.all(broken.map(([name]) => this.act(name, 'start')));
  }

  /** Heals by itself after a while. */
  healLater(afterMs: number, undo: () => Promise<void>): void {
    const timer = this.#options.clock.setTimer(afterMs, () => {
      this.#timers.delete(timer);
      undo().catch((error: unknown) => {
        this.#options.logger.error('a fault did not heal by itself', {
          error: errorMessage(error),
        });
      });
    });
    this.#timers.add(timer);
  }

  /** Adds a node, boots it, and waits until it takes a write; a central one joins as a member. */
  async addNode(role: Role): Promise<string> {
    const { clock, prng } = this.#options;
    const environment =
      role === 'central' ? await announceMember(this.#plan, await this.status()) : {};
    const plan = planAddedNode(this.#plan, role, environment);
    await this.#setPlan({ ...this.#plan, nodes: [...this.#plan.nodes, plan] });
    const life = this.#createNode(plan);
    await life.node.configure();
    const { signal } = new AbortController();
    await within(this.#options.clock, this.#bootNode(life), `${plan.name} to start`, signal);
    const wait = { clock, timeoutMs: bootLimitMs, intervalMs: 5, signal };
    await writeThrough(reached(life.node), String(prng.below(2 ** 31)), wait);
    return plan.name;
  }

  async removeNode(name: string): Promise<void> {
    const life = this.#life(name);
    const { state } = this.#options;
    if (life.node.plan.role === 'central') {
      await dismissMember(life.node.plan, await this.status());
    }
    await life.node.stop();
    await life.node.kill();
    this.#lives.delete(name);
    const nodes = this.#plan.nodes.filter((node) => node.name !== name);
    await this.#setPlan({ ...this.#plan, nodes });
    rmSync(state.nodeFolder(name), { recursive: true, force: true });
  }

  // own affairs

  #createNode(plan: NodePlan): Life {
    const { state, logger, clock } = this.#options;
    const folder = state.nodeFolder(plan.name);
    mkdirSync(folder, { recursive: true });
    const node = new ProcessNode({
      ...this.#options,
      plan: this.#plan,
      node: plan,
      root: state.nodeRoot(plan.name),
      logFolder: state.nodeLogs(plan.name),
      clusterFolder: state.folder,
      discoveryProxy: this.#discovery.proxyAddress,
      authorityFile: this.#discovery.authorityFile,
      clock,
      logger,
      onStore: (up) => {
        void this.#links.setUp(plan.name, up).catch((error: unknown) => {
          logger.error('a link cannot be opened', { node: plan.name, error: errorMessage(error) });
        });
      },
    });
    const life: Life = { state: 'stopped', node };
    this.#lives.set(plan.name, life);
    return life;
  }

  #explain(error: unknown): never {
    throw explainTimeout(
      error,
      [...this.#lives.values()].map(({ node }) => node),
    );
  }

  async #bootNode(life: Life): Promise<void> {
    life.state = 'running';
    await life.node.boot();
    // Restart=always would try for ever: what does not come up at boot is told now.
    const { storeState } = life.node;
    if (storeState !== 'active' && storeState !== 'inactive') throw startFailure(life.node);
  }

  async #waitForLeader(signal: AbortSignal): Promise<string> {
    const status = await poll(
      async () => {
        const now = await this.status();
        return now.leader === null ? undefined : now;
      },
      { clock: this.#options.clock, what: 'a leader', timeoutMs: bootLimitMs, signal },
    ).catch((error: unknown) => {
      signal.throwIfAborted();
      return this.#explain(new ClusterError('E_TIMEOUT', errorMessage(error), { cause: error }));
    });
    const leader = status.nodes.find((node) => node.name === status.leader);
    return `${status.leader ?? ''}, term ${leader?.raft?.term ?? 0}`;
  }

  async #prove(signal: AbortSignal): Promise<string> {
    const { clock, prng } = this.#options;
    const all = [...this.#lives.values()].map(({ node }) => reached(node));
    const central = [...this.#lives.values()].filter(({ node }) => node.plan.role === 'central');
    const through = all.at(-1);
    if (through === undefined) throw new ClusterError('E_FAILED', 'the cluster has no nodes');
    return proveWrite({
      through,
      central: central.map(({ node }) => reached(node)),
      value: String(prng.below(2 ** 31)),
      clock,
      timeoutMs: bootLimitMs,
      signal,
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw new ClusterError('E_TIMEOUT', errorMessage(error), { cause: error });
    });
  }

  async #nodeStatus(plan: NodePlan): Promise<NodeStatus> {
    const life = this.#lives.get(plan.name);
    const state = life?.state ?? 'stopped';
    const urls = life?.node.urls() ?? { client: [], peer: [] };
    const [clientUrl] = urls.client;
    const reachable = state === 'running' && plan.role === 'central' && clientUrl !== undefined;
    const raft = reachable ? await probeRaft(clientUrl) : undefined;
    const { memberId = null, ...view } = raft ?? { memberId: undefined };
    const faults = [...this.#links.faultsOf(plan.name)];
    if (state === 'killed') faults.unshift('kill');
    if (state === 'paused') faults.unshift('pause');
    return {
      name: plan.name,
      role: plan.role,
      state,
      address: plan.address,
      clientUrls: urls.client,
      peerUrls: urls.peer,
      memberId,
      pid: life?.node.storePid ?? null,
      container: null,
      hostname: plan.hostname,
      root: life?.node.root ?? null,
      raft: raft === undefined ? null : (view as NonNullable<NodeStatus['raft']>),
      units: (life?.node.units() ?? []).map(({ name, state: unitState, reason }) => ({
        name,
        state: unitState,
        ...(reason === undefined ? {} : { reason }),
      })),
      faults,
    };
  }

  async #setPlan(plan: ClusterPlan): Promise<void> {
    this.#plan = plan;
    this.#options.state.writePlan(plan);
    await this.#links.setPlan(plan);
  }

  #life(name: string): Life {
    const life = this.#lives.get(name);
    if (life !== undefined) return life;
    const names = this.#plan.nodes.map((node) => node.name).join(' ');
    throw new ClusterError(
      'E_UNKNOWN_NODE',
      `no node "${name}" in "${this.#plan.name}". Nodes: ${names}; roles: leader follower worker`,
    );
  }
}

function reached(node: ProcessNode): Reached {
  return { name: node.plan.name, clientUrl: node.urls().client[0] ?? '' };
}
