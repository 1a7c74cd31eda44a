// When a service starts again: Restart= by the way it ended, and how often it may. Pure.
// (systemd.service(5), the table of Restart=; systemd.unit(5), StartLimitIntervalSec=)
import { constants } from 'node:os';
import type { ProcessExit } from './processes.js';
import type { Service } from './service.js';

/** systemd's Result= of a unit. */
export type Result = 'success' | 'exit-code' | 'signal' | 'core-dump' | 'timeout' | 'resources';

const cleanSignals = new Set(['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGPIPE']);
const coreSignals = new Set([
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGQUIT',
  'SIGSEGV',
  'SIGTRAP',
]);

/** Code 0, an orderly signal, or one of SuccessExitStatus=. */
export function isCleanExit(exit: ProcessExit, service: Service): boolean {
  if (exit.code === 0) return true;
  if (exit.signal !== null && cleanSignals.has(exit.signal)) return true;
  return isListed(exit, service.successExitStatus);
}

export function resultOf(exit: ProcessExit): Result {
  if (exit.signal === null) return exit.code === 0 ? 'success' : 'exit-code';
  return coreSignals.has(exit.signal) ? 'core-dump' : 'signal';
}

/** What Restart= says about an end that nobody asked for. */
export function mayRestart(
  service: Service,
  result: Result,
  exit: ProcessExit | undefined,
): boolean {
  if (exit !== undefined) {
    if (isListed(exit, service.restartPreventExitStatus)) return false;
    if (isListed(exit, service.restartForceExitStatus)) return true;
  }
  switch (service.restart) {
    case 'no':
    case 'on-watchdog':
      return false;
    case 'always':
      return result !== 'resources' && (service.type !== 'oneshot' || result !== 'success');
    case 'on-success':
      return result === 'success';
    case 'on-failure':
      return result !== 'success' && result !== 'resources';
    case 'on-abnormal':
      return result === 'signal' || result === 'core-dump' || result === 'timeout';
    case 'on-abort':
      return result === 'signal' || result === 'core-dump';
    default:
      return service.restart satisfies never;
  }
}

function isListed({ code, signal }: ProcessExit, listed: ReadonlySet<string>): boolean {
  if (signal === null) return listed.has(String(code));
  return listed.has(signal) || listed.has(String(constants.signals[signal]));
}

/** At most `startLimitBurst` starts within `startLimitMs`. An interval of 0 is no limit. */
export class StartLimit {
  #starts: readonly number[] = [];

  /** False when it is one too many. Starts that were refused do not count. */
  take(now: number, service: Pick<Service, 'startLimitBurst' | 'startLimitMs'>): boolean {
    if (service.startLimitMs === 0) return true;
    const recent = this.#starts.filter((at) => now - at < service.startLimitMs);
    const isAllowed = recent.length < service.startLimitBurst;
    this.#starts = isAllowed ? [...recent, now] : recent;
    return isAllowed;
  }
}
