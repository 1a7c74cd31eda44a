// The embedded supervisor: starts, watches, restarts and ends the services of one node. What a plain
// process cannot imitate (sockets, Docker's units, foreign Type=notify) is skipped with the reason
// and never fails the boot.
import { existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Clock, Logger } from '@corral/kit';
import { hasDropIn, loadUnit } from './load.js';
import { readService } from './service.js';
import { RunningService } from './running-service.js';
import type { ProcessMapping } from './running-service.js';
import { UnitError } from './unit-file.js';
import type { Unit } from './unit-file.js';

export type UnitState = {
  readonly name: string;
  readonly state: 'active' | 'inactive' | 'activating' | 'failed' | 'skipped';
  readonly reason: string | undefined;
  readonly pid: number | undefined;
};

export type SupervisorOptions = {
  readonly root: string;
  readonly logFolder: string;
  readonly mapping: ProcessMapping;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A unit's process came up (ready) or ended. */
  readonly onChange: (unit: string, state: UnitState['state']) => void;
};

/** The result of a job, in systemd's words. */
export type JobResult = 'done' | 'failed' | 'skipped' | 'timeout';

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #services = new Map<string, RunningService>();
  readonly #skipped = new Map<string, string>();
  readonly #failed = new Map<string, string>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    mkdirSync(options.logFolder, { recursive: true });
  }

  // The unit manager of a cloud-config.

  daemonReload(): Promise<void> {
    return Promise.resolve();
  }

  /** Makes the links of [Install]; a unit that is not there is reported, not an error. */
  enable(name: string, options: { readonly runtime: boolean }): Promise<void> {
    const loaded = loadUnit(this.#options.root, name);
    if (loaded.kind !== 'loaded') {
      this.#skipped.set(name, loaded.kind === 'masked' ? 'it is masked' : 'no such unit');
      return Promise.resolve();
    }
    const base = options.runtime ? '/run' : '/etc';
    for (const [key, suffix] of [
      ['WantedBy', 'wants'],
      ['RequiredBy', 'requires'],
    ] as const) {
      for (const target of loaded.unit.names('Install', key)) {
        const link = join(this.#options.root, base, 'systemd/system', `${target}.${suffix}`, name);
        mkdirSync(dirname(link), { recursive: true });
        if (!isThere(link)) symlinkSync(join(base, 'systemd/system', name), link);
      }
    }
    return Promise.resolve();
  }

  async command(command: string, name: string): Promise<string> {
    switch (command) {
      case 'start':
      case 'restart':
      case 'try-restart':
      case 'reload-or-restart':
      case 'reload-or-try-restart':
        if (command.includes('try') && !this.#services.has(name)) return 'done';
        if (command !== 'start') await this.stop(name);
        return this.start(name);
      case 'stop':
        await this.stop(name);
        return 'done';
      default:
        return 'skipped';
    }
  }

  /** Starts a unit; what cannot run here is skipped with its reason. */
  async start(name: string): Promise<JobResult> {
    const running = this.#services.get(name);
    if (running?.state === 'active' || running?.state === 'activating') return 'done';
    this.#failed.delete(name);
    this.#skipped.delete(name);
    let service: RunningService | undefined;
    try {
      service = this.#prepare(name);
    } catch (error) {
      if (!(error instanceof UnitError)) throw error;
      this.#failed.set(name, error.message);
      return 'failed';
    }
    if (service === undefined) return 'skipped';
    this.#services.set(name, service);
    return service.start();
  }

  async stop(name: string): Promise<void> {
    await this.#services.get(name)?.stop();
  }

  /** Ends all services, orderly. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#services.values()].map((service) => service.stop()));
  }

  /** SIGKILL to everything, and no restart: the machine lost its power. */
  async killAll(): Promise<void> {
    await Promise.all([...this.#services.values()].map((service) => service.kill()));
  }

  /** SIGSTOP or SIGCONT to everything. */
  signalAll(signal: 'SIGSTOP' | 'SIGCONT'): void {
    for (const service of this.#services.values()) service.signal(signal);
  }

  /** What an operating system does at boot: units wanted by multi-user.target, and etcd2 when configured. */
  async boot(): Promise<void> {
    const { root } = this.#options;
    for (const target of ['sockets.target', 'multi-user.target', 'default.target']) {
      for (const base of ['/etc', '/run']) {
        const wants = join(root, base, 'systemd/system', `${target}.wants`);
        if (!existsSync(wants)) continue;
        for (const name of readdirSync(wants).sort()) await this.start(name);
      }
    }
    if (hasDropIn(root, 'etcd2.service', '20-cloudinit.conf')) await this.start('etcd2.service');
  }

  pidOf(name: string): number | undefined {
    return this.#services.get(name)?.pid;
  }

  units(): readonly UnitState[] {
    const states: UnitState[] = [];
    for (const [name, service] of this.#services) {
      states.push({ name, state: service.state, reason: service.reason, pid: service.pid });
    }
    for (const [name, reason] of this.#skipped) {
      states.push({ name, state: 'skipped', reason, pid: undefined });
    }
    for (const [name, reason] of this.#failed) {
      states.push({ name, state: 'failed', reason, pid: undefined });
    }
    return states;
  }

  /** Undefined: skipped, and the reason is recorded. */
  #prepare(name: string): RunningService | undefined {
    const { root, logFolder, mapping, clock, logger, onChange } = this.#options;
    const skip = (reason: string): undefined => {
      this.#skipped.set(name, reason);
      logger.info('skipped unit', { unit: name, reason });
      return undefined;
    };
    if (/^docker(-[a-z]+)?\.(service|socket)$/.test(name)) {
      skip('plain processes have no Docker engine of their own; use --runtime docker');
      return;
    }
    if (!name.endsWith('.service')) {
      const kind = name.slice(name.lastIndexOf('.') + 1);
      skip(`the embedded supervisor runs services, not ${kind} units`);
      return;
    }
    const loaded = loadUnit(root, name);
    if (loaded.kind === 'not-found') {
      skip(`no unit ${name} on this node`);
      return;
    }
    if (loaded.kind === 'masked') {
      skip('it is masked');
      return;
    }
    const unmet = unmetCondition(loaded.unit, root);
    if (unmet !== undefined) {
      skip(unmet);
      return;
    }
    const service = readService(loaded.unit);
    if (service.type === 'notify' && !mapping.isOwnServer(service.execStart[0]?.path ?? '')) {
      skip('Type=notify needs a datagram socket, which plain processes do not offer');
      return;
    }
    const reason =
      service.user === undefined ? undefined : `runs as this user, not as ${service.user}`;
    return new RunningService({
      unit: loaded.unit,
      service,
      root,
      logFile: join(logFolder, `${name}.log`),
      mapping,
      clock,
      logger,
      note: reason,
      onChange: (state) => onChange(name, state),
    });
  }
}

/** The first Condition… that does not hold, in words. */
function unmetCondition(unit: Unit, root: string): string | undefined {
  for (const { key, value } of unit.assignments) {
    const negated = value.startsWith('!');
    const path = negated ? value.slice(1) : value;
    if (key !== 'ConditionPathExists') continue;
    if (existsSync(join(root, path)) === !negated) continue;
    return `${path} is ${negated ? '' : 'not '}there: this part of the stack is not there yet`;
  }
  return undefined;
}

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Writes a unit file below a root; for the units that a node ships. */
export function writeUnit(root: string, name: string, text: string): void {
  const path = join(root, 'usr/lib/systemd/system', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
