// The library's face: one object per cluster. It keeps no truth of its own; every question goes to
// the keeper that holds the cluster, so a crashed tool loses nothing.
import { mkdirSync } from 'node:fs';
import { EtcdClient } from '@corral/etcd-client';
import { poll, systemClock } from '@corral/kit';
import type { Ends, NodeAccess } from './access.js';
import { ClusterError } from './errors.js';
import type { ClusterErrorCode } from './errors.js';
import type { HealTarget, NodeAction } from './controller.js';
import { putCode } from './dev/put-code.js';
import type { DevOptions, RollReport } from './dev/put-code.js';
import { linksBetween } from './faults.js';
import type { FaultRecord, FaultSpec } from './faults.js';
import { openAccess } from './open-access.js';
import { runHere } from './run-here.js';
import { resolveTarget } from './targets.js';
import { differences, existsError } from './differences.js';
import type { ClusterPlan, ClusterSpec, Role } from './plan.js';
import { callKeeper, hasKeeper } from './keeper/control.js';
import { hostEnvironment } from './process/programs.js';
import { startKeeper } from './keeper/start-keeper.js';
import { joinedEvent } from './keeper/shared-boot.js';
import { UnknownHost, hostOf } from './hosts.js';
import type { ClusterHost, Environment, PrepareStep } from './hosts.js';
import { ClusterState, listClusters } from './state.js';
import { isSettled, stoppedStatus } from './status.js';
import type { ClusterStatus, NodeStatus } from './status.js';

export type Progress = PrepareStep | { readonly kind: 'warning'; readonly text: string };

export type UpOptions = {
  readonly home: string;
  readonly spec: ClusterSpec;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** A boot that fails leaves everything as it is, stopped. */
  readonly keepOnFailure?: boolean;
  /** Says which engine containers are made on, as the docker command reads it (DOCKER_HOST, ...). */
  readonly environment?: Environment;
};

export type FaultOptions = {
  /** Heals by itself after this many milliseconds. */
  readonly forMs?: number;
};

const settlePauseMs = 10;

export class Cluster {
  readonly name: string;
  readonly #state: ClusterState;

  constructor(home: string, name: string) {
    this.name = name;
    this.#state = new ClusterState(home, name);
  }

  /** Boots a new cluster; resolves when a write was proven. Throws ClusterError. */
  static async up(options: UpOptions): Promise<Cluster> {
    const { home, spec, signal } = options;
    const onProgress = options.onProgress ?? (() => undefined);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const cluster = new Cluster(home, spec.name);
    const state = cluster.#state;
    if (state.exists) throw existsError(spec, state.readPlan(), await cluster.isRunning());
    const host = hostOf(spec, options.environment);
    await host.prepare(onProgress, signal);
    const { plan, warnings } = await host.choose(home, spec);
    for (const { text } of warnings) onProgress({ kind: 'warning', text });
    const begun = systemClock.now();
    onProgress({ kind: 'step', name: 'preflight', state: 'started' });
    const text = await host.preflight(plan, home);
    const ms = Math.round(systemClock.now() - begun);
    onProgress({ kind: 'step', name: 'preflight', state: 'done', ms, text });
    signal?.throwIfAborted();
    if (!state.createPlan(plan, process.pid)) {
      throw existsError(spec, state.readPlan(), await cluster.isRunning());
    }
    await startKeeper(state, 'up');
    await cluster.#boot(onProgress, signal, options.keepOnFailure === true);
    return cluster;
  }

  /**
   * Makes it so: boots what is not there, starts what is stopped, and leaves alone what runs. Throws
   * ClusterError E_CLUSTER_EXISTS when what is there differs from `spec`.
   */
  static async ensure(
    options: UpOptions,
  ): Promise<{ readonly cluster: Cluster; readonly was: 'absent' | 'stopped' | 'running' }> {
    const { home, spec, signal } = options;
    const onProgress = options.onProgress ?? (() => undefined);
    const cluster = new Cluster(home, spec.name);
    const state = cluster.#state;
    if (!state.exists) {
      try {
        return { cluster: await Cluster.up(options), was: 'absent' };
      } catch (error) {
        // Another command may have made it meanwhile.
        if (!isCode(error, 'E_CLUSTER_EXISTS')) throw error;
      }
    }
    const running = await cluster.isRunning();
    await cluster.checkSame(spec);
    await cluster.start(onProgress, signal);
    return { cluster, was: running ? 'running' : 'stopped' };
  }

  /** Refuses what `up` would refuse, and makes nothing. Throws ClusterError. */
  static async check(
    home: string,
    spec: ClusterSpec,
    environment: Environment = {},
  ): Promise<void> {
    await hostOf(spec, environment).choose(home, spec);
  }

  /** Throws ClusterError E_CLUSTER_EXISTS when this is not what `spec` asks for. */
  async checkSame(spec: ClusterSpec): Promise<void> {
    const { plan } = this;
    if (differences(spec, plan).length === 0) return;
    throw existsError(spec, plan, await this.isRunning());
  }

  /** A cluster that is there. Throws ClusterError E_UNKNOWN_CLUSTER. */
  static attach(home: string, name: string): Cluster {
    const cluster = new Cluster(home, name);
    if (cluster.#state.exists) return cluster;
    const known = listClusters(home);
    const list = known.length === 0 ? 'there is none' : `there are: ${known.join(' ')}`;
    throw new ClusterError('E_UNKNOWN_CLUSTER', `no cluster "${name}"; ${list}`, {
      remedies: [...(known.length === 0 ? [] : ['corral ls']), `corral up ${name}`],
    });
  }

  static list(home: string): readonly string[] {
    return listClusters(home);
  }

  get plan(): ClusterPlan {
    return this.#state.readPlan();
  }

  get folder(): string {
    return this.#state.folder;
  }

  /** Brings a stopped cluster back: same nodes, ids, addresses and data; aborted, it is stopped again. */
  async start(
    onProgress: (progress: Progress) => void = () => undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    if (await this.#isKept()) {
      signal?.throwIfAborted();
      try {
        // At once when it is up; a boot that goes on is waited for.
        await this.#boot(onProgress, signal, true);
        return;
      } catch (error) {
        if (!isCode(error, 'E_KEEPER_GONE')) throw error;
        await this.#keeperGone();
      }
    }
    await this.#host.sweep(this.#state, { remove: false });
    await startKeeper(this.#state, 'start');
    await this.#boot(onProgress, signal, true);
  }

  /** Ends all processes; everything on disk stays. */
  async stop(): Promise<void> {
    if (!(await this.#isKept())) return;
    await callKeeper(this.#state, 'shutdown', { remove: false, orderly: true });
    await this.#keeperGone();
  }

  /** Ends all processes and removes everything. Works without a keeper too. */
  async down(): Promise<void> {
    if (await hasKeeper(this.#state)) {
      await callKeeper(this.#state, 'shutdown', { remove: true, orderly: false });
      await this.#keeperGone();
    }
    await this.#host.sweep(this.#state, { remove: true });
    this.#state.remove();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.down();
  }

  /** True while its keeper runs, or its nodes do without one. */
  async isRunning(): Promise<boolean> {
    return (await hasKeeper(this.#state)) || this.#host.outlives(this.#state);
  }

  /** The present state; of a stopped cluster what the plan knows. Who asks often leaves `units` out. */
  async status(options: { readonly units?: boolean } = {}): Promise<ClusterStatus> {
    if (await this.#isKept()) {
      return (await callKeeper(this.#state, 'status', options)) as ClusterStatus;
    }
    return stoppedStatus(this.plan);
  }

  /** The node of a name, a unique beginning of one, or of a role. Throws E_UNKNOWN_NODE. */
  async resolve(target: string): Promise<NodeStatus> {
    return resolveTarget(await this.status(), target);
  }

  /** Starts, stops or restarts a node; resolves when it is so. */
  act(node: string, action: NodeAction): Promise<ClusterStatus> {
    return this.#call('act', { node, action });
  }

  /**
   * Breaks something; resolves when it is broken. Undefined for a fault that is over at once. Throws
   * ClusterError E_FAULT_UNAVAILABLE, E_UNKNOWN_NODE or E_FAILED.
   */
  async inject(spec: FaultSpec, options: FaultOptions = {}): Promise<FaultRecord | undefined> {
    const params = { spec, forMs: options.forMs ?? 0 };
    const record = await callKeeper(this.#state, 'inject', params);
    return (record as FaultRecord | null) ?? undefined;
  }

  /** Faults in force, oldest first. */
  async faults(): Promise<readonly FaultRecord[]> {
    if (!(await this.#isKept())) return [];
    return (await callKeeper(this.#state, 'faults')) as readonly FaultRecord[];
  }

  /** Undoes one fault, those that touch a node, or all; killed and paused nodes come back. */
  heal(what: HealTarget = {}): Promise<ClusterStatus> {
    return this.#call('heal', what);
  }

  /** SIGKILL to everything on a node. */
  kill(node: string, options: FaultOptions = {}): Promise<FaultRecord | undefined> {
    return this.inject({ kind: 'kill', node }, options);
  }

  /** SIGSTOP to everything on a node. */
  pause(node: string, options: FaultOptions = {}): Promise<FaultRecord | undefined> {
    return this.inject({ kind: 'pause', node }, options);
  }

  /** Cuts every link between the two groups, or only from the first to the second. */
  partition(
    a: readonly string[],
    b: readonly string[],
    options: FaultOptions & { readonly oneWay?: boolean } = {},
  ): Promise<FaultRecord | undefined> {
    return this.inject({ kind: 'cut', links: linksBetween(a, b, options) }, options);
  }

  /** Cuts a node off from all others. */
  async isolate(node: string, options: FaultOptions = {}): Promise<FaultRecord | undefined> {
    const { nodes } = await this.status();
    const others = nodes.map((one) => one.name).filter((name) => name !== node);
    return this.partition([node], others, options);
  }

  /**
   * Waits until the nodes have agreed on what a fault, or its end, has left of them: a leader that
   * is not `lost`, and every running central node following it; or that there can be none. Gives the
   * status at that moment, or after `withinMs`.
   */
  async settle(options: {
    readonly lost?: string;
    readonly withinMs: number;
  }): Promise<ClusterStatus> {
    const deadline = systemClock.now() + options.withinMs;
    for (;;) {
      const status = await this.status({ units: false });
      const settled = isSettled(status, options.lost);
      if (settled || systemClock.now() >= deadline) return status;
      await systemClock.sleep(settlePauseMs);
    }
  }

  /** Adds a node and waits until it takes writes; aborted, it is taken back before this rejects. */
  async addNode(role: Role, options: { readonly signal?: AbortSignal } = {}): Promise<string> {
    const { signal } = options;
    const before = this.plan.nodes.length;
    try {
      return (await callKeeper(this.#state, 'addNode', { role }, { signal })) as string;
    } catch (error) {
      if (signal?.aborted === true) {
        await this.#undone('the node to be taken back', () =>
          Promise.resolve(this.plan.nodes.length <= before),
        );
      }
      throw error;
    }
  }

  /** Puts code from a working tree into running nodes, one at a time: dev/put-code.ts. */
  dev(options: DevOptions): Promise<RollReport> {
    return putCode(this.#state, options);
  }

  removeNode(node: string): Promise<ClusterStatus> {
    return this.#call('removeNode', { node });
  }

  /** A client that knows every running node's store, or those of one role. */
  async client(
    options: { readonly role?: Role; readonly timeoutMs?: number } = {},
  ): Promise<EtcdClient> {
    const { nodes } = await this.status();
    const chosen = nodes.filter((node) => options.role === undefined || node.role === options.role);
    const endpoints = chosen.flatMap((node) => node.clientUrls.slice(0, 1));
    const { timeoutMs } = options;
    return new EtcdClient({ endpoints, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }

  /** What a person does on a node: programs, shells, files, logs. */
  access(node: NodeStatus, environment: Environment): NodeAccess {
    return openAccess({ state: this.#state, plan: this.plan, node, environment });
  }

  /** Runs a program of this machine, our own first; as `NodeAccess.run`. */
  runHere(words: readonly string[], ends: Ends, environment: Environment): Promise<number> {
    return runHere(words, ends, {
      cwd: '.',
      env: hostEnvironment(environment),
      where: 'on this machine',
    });
  }

  /** The last lines of the keeper's own log. */
  keeperLog(lines = 20): string {
    return this.#state.lastKeeperLines(lines).join('\n');
  }

  async #call(method: string, params: Readonly<Record<string, unknown>>): Promise<ClusterStatus> {
    return (await callKeeper(this.#state, method, params)) as ClusterStatus;
  }

  async #boot(
    onProgress: (progress: Progress) => void,
    signal: AbortSignal | undefined,
    keep: boolean,
  ): Promise<void> {
    const boot = { isOurs: true };
    const onEvent = (event: unknown): void => {
      if ((event as { readonly kind: string }).kind === joinedEvent.kind) boot.isOurs = false;
      else onProgress(event as Progress);
    };
    try {
      if (signal?.aborted === true) {
        await callKeeper(this.#state, 'shutdown', { remove: !keep, orderly: false });
        signal.throwIfAborted();
      }
      await callKeeper(this.#state, 'boot', { keep }, { onEvent, signal });
    } catch (error) {
      // The keeper undoes what it made when its caller goes away.
      if (signal?.aborted === true && boot.isOurs) await this.#keeperGone();
      throw error;
    }
  }

  /** Of a plan that cannot be read there is nothing but its folder. */
  get #host(): ClusterHost {
    try {
      return hostOf(this.plan);
    } catch {
      return new UnknownHost();
    }
  }

  /** A keeper holds it; nodes that run without one get one now. */
  async #isKept(): Promise<boolean> {
    if (await hasKeeper(this.#state)) return true;
    if (!(await this.#host.outlives(this.#state))) return false;
    await startKeeper(this.#state, 'adopt');
    return true;
  }

  #keeperGone(): Promise<void> {
    return this.#undone('the keeper to end', async () => !(await hasKeeper(this.#state)));
  }

  async #undone(what: string, isSo: () => Promise<boolean>): Promise<void> {
    await poll(async () => ((await isSo()) ? true : undefined), {
      clock: systemClock,
      what,
      timeoutMs: 15_000,
      intervalMs: 5,
      intervalMaxMs: 20,
    });
  }
}

function isCode(error: unknown, code: ClusterErrorCode): boolean {
  return error instanceof ClusterError && error.code === code;
}
