// One service: the commands of its start and stop, readiness, restarts, and the end of everything
// that it started. (systemd.service(5), systemd.kill(5))
import { randomUUID } from 'node:crypto';
import { errorMessage } from '@corral/kit';
import type { Clock, Logger, Timer } from '@corral/kit';
import type { CommandBuilder } from './command-builder.js';
import type { ExecLine } from './command-line.js';
import type { ProcessExit, Processes } from './processes.js';
import { isCleanExit, mayRestart, resultOf } from './restart-policy.js';
import type { Result, StartLimit } from './restart-policy.js';
import type { Service } from './service.js';
import type { JobResult } from './supervisor.js';
import { UnitError } from './unit-file.js';
import type { UnitState } from './unit-state.js';

export type RunningServiceOptions = {
  readonly name: string;
  readonly service: Service;
  readonly commands: CommandBuilder;
  readonly processes: Processes;
  readonly startLimit: StartLimit;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shown while the service is active. */
  readonly note: string | undefined;
  readonly onChange: (state: UnitState['state']) => void;
};

/** setTimeout takes no more; about 24 days. */
const timerMsMax = 2 ** 31 - 1;
/** After SIGKILL a group is gone at once; what is left then cannot be ended. */
const killedMsMax = 2_000;
const pollMs = 20;

export class RunningService {
  readonly #options: RunningServiceOptions;
  #state: UnitState['state'] = 'inactive';
  #reason: string | undefined;
  #detail: UnitState['detail'];
  #wanted = false;
  #main: number | undefined;
  #restart: Timer | undefined;
  #invocation = '';
  /** While a start goes on the end of the main process is kept, and judged when it is over. */
  #isStarting = false;
  #ended: ProcessExit | undefined;
  #stopping: Promise<void> | undefined;
  /** Groups that may have members. */
  readonly #groups = new Map<number, Promise<ProcessExit>>();
  /** What goes on after an end, before the next start. */
  #cleanup: Promise<void> = Promise.resolve();

  constructor(options: RunningServiceOptions) {
    this.#options = options;
    this.#reason = options.note;
  }

  get state(): UnitState['state'] {
    return this.#state;
  }

  get detail(): UnitState['detail'] {
    return this.#detail;
  }

  get reason(): string | undefined {
    return this.#reason;
  }

  /** The main process. */
  get pid(): number | undefined {
    return this.#main;
  }

  /** ExecStartPre, ExecStart, ExecStartPost; resolves when the service is active, or is not. */
  async start(): Promise<JobResult> {
    this.#wanted = true;
    const { service, clock, startLimit, note } = this.#options;
    if (!startLimit.take(clock.now(), service)) {
      this.#set('failed', 'started too often (start limit hit)');
      return 'failed';
    }
    this.#set('activating', note);
    await this.#cleanup;
    if (!this.#isWanted()) return 'canceled';
    this.#invocation = randomUUID().replaceAll('-', '');
    const watch = { isLate: false };
    this.#isStarting = true;
    this.#ended = undefined;
    const deadline = this.#timer(service.timeoutStartMs, () => {
      watch.isLate = true;
      this.#signalAll('SIGKILL');
    });
    try {
      await this.#runAll(service.execStartPre);
      if (service.type === 'oneshot') await this.#runAll(service.execStart, true);
      else await this.#startMain(service.execStart[0]);
      await this.#runAll(service.execStartPost);
    } catch (error) {
      if (!this.#isWanted()) return 'canceled';
      const how = watch.isLate ? 'not ready in time' : errorMessage(error);
      this.#end(watch.isLate ? 'timeout' : resultFrom(error), how);
      return watch.isLate ? 'timeout' : 'failed';
    } finally {
      deadline?.cancel();
      this.#isStarting = false;
    }
    if (!this.#isWanted()) return 'canceled';
    return this.#finishStart();
  }

  /** A simple service has started once its process runs, however soon it ends. */
  #finishStart(): JobResult {
    const { service, note } = this.#options;
    const ended = this.#ended;
    if (ended !== undefined && !(service.remainAfterExit && isCleanExit(ended, service))) {
      this.#onExit(ended);
      return isCleanExit(ended, service) ? 'done' : 'failed';
    }
    if (service.type === 'oneshot' && !service.remainAfterExit) this.#end('success', note);
    else this.#set('active', note);
    return 'done';
  }

  /** ExecStop, KillSignal by KillMode, SIGKILL after TimeoutStopSec, ExecStopPost. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  /** A stop goes on; a start that comes now waits for its end. */
  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  async #stop(): Promise<void> {
    const wasActive = this.#state === 'active';
    this.#wanted = false;
    this.#restart?.cancel();
    const { service } = this.#options;
    if (wasActive) {
      const deadline = this.#timer(service.timeoutStopMs, () => this.#signalAll('SIGKILL'));
      for (const line of service.execStop) await this.#run(line).catch(() => undefined);
      deadline?.cancel();
    }
    await this.#cleanup;
    await this.#endGroups();
    if (wasActive) await this.#stopPost('success');
    this.#set('inactive', undefined);
  }

  /** ExecReload; undefined when the unit has none. */
  async reload(): Promise<JobResult> {
    if (this.#state !== 'active' || this.#options.service.execReload.length === 0) return 'failed';
    try {
      await this.#runAll(this.#options.service.execReload);
      return 'done';
    } catch {
      return 'failed';
    }
  }

  /** SIGKILL to all that is left, at once; it stays down. */
  async kill(): Promise<void> {
    this.#wanted = false;
    this.#restart?.cancel();
    this.#signalAll('SIGKILL');
    await this.#groupsGone(killedMsMax);
    this.#set('inactive', undefined);
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#signalAll(signal);
  }

  async #runAll(lines: readonly ExecLine[], isMain = false): Promise<void> {
    for (const line of lines) {
      if (!this.#isWanted()) throw new Error('canceled');
      await this.#run(line, isMain);
    }
  }

  /** One command to its end. Rejects with CommandFailed unless it may fail. */
  async #run(line: ExecLine, isMain = false, extra: Record<string, string> = {}): Promise<void> {
    const { pid, exited } = this.#spawn(line, undefined, extra);
    if (isMain) this.#main = pid;
    const exit = await exited;
    if (isMain) this.#main = undefined;
    const clean = exit.code === 0 || (isMain && isCleanExit(exit, this.#options.service));
    if (!clean && !line.ignoreFailure) throw new CommandFailed(line.path, exit);
  }

  /** Resolves when the process runs, or has said READY=1 where it can. */
  async #startMain(line: ExecLine | undefined): Promise<void> {
    if (line === undefined) return;
    if (!this.#isWanted()) throw new Error('canceled');
    const { commands } = this.#options;
    let markReady = (): void => undefined;
    const ready = new Promise<'ready'>((resolve) => {
      markReady = () => resolve('ready');
    });
    const isOwn = commands.isOwnServer(line);
    const { pid, exited } = this.#spawn(line, isOwn ? markReady : undefined);
    if (pid === undefined) throw new CommandFailed(line.path, await exited);
    this.#main = pid;
    if (!isOwn) markReady();
    void exited.then((exit) => {
      if (this.#main !== pid) return;
      this.#main = undefined;
      if (this.#isStarting) this.#ended = exit;
      else this.#onExit(exit);
    });
    const first = await Promise.race([ready, exited]);
    if (first !== 'ready') throw new CommandFailed(line.path, first);
  }

  #onExit(exit: ProcessExit): void {
    if (!this.#isWanted()) return;
    const { service, logger, name } = this.#options;
    const how = describeExit(exit);
    logger.info('service ended', { unit: name, how });
    const clean = isCleanExit(exit, service);
    if (clean && service.remainAfterExit) return;
    this.#end(clean ? 'success' : resultOf(exit), how, exit);
  }

  /** After an end that was not asked for: what is left goes, and perhaps it starts again. */
  #end(result: Result, how: string | undefined, exit?: ProcessExit): void {
    const { service, clock } = this.#options;
    const again = mayRestart(service, result, exit);
    this.#cleanup = this.#endGroups()
      .then(() => this.#stopPost(result, exit))
      .catch(() => undefined);
    if (again) {
      const text = `${how ?? 'it ended'}; restarts in ${service.restartMs} ms`;
      this.#set('activating', text, 'restarting');
      this.#restart = clock.setTimer(Math.min(service.restartMs, timerMsMax), () => {
        void this.start();
      });
    } else {
      const isDone = result === 'success' && service.type === 'oneshot';
      this.#set(result === 'success' ? 'inactive' : 'failed', how, isDone ? 'done' : undefined);
    }
  }

  async #stopPost(result: Result, exit?: ProcessExit): Promise<void> {
    const extra = {
      SERVICE_RESULT: result,
      EXIT_CODE: exit === undefined ? '' : exit.signal === null ? 'exited' : 'killed',
      EXIT_STATUS: exit === undefined ? '' : (exit.signal ?? String(exit.code)),
    };
    for (const line of this.#options.service.execStopPost) {
      await this.#run(line, false, extra).catch(() => undefined);
    }
    await this.#endGroups();
  }

  /** Ends the groups as KillMode says, and does not return before they are gone. */
  async #endGroups(): Promise<void> {
    const { service, processes } = this.#options;
    if (this.#living().length === 0 || service.killMode === 'none') return;
    const main = this.#main;
    if (service.killMode === 'control-group') this.#signalAll(service.killSignal);
    else if (main !== undefined) processes.signalProcess(main, service.killSignal);
    // A process that was stopped (SIGSTOP) cannot die of SIGTERM.
    this.#signalAll('SIGCONT');
    if (service.killMode === 'mixed' || service.killMode === 'process') {
      const exited = main === undefined ? undefined : this.#groups.get(main);
      if (exited !== undefined) await this.#within(exited, service.timeoutStopMs);
      if (service.killMode === 'process') {
        if (this.#main !== undefined) processes.signalProcess(this.#main, 'SIGKILL');
        return;
      }
    } else if (await this.#groupsGone(service.timeoutStopMs)) {
      return;
    }
    if (!service.sendSigkill) return;
    this.#signalAll('SIGKILL');
    if (await this.#groupsGone(killedMsMax)) return;
    this.#options.logger.warn('processes are left', { unit: this.#options.name });
  }

  async #groupsGone(limitMs: number): Promise<boolean> {
    const end = this.#options.clock.now() + limitMs;
    await this.#within(Promise.all(this.#groups.values()), limitMs);
    while (this.#living().length > 0) {
      if (this.#options.clock.now() >= end) return false;
      await this.#options.clock.sleep(pollMs);
    }
    return true;
  }

  #living(): readonly number[] {
    for (const group of [...this.#groups.keys()]) {
      if (group !== this.#main && !this.#options.processes.isGroupAlive(group)) {
        this.#groups.delete(group);
      }
    }
    return [...this.#groups.keys()];
  }

  async #within(what: Promise<unknown>, limitMs: number): Promise<void> {
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#timer(limitMs, resolve);
    });
    await Promise.race([what, late]);
    timer?.cancel();
  }

  #spawn(
    line: ExecLine,
    onReady: (() => void) | undefined,
    extra: Record<string, string> = {},
  ): { readonly pid: number | undefined; readonly exited: Promise<ProcessExit> } {
    const { commands, processes } = this.#options;
    const request = commands.build(line, onReady, {
      INVOCATION_ID: this.#invocation,
      ...(this.#main === undefined ? {} : { MAINPID: String(this.#main) }),
      ...extra,
    });
    const { pid, exited } = processes.start(request);
    if (pid !== undefined) this.#groups.set(pid, exited);
    return { pid, exited };
  }

  #signalAll(signal: NodeJS.Signals): void {
    for (const group of this.#groups.keys()) this.#options.processes.signalGroup(group, signal);
  }

  /** No timer for ever. */
  #timer(delayMs: number, callback: () => void): Timer | undefined {
    if (!Number.isFinite(delayMs)) return undefined;
    return this.#options.clock.setTimer(Math.min(delayMs, timerMsMax), callback);
  }

  /** A call, since a stop may come while a start waits. */
  #isWanted(): boolean {
    return this.#wanted;
  }

  #set(state: UnitState['state'], reason: string | undefined, detail?: UnitState['detail']): void {
    this.#reason = reason;
    this.#detail = detail;
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onChange(state);
  }
}

class CommandFailed extends UnitError {
  readonly exit: ProcessExit;

  constructor(path: string, exit: ProcessExit) {
    super('E_UNIT_START', `${path} ${describeExit(exit)}`);
    this.exit = exit;
  }
}

function describeExit({ code, signal, problem }: ProcessExit): string {
  if (problem !== undefined) return `cannot be run: ${problem}`;
  return signal === null ? `exited with ${code ?? 0}` : `ended by ${signal}`;
}

function resultFrom(error: unknown): Result {
  return error instanceof CommandFailed ? resultOf(error.exit) : 'resources';
}
