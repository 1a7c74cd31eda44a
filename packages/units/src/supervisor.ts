// The embedded supervisor: starts, watches, restarts and ends the services of one node, in the
// order and with the dependencies that they name. What a plain process cannot imitate (sockets,
// Docker's units, foreign Type=notify) is skipped with the reason and never fails the boot.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Logger } from '@corral/kit';
import { CommandBuilder } from './command-builder.js';
import type { ProcessMapping } from './command-builder.js';
import { enableUnit } from './enable.js';
import { inspectUnit } from './inspect.js';
import type { Inspected } from './inspect.js';
import { hasDropIn, linkedUnits } from './load.js';
import { orderUnits } from './ordering.js';
import { machineProcesses } from './processes.js';
import type { Processes } from './processes.js';
import { StartLimit } from './restart-policy.js';
import { RunningService } from './running-service.js';
import type { Unit } from './unit-file.js';
import type { UnitState } from './unit-state.js';

export type SupervisorOptions = {
  readonly root: string;
  readonly logFolder: string;
  readonly mapping: ProcessMapping;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A unit's process came up (ready) or ended. */
  readonly onChange: (unit: string, state: UnitState['state']) => void;
  /** No stop waits longer before SIGKILL, whatever TimeoutStopSec= says; default: no such limit. */
  readonly stopMsMax?: number;
  readonly processes?: Processes;
};

/** The result of a job, in systemd's words. */
export type JobResult = 'done' | 'failed' | 'skipped' | 'timeout' | 'canceled' | 'dependency';

type Entry = { readonly running: RunningService; readonly unit: Unit };
type Plan = ReadonlyMap<string, Inspected>;
/** A job's part in the start of several units. */
type Transaction = {
  readonly plan: Plan;
  readonly before: ReadonlySet<string> | undefined;
  readonly run: (name: string) => Promise<JobResult>;
  /** Everything was ended meanwhile. */
  readonly isOver: () => boolean;
};

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #services = new Map<string, Entry>();
  readonly #skipped = new Map<string, string>();
  readonly #failed = new Map<string, string>();
  readonly #limits = new Map<string, StartLimit>();
  readonly #starting = new Map<string, Promise<JobResult>>();
  /** Grows whenever everything ends: what was begun before then starts nothing more. */
  #ends = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    mkdirSync(options.logFolder, { recursive: true });
  }

  // The unit manager of a cloud-config.

  /** Unit files are read at each start; there is nothing to reload. */
  daemonReload(): Promise<void> {
    return Promise.resolve();
  }

  /** Makes the links of [Install]; a unit that is not there is reported, not an error. */
  enable(name: string, options: { readonly runtime: boolean }): Promise<void> {
    try {
      const result = enableUnit(this.#options.root, name, options);
      if (result.kind === 'skipped') this.#skipped.set(name, result.reason);
    } catch (error) {
      this.#failed.set(name, error instanceof Error ? error.message : String(error));
    }
    return Promise.resolve();
  }

  /** A command of systemctl(1), as a cloud-config may name it. */
  async command(command: string, name: string): Promise<string> {
    const isUp = this.#isUp(name);
    switch (command) {
      case 'start':
        return this.start(name);
      case 'stop':
        await this.stop(name);
        return 'done';
      case 'restart':
        return this.restart(name);
      case 'try-restart':
        return isUp ? this.restart(name) : 'done';
      case 'reload':
        return (await this.#services.get(name)?.running.reload()) ?? 'failed';
      case 'reload-or-restart':
      case 'reload-or-try-restart': {
        if (!isUp) return command.includes('try') ? 'done' : this.start(name);
        const result = await this.#services.get(name)?.running.reload();
        return result === 'done' ? result : this.restart(name);
      }
      default:
        return 'skipped';
    }
  }

  /** Starts a unit and what it needs; what cannot run here is skipped with its reason. */
  start(name: string): Promise<JobResult> {
    return this.#startAll([name]).then((results) => results.get(name) ?? 'skipped');
  }

  /** Stops it and the active units that need it (Requires=, BindsTo=, PartOf=), these first. */
  stop(name: string): Promise<void> {
    return this.#stopWith(name, new Set());
  }

  /** systemctl reset-failed: its start limit begins anew. */
  resetFailed(name: string): void {
    this.#limits.delete(name);
  }

  /** Units that went down with it come up again. */
  async restart(name: string): Promise<JobResult> {
    const others = this.#dependents(name, ['Requires', 'BindsTo', 'PartOf']);
    await this.stop(name);
    const results = await this.#startAll([name, ...others]);
    return results.get(name) ?? 'skipped';
  }

  /** Ends all services in the reverse of their order; nothing is left running. */
  async stopAll(): Promise<void> {
    this.#ends += 1;
    const orders = [...this.#services].map(([name, { unit }]) => [name, orderOf(unit)] as const);
    const { predecessors } = orderUnits(new Map(orders));
    const jobs = new Map<string, Promise<void>>();
    const stop = (name: string): Promise<void> => {
      const known = jobs.get(name);
      if (known !== undefined) return known;
      const later = [...this.#services.keys()].filter((one) => predecessors.get(one)?.has(name));
      const job = Promise.all(later.map(stop)).then(() => this.#services.get(name)?.running.stop());
      jobs.set(name, job);
      return job;
    };
    await Promise.all([...this.#services.keys()].map(stop));
    await this.killAll();
  }

  /** SIGKILL to everything, and no restart: the machine lost its power. */
  async killAll(): Promise<void> {
    this.#ends += 1;
    await Promise.all([...this.#services.values()].map(({ running }) => running.kill()));
  }

  /** SIGSTOP or SIGCONT to everything. */
  signalAll(signal: 'SIGSTOP' | 'SIGCONT'): void {
    for (const { running } of this.#services.values()) running.signal(signal);
  }

  /** As an operating system boots: units wanted by multi-user.target, and etcd2 when configured. */
  async boot(): Promise<void> {
    const { root } = this.#options;
    const wanted = ['sockets.target', 'multi-user.target', 'default.target'].flatMap((target) => [
      ...linkedUnits(root, target, 'wants'),
      ...linkedUnits(root, target, 'requires'),
    ]);
    if (hasDropIn(root, 'etcd2.service', '20-cloudinit.conf')) wanted.push('etcd2.service');
    await this.#startAll([...new Set(wanted)]);
  }

  pidOf(name: string): number | undefined {
    return this.#services.get(name)?.running.pid;
  }

  units(): readonly UnitState[] {
    const states = new Map<string, UnitState>();
    for (const [name, { running }] of this.#services) {
      const { state, detail, reason, pid } = running;
      states.set(name, { name, state, detail, reason, pid });
    }
    for (const [name, reason] of this.#skipped) {
      states.set(name, { name, state: 'skipped', reason, pid: undefined });
    }
    for (const [name, reason] of this.#failed) {
      states.set(name, { name, state: 'failed', reason, pid: undefined });
    }
    return [...states.values()];
  }

  /** One transaction: the units, what they pull in, each after what comes before it. */
  async #startAll(names: readonly string[]): Promise<ReadonlyMap<string, JobResult>> {
    const plan = this.#collect(names);
    const orders = [...plan].flatMap(([name, found]) =>
      found.kind === 'service' ? [[name, orderOf(found.unit)] as const] : [],
    );
    const { predecessors, dropped } = orderUnits(new Map(orders));
    for (const edge of dropped) this.#options.logger.warn('ordering cycle', { dropped: edge });
    const jobs = new Map<string, Promise<JobResult>>();
    const begun = this.#ends;
    const isOver = (): boolean => this.#ends !== begun;
    const run = (name: string): Promise<JobResult> => {
      const job =
        jobs.get(name) ?? this.#runJob(name, { plan, before: predecessors.get(name), run, isOver });
      jobs.set(name, job);
      return job;
    };
    const results = new Map<string, JobResult>();
    await Promise.all([...plan.keys()].map(async (name) => results.set(name, await run(name))));
    return results;
  }

  /** Everything that Requires=, BindsTo= and Wants= pull in, each looked at once. */
  #collect(names: readonly string[]): Plan {
    const { root, mapping } = this.#options;
    const plan = new Map<string, Inspected>();
    const pending = [...names];
    for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
      if (plan.has(name)) continue;
      const { hostname } = mapping.specifiers;
      const context = { root, hostname, isOwnServer: (path: string) => mapping.isOwnServer(path) };
      const found = inspectUnit(name, context);
      // What is only wanted and not there is nobody's loss.
      plan.set(name, found);
      if (found.kind !== 'service') continue;
      pending.push(...needs(found.unit), ...found.unit.names('Unit', 'Wants'));
      pending.push(...linkedUnits(root, name, 'wants'), ...linkedUnits(root, name, 'requires'));
    }
    for (const [name, found] of plan) {
      if (found.kind !== 'not-found' || names.includes(name)) continue;
      const isNeeded = [...plan.values()].some(
        (one) => one.kind === 'service' && needs(one.unit).includes(name),
      );
      if (!isNeeded) plan.delete(name);
    }
    return plan;
  }

  async #runJob(name: string, { plan, before, run, isOver }: Transaction): Promise<JobResult> {
    const found = plan.get(name);
    if (found === undefined || found.kind === 'stand-in') return 'done';
    if (this.#isUp(name)) return this.#starting.get(name) ?? 'done';
    this.#failed.delete(name);
    this.#skipped.delete(name);
    if (found.kind === 'failed') {
      this.#failed.set(name, found.reason);
      return 'failed';
    }
    if (found.kind !== 'service') return this.#skip(name, found.reason);
    await Promise.all([...(before ?? [])].map(run));
    for (const other of needs(found.unit)) {
      // Without an order between the two only what can be told at once counts.
      const reason = await this.#unmetNeed(
        other,
        plan,
        before?.has(other) === true ? run : undefined,
      );
      if (reason?.kind === 'skipped') return this.#skip(name, reason.reason);
      if (reason === undefined) continue;
      this.#failed.set(name, reason.reason);
      return 'dependency';
    }
    // Another transaction may have started it meanwhile.
    const current = this.#starting.get(name);
    if (current !== undefined || this.#isUp(name)) return current ?? 'done';
    if (isOver()) return 'canceled';
    const job = this.#startOne(name, found, isOver).finally(() => this.#starting.delete(name));
    this.#starting.set(name, job);
    return job;
  }

  async #unmetNeed(
    other: string,
    plan: Plan,
    run: ((name: string) => Promise<JobResult>) | undefined,
  ): Promise<{ readonly kind: 'skipped' | 'failed'; readonly reason: string } | undefined> {
    const found = plan.get(other);
    if (found?.kind === 'not-found') return { kind: 'failed', reason: `Unit ${other} not found.` };
    if (found?.kind === 'skipped') {
      return { kind: 'skipped', reason: `it needs ${other}, which is skipped: ${found.reason}` };
    }
    if (found?.kind === 'failed') {
      return { kind: 'failed', reason: `it needs ${other}, which failed: ${found.reason}` };
    }
    const result = await run?.(other);
    if (result === undefined || result === 'done') return undefined;
    return { kind: 'failed', reason: `it needs ${other}, whose start ended with ${result}` };
  }

  async #startOne(
    name: string,
    found: Inspected & { kind: 'service' },
    isOver: () => boolean,
  ): Promise<JobResult> {
    const { logger } = this.#options;
    for (const [other, entry] of this.#services) {
      const isConflict =
        found.unit.names('Unit', 'Conflicts').includes(other) ||
        entry.unit.names('Unit', 'Conflicts').includes(name);
      if (!isConflict || other === name || !this.#isUp(other)) continue;
      logger.info('stopped unit', { unit: other, conflictsWith: name });
      await this.stop(other);
    }
    const before = this.#services.get(name);
    // A stop of the service as it was may still go on.
    if (before !== undefined) await before.running.stop();
    if (isOver()) return 'canceled';
    const running = this.#create(name, found);
    this.#services.set(name, { running, unit: found.unit });
    return running.start();
  }

  #create(name: string, { unit, service }: Inspected & { kind: 'service' }): RunningService {
    const { root, logFolder, mapping, clock, logger, stopMsMax = Infinity } = this.#options;
    const limit = this.#limits.get(name) ?? new StartLimit();
    this.#limits.set(name, limit);
    const limited = { ...service, timeoutStopMs: Math.min(service.timeoutStopMs, stopMsMax) };
    const { user } = service;
    const running: RunningService = new RunningService({
      name,
      service: limited,
      commands: new CommandBuilder({
        name,
        service: limited,
        root,
        mapping,
        logFile: join(logFolder, `${name}.log`),
      }),
      processes: this.#options.processes ?? machineProcesses,
      startLimit: limit,
      clock,
      logger,
      note: user === undefined ? undefined : `runs as this user, not as ${user}`,
      onChange: (state) => {
        if (this.#services.get(name)?.running === running) this.#onState(name, unit, state);
      },
    });
    return running;
  }

  #onState(name: string, unit: Unit, state: UnitState['state']): void {
    this.#options.onChange(name, state);
    if (state === 'inactive' || state === 'failed') {
      for (const other of this.#dependents(name, ['BindsTo'])) void this.stop(other);
    }
    if (state !== 'failed') return;
    for (const other of unit.names('Unit', 'OnFailure')) void this.start(other);
  }

  /** The units that are up and name this one in one of these options. */
  #dependents(name: string, options: readonly string[]): readonly string[] {
    return [...this.#services].flatMap(([other, { unit }]) =>
      other !== name &&
      this.#isUp(other) &&
      options.some((option) => unit.names('Unit', option).includes(name))
        ? [other]
        : [],
    );
  }

  /** Units that need each other stop once. */
  async #stopWith(name: string, seen: Set<string>): Promise<void> {
    seen.add(name);
    for (const other of this.#dependents(name, ['Requires', 'BindsTo', 'PartOf'])) {
      if (!seen.has(other)) await this.#stopWith(other, seen);
    }
    await this.#services.get(name)?.running.stop();
  }

  #isUp(name: string): boolean {
    const running = this.#services.get(name)?.running;
    if (running === undefined || running.isStopping) return false;
    const { state } = running;
    return state === 'active' || state === 'activating';
  }

  #skip(name: string, reason: string): JobResult {
    this.#skipped.set(name, reason);
    this.#options.logger.info('skipped unit', { unit: name, reason });
    return 'skipped';
  }
}

function needs(unit: Unit): readonly string[] {
  return [...unit.names('Unit', 'Requires'), ...unit.names('Unit', 'BindsTo')];
}

function orderOf(unit: Unit): {
  readonly after: readonly string[];
  readonly before: readonly string[];
} {
  return { after: unit.names('Unit', 'After'), before: unit.names('Unit', 'Before') };
}
