// What a cluster does with its nodes: boots them, tells how they are, adds and removes them, breaks
// and mends them. It knows nodes only through the runtime seam. It lives in the
// keeper (keeper/keeper-main.ts), and commands reach it over the keeper's socket.
import { errorMessage, poll } from '@corral/kit';
import type { Clock, Logger, Prng } from '@corral/kit';
import { explainTimeout } from './boot-failure.js';
import { listCode } from './dev/code-files.js';
import { rollCode } from './dev/roll.js';
import type { RollReport, RollRequest, RollWorld } from './dev/roll.js';
import { rollDiscovery } from './dev/roll-discovery.js';
import { ClusterError } from './errors.js';
import { Faults } from './faults.js';
import type { FaultRecord, FaultSpec } from './faults.js';
import { announceMember, dismissMember } from './membership.js';
import type { MembershipView } from './membership.js';
import { isProxy } from './node-urls.js';
import { planAddedNode } from './plan.js';
import type { ClusterPlan, NodePlan, Role } from './plan.js';
import { proveWrite, writeThrough } from './proof.js';
import type { Reached } from './proof.js';
import type { InspectOptions, NodeFacts, NodeHandle, NodeRuntime } from './runtime.js';
import { isElecting, judge, leaderOf } from './status.js';
import type { ClusterStatus, NodeStatus, StepTiming } from './status.js';
import { ask, probeRaft } from './store-probe.js';
import { bootLimitMs, within } from './time-limit.js';
import { unitStatus } from './unit-status.js';

/** What is done to a node on purpose, without being a fault. */
export type NodeAction = 'stop' | 'start' | 'restart';

/** One fault by its id, all that touch a node, or all when both are undefined. */
export type HealTarget = { readonly id?: number; readonly node?: string };

export type ControllerOptions = {
  readonly plan: ClusterPlan;
  readonly runtime: NodeRuntime;
  /** Keeps a changed plan. */
  readonly writePlan: (plan: ClusterPlan) => void;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
};

/** Some election time-outs. */
const electionLimitMs = 10_000;
const lookMs = 50;

export class Controller {
  readonly #options: ControllerOptions;
  readonly #handles = new Map<string, NodeHandle>();
  readonly faults: Faults;
  #plan: ClusterPlan;
  #lastChange: Promise<unknown> = Promise.resolve();
  #timings: { total: number; steps: StepTiming[] } = { total: 0, steps: [] };

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#plan = options.plan;
    const { runtime, clock, logger } = options;
    for (const node of this.#plan.nodes) this.#handles.set(node.name, runtime.create(node));
    this.faults = new Faults({
      runtime,
      clock,
      logger,
      handle: (name) => this.#handle(name),
      start: (name) => this.#start(this.#handle(name)),
    });
  }

  /** Boots everything; `emit` is told of each step. Rejects with ClusterError. */
  async boot(emit: (event: unknown) => void, signal: AbortSignal): Promise<void> {
    const { clock, runtime } = this.#options;
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
    const central = this.#plan.nodes.filter((node) => node.role === 'central');
    const workers = this.#plan.nodes.filter((node) => node.role === 'worker');
    const started = new Map<string, Promise<void>>();
    const start = ({ name }: NodePlan): Promise<void> => {
      const starting = started.get(name) ?? this.#handle(name).start();
      started.set(name, starting);
      starting.catch(() => undefined);
      return starting;
    };
    // Workers that are proxies in any case start with the others and wait by themselves. One that
    // asks the discovery service for a seat must not take that of a central node.
    const startAll = (): void => {
      for (const node of [...central, ...workers.filter(isProxy)]) void start(node);
    };
    await step('discovery', async () => {
      const { discovery } = runtime;
      await runtime.setPlan(this.#plan);
      const answers = discovery.start();
      if (discovery.mayLag) startAll();
      await answers;
      return `${discovery.url ?? ''}/${this.#plan.token}  size ${this.#plan.size}`;
    });
    startAll();
    const allOf = async (nodes: readonly NodePlan[], what: string): Promise<void> => {
      await within(clock, Promise.all(nodes.map(start)), what, signal).catch((error: unknown) =>
        this.#explain(error),
      );
    };
    await step('central nodes', async () => {
      await allOf(central, 'the central nodes to start');
      const leader = await this.#waitForLeader(signal);
      return `${namesOf(central)} · leader ${leader}`;
    });
    if (workers.length > 0) {
      await step('worker nodes', async () => {
        await allOf(workers, 'the workers to start');
        return namesOf(workers);
      });
    }
    await step('proof', () => this.#prove(signal));
    this.#timings.total = Math.round(clock.now() - begun);
  }

  /** Takes over a cluster that runs already. */
  async adopt(): Promise<void> {
    await this.#options.runtime.setPlan(this.#plan);
    await this.#options.runtime.adopt();
  }

  /**
   * Ends every process; what is on disk stays, unless `remove`. With `orderly` nodes end in their own
   * time first.
   */
  async shutdown(how: { readonly orderly: boolean; readonly remove: boolean }): Promise<void> {
    this.faults.close();
    const handles = [...this.#handles.values()];
    // Without order nothing has to be handed over: everything goes.
    if (how.orderly) await Promise.all(handles.map((handle) => handle.stop()));
    await Promise.all(handles.map((handle) => handle.kill()));
    await this.#options.runtime.close(how.remove);
  }

  /** Without `units`: what can be asked often. */
  status(options?: InspectOptions): Promise<ClusterStatus> {
    return this.#statusBy((handle) => handle.inspect(options));
  }

  async #statusBy(inspect: (handle: NodeHandle) => Promise<NodeFacts>): Promise<ClusterStatus> {
    const nodes = await Promise.all(
      [...this.#handles.values()].map(async (one) => this.#nodeStatus(one, await inspect(one))),
    );
    const { token, size } = this.#plan;
    const { kind, discovery } = this.#options.runtime;
    return {
      schema: 1,
      name: this.#plan.name,
      runtime: kind,
      ...judge(nodes),
      leader: leaderOf(nodes)?.name ?? null,
      discovery: discovery.url === undefined ? null : { url: discovery.url, token, size },
      nodes,
      timings: this.#timings,
    };
  }

  /** Starts, stops or restarts a node; a fault that was in force on the node itself is over then. */
  async act(name: string, action: NodeAction): Promise<void> {
    const handle = this.#handle(name);
    if (action !== 'start') await handle.stop();
    this.faults.forgetNode(name);
    if (action === 'stop') return;
    await this.#start(handle);
  }

  /** Undefined for a fault that is over at once. Throws ClusterError. */
  inject(spec: FaultSpec, forMs: number): Promise<FaultRecord | undefined> {
    return this.faults.inject(spec, forMs);
  }

  /** Undoes one fault, all that touch a node, or all. */
  async heal(what: HealTarget): Promise<void> {
    if (what.id !== undefined) await this.faults.heal(what.id);
    else if (what.node !== undefined) await this.faults.healNode(what.node);
    else await this.faults.healAll();
  }

  /**
   * Adds a node, boots it, and waits until it takes a write; a central one joins as a member. What
   * does not come up, or is not wanted any more (`signal`), is taken back. Throws ClusterError.
   */
  addNode(role: Role, signal: AbortSignal = new AbortController().signal): Promise<string> {
    return this.#oneByOne(async () => {
      const environment =
        role === 'central' ? await announceMember(this.#plan, await this.#view()) : {};
      const { runtime } = this.#options;
      const plan = await runtime.place(planAddedNode(this.#plan, role, environment));
      const handle = runtime.create(plan);
      this.#handles.set(plan.name, handle);
      await this.#setPlan({ ...this.#plan, nodes: [...this.#plan.nodes, plan] });
      try {
        await this.#start(handle, signal);
        await this.#takesWrites(handle, signal);
      } catch (error) {
        await this.#remove(handle);
        throw error;
      }
      return plan.name;
    });
  }

  /** Ends a node and removes it; a central one leaves the cluster first. Throws ClusterError. */
  removeNode(name: string): Promise<void> {
    return this.#oneByOne(() => this.#remove(this.#handle(name)));
  }

  /** Puts code from a working tree into the cluster, or takes it away: dev/roll.ts. */
  dev(
    request: RollRequest,
    { emit, signal }: Pick<RollWorld, 'emit' | 'signal'>,
  ): Promise<RollReport> {
    const { clock, runtime } = this.#options;
    const seen = new Map<NodeHandle, NodeFacts>();
    const inspect = async (handle: NodeHandle): Promise<NodeFacts> => {
      const facts = await handle.inspect();
      seen.set(handle, facts);
      return facts;
    };
    const world: RollWorld = {
      handle: (name) => this.#handle(name),
      status: () => this.#statusBy(inspect),
      look: () => this.#statusBy(async (handle) => seen.get(handle) ?? inspect(handle)),
      serves: async ({ clientUrls: [url = ''] }) => (await ask(`${url}/v2/keys/`))?.status === 200,
      emit,
      clock,
      signal,
    };
    return this.#oneByOne(() =>
      request.component.renewal.by === 'cluster'
        ? rollDiscovery(request, runtime.discovery, world)
        : rollCode(request, world),
    );
  }

  /** Resolves when no change of nodes or of their code is under way. */
  async idle(): Promise<void> {
    await this.#lastChange;
  }

  // own affairs

  /** An election that is under way is waited for: it ends by itself. */
  async #view(): Promise<MembershipView> {
    const { clock } = this.#options;
    const deadline = clock.now() + electionLimitMs;
    let status = await this.status({ units: false });
    while (isElecting(status) && clock.now() < deadline) {
      await clock.sleep(lookMs);
      status = await this.status({ units: false });
    }
    return { status, faults: this.faults.list(), wallTime: clock.wallTime() };
  }

  #start(handle: NodeHandle, signal: AbortSignal = new AbortController().signal): Promise<void> {
    return within(this.#options.clock, handle.start(), `${handle.plan.name} to start`, signal);
  }

  async #takesWrites(handle: NodeHandle, signal: AbortSignal): Promise<void> {
    const { clock, prng } = this.#options;
    const wait = { clock, timeoutMs: bootLimitMs, intervalMs: 5, signal };
    await writeThrough(reached(handle), String(prng.below(2 ** 31)), wait);
  }

  async #remove(handle: NodeHandle): Promise<void> {
    const { name, role } = handle.plan;
    if (role === 'central') await dismissMember(handle.plan, await this.#view());
    this.faults.forgetNode(name);
    this.faults.forgetLinks(name);
    await this.#options.runtime.remove(handle);
    this.#handles.delete(name);
    await this.#setPlan({
      ...this.#plan,
      nodes: this.#plan.nodes.filter((node) => node.name !== name),
    });
  }

  /** Nodes come and go one after another: each change builds on the plan that the last one left. */
  #oneByOne<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#lastChange.then(change);
    this.#lastChange = result.catch(() => undefined);
    return result;
  }

  async #explain(error: unknown): Promise<never> {
    throw await explainTimeout(error, [...this.#handles.values()]);
  }

  async #waitForLeader(signal: AbortSignal): Promise<string> {
    const status = await poll(
      async () => {
        const now = await this.status({ units: false });
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
    const all = [...this.#handles.values()];
    // A worker without a store is a node all the same.
    const through = all.filter(({ clientUrls }) => clientUrls.length > 0).at(-1);
    if (through === undefined) throw new ClusterError('E_FAILED', 'the cluster has no store');
    return proveWrite({
      through: reached(through),
      central: all.filter(({ plan }) => plan.role === 'central').map(reached),
      value: String(prng.below(2 ** 31)),
      clock,
      timeoutMs: bootLimitMs,
      signal,
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw new ClusterError('E_TIMEOUT', errorMessage(error), { cause: error });
    });
  }

  async #nodeStatus(handle: NodeHandle, facts: NodeFacts): Promise<NodeStatus> {
    const { plan, clientUrls, peerUrls } = handle;
    const [clientUrl] = clientUrls;
    const asked = facts.state === 'running' && plan.role === 'central' && clientUrl !== undefined;
    const raft = asked ? await probeRaft(clientUrl) : undefined;
    const { memberId = null, ...view } = raft ?? { memberId: undefined };
    return {
      name: plan.name,
      role: plan.role,
      state: facts.state,
      address: plan.address,
      clientUrls,
      peerUrls,
      memberId,
      // Of a container it means nothing to this machine.
      pid: facts.container === null ? facts.pid : null,
      container: facts.container,
      hostname: plan.hostname,
      root: facts.root,
      raft: raft === undefined ? null : (view as NonNullable<NodeStatus['raft']>),
      units: facts.units.map(unitStatus),
      faults: this.faults.wordsOf(plan.name),
      dev: listCode(handle.devFolder),
    };
  }

  async #setPlan(plan: ClusterPlan): Promise<void> {
    this.#plan = plan;
    this.#options.writePlan(plan);
    await this.#options.runtime.setPlan(plan);
  }

  #handle(name: string): NodeHandle {
    const handle = this.#handles.get(name);
    if (handle !== undefined) return handle;
    throw new ClusterError(
      'E_UNKNOWN_NODE',
      `no node "${name}" in "${this.#plan.name}". Nodes: ${namesOf(this.#plan.nodes)}; roles: ` +
        'leader follower worker',
    );
  }
}

function reached({ plan, clientUrls }: NodeHandle): Reached {
  return { name: plan.name, clientUrl: clientUrls[0] ?? '' };
}

function namesOf(nodes: readonly NodePlan[]): string {
  return nodes.map((node) => node.name).join(' ');
}
