// One service: its process, readiness, restarts and end.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { errorMessage, heldPipeVariable } from '@corral/kit';
import type { Clock, Logger, Timer } from '@corral/kit';
import { expandWords, parseEnvironment, parseEnvironmentFile } from './command-line.js';
import type { ExecLine } from './command-line.js';
import type { Service } from './service.js';
import { expandSpecifiers } from './specifiers.js';
import type { SpecifierValues } from './specifiers.js';
import type { Unit } from './unit-file.js';
import type { JobResult, UnitState } from './supervisor.js';

/** How what a unit says is turned into what a process on this machine needs. */
export type ProcessMapping = {
  readonly specifiers: Omit<SpecifierValues, 'unit'>;
  /** Set for every process of the node; the unit's own values come after it. */
  readonly baseEnvironment: Readonly<Record<string, string>>;
  mapEnvironment(environment: Readonly<Record<string, string>>): Record<string, string>;
  /** The program and the words before the unit's own; undefined when there is none. */
  resolveExecutable(
    path: string,
  ): { readonly file: string; readonly words: readonly string[] } | undefined;
  /** True for servers that hold the owner's pipe and say READY=1 on it. */
  isOwnServer(path: string): boolean;
};

export type RunningServiceOptions = {
  readonly unit: Unit;
  readonly service: Service;
  readonly root: string;
  readonly logFile: string;
  readonly mapping: ProcessMapping;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly note: string | undefined;
  readonly onChange: (state: UnitState['state']) => void;
};

const killAfterMs = 10_000;
/** A restart comes no sooner. */
const restartMsMin = 100;

export class RunningService {
  readonly #options: RunningServiceOptions;
  #child: ChildProcess | undefined;
  #state: UnitState['state'] = 'inactive';
  #reason: string | undefined;
  #wanted = false;
  #restart: Timer | undefined;
  #starts: number[] = [];
  #exited: Promise<void> = Promise.resolve();

  constructor(options: RunningServiceOptions) {
    this.#options = options;
    this.#reason = options.note;
  }

  get state(): UnitState['state'] {
    return this.#state;
  }

  get reason(): string | undefined {
    return this.#reason;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<JobResult> {
    this.#wanted = true;
    this.#set('activating', this.#options.note);
    const { service, clock } = this.#options;
    const now = clock.now();
    this.#starts = [...this.#starts.filter((at) => now - at < service.startLimitMs), now];
    if (this.#starts.length > service.startLimitBurst) {
      this.#set('failed', 'started too often (start limit hit)');
      return 'failed';
    }
    try {
      for (const line of service.execStartPre) await this.#runToEnd(line);
      if (service.type === 'oneshot') {
        for (const line of service.execStart) await this.#runToEnd(line);
        this.#set(service.remainAfterExit ? 'active' : 'inactive', this.#options.note);
        return 'done';
      }
      const [line] = service.execStart;
      if (line !== undefined) await this.#runMain(line);
      return this.#state === 'active' ? 'done' : 'failed';
    } catch (error) {
      this.#set('failed', errorMessage(error));
      return 'failed';
    }
  }

  /** SIGTERM, then SIGKILL after TimeoutStopSec. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#restart?.cancel();
    const child = this.#child;
    if (child?.pid === undefined) {
      this.#set('inactive', undefined);
      return;
    }
    const { service, clock } = this.#options;
    // A stopped (SIGSTOP) process cannot die of SIGTERM.
    this.#signalGroup(child, 'SIGTERM');
    this.#signalGroup(child, 'SIGCONT');
    const limit = Math.min(service.timeoutStopMs, killAfterMs);
    const late = clock.setTimer(limit, () => this.#signalGroup(child, 'SIGKILL'));
    await this.#exited;
    late.cancel();
    this.#set('inactive', undefined);
  }

  /** SIGKILL at once; it stays down. */
  async kill(): Promise<void> {
    this.#wanted = false;
    this.#restart?.cancel();
    const child = this.#child;
    if (child !== undefined) this.#signalGroup(child, 'SIGKILL');
    await this.#exited;
    this.#set('inactive', undefined);
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#child !== undefined) this.#signalGroup(this.#child, signal);
  }

  async #runToEnd(line: ExecLine): Promise<void> {
    const child = this.#spawn(line, false);
    const code = await new Promise<number>((resolve) => {
      child.once('error', () => resolve(127));
      child.once('exit', (status, signal) => resolve(signal === null ? (status ?? 1) : 128));
    });
    if (code !== 0 && !line.ignoreFailure) throw new Error(`${line.path} exited with ${code}`);
  }

  /** Resolves when the service is active, or has failed to become so. */
  #runMain(line: ExecLine): Promise<void> {
    const { service, mapping, clock } = this.#options;
    const own = mapping.isOwnServer(line.path);
    const child = this.#spawn(line, own);
    this.#child = child;
    let markExited = (): void => undefined;
    this.#exited = new Promise((resolve) => {
      markExited = resolve;
    });
    return new Promise((resolve) => {
      const late = own
        ? clock.setTimer(Math.min(service.timeoutStartMs, 2 ** 31 - 1), () => {
            this.#set('failed', 'not ready in time');
            this.#signalGroup(child, 'SIGKILL');
            resolve();
          })
        : undefined;
      const active = (): void => {
        late?.cancel();
        if (this.#child === child) this.#set('active', this.#options.note);
        resolve();
      };
      if (own) {
        const pipe = child.stdio[3] as Duplex;
        pipe.on('error', () => undefined);
        pipe.on('data', (data: Buffer) => {
          if (data.toString().includes('READY=1')) active();
        });
      }
      child.once('spawn', () => {
        if (!own) active();
      });
      child.once('error', (error) => {
        this.#onExit(child, error.message, false);
        markExited();
        resolve();
      });
      child.once('exit', (code, signal) => {
        late?.cancel();
        const clean =
          code === 0 || signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGHUP';
        this.#onExit(
          child,
          signal === null ? `exited with ${code ?? 0}` : `ended by ${signal}`,
          clean,
        );
        markExited();
        resolve();
      });
    });
  }

  #onExit(child: ChildProcess, how: string, clean: boolean): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const { service, clock, logger, unit } = this.#options;
    if (!this.#wanted) {
      this.#set('inactive', undefined);
      return;
    }
    logger.info('service ended', { unit: unit.name, how });
    const again =
      service.restart === 'always' ||
      (service.restart === 'on-success' ? clean : service.restart !== 'no' && !clean);
    if (!again) {
      this.#set(clean ? 'inactive' : 'failed', how);
      return;
    }
    this.#set('activating', `${how}; restarts in ${service.restartMs} ms`);
    this.#restart = clock.setTimer(Math.max(restartMsMin, service.restartMs), () => {
      void this.start();
    });
  }

  #spawn(line: ExecLine, own: boolean): ChildProcess {
    const { unit, service, root, logFile, mapping } = this.#options;
    const expand = (text: string): string =>
      expandSpecifiers(text, { ...mapping.specifiers, unit: unit.name }, unit.name);
    const environment: Record<string, string> = { ...mapping.baseEnvironment };
    for (const text of service.environment) {
      for (const [name, value] of parseEnvironment(expand(text))) environment[name] = value;
    }
    for (const file of service.environmentFiles) {
      const optional = file.startsWith('-');
      const path = join(root, expand(optional ? file.slice(1) : file));
      try {
        for (const [name, value] of parseEnvironmentFile(readFileSync(path, 'utf8'))) {
          environment[name] = value;
        }
      } catch (error) {
        if (!optional) throw error;
      }
    }
    const mapped = mapping.mapEnvironment(environment);
    const executable = mapping.resolveExecutable(line.path);
    if (executable === undefined)
      throw new Error(`${line.path} is neither on the node nor on the host`);
    const words = expandWords(line.words.map(expand), mapped);
    const log = openSync(logFile, 'a', 0o644);
    if (own) mapped[heldPipeVariable] = '3';
    const cwd =
      service.workingDirectory === undefined
        ? root
        : join(root, expand(service.workingDirectory.replace(/^-/, '')));
    try {
      return spawn(executable.file, [...executable.words, ...words], {
        env: mapped,
        cwd,
        detached: true,
        stdio: own ? ['ignore', log, log, 'pipe'] : ['ignore', log, log],
      });
    } finally {
      closeSync(log);
    }
  }

  /** The whole process group; a group that is gone is no error. */
  #signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      child.kill(signal);
    }
  }

  #set(state: UnitState['state'], reason: string | undefined): void {
    this.#reason = reason;
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onChange(state);
  }
}
