// Programs of this machine with the ends of whoever asked for them: a terminal stays the same terminal,
// what is no file is piped.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { pipeline } from 'node:stream';
import type { Readable, Writable } from 'node:stream';
import { systemErrorCode } from '@corral/kit';
import type { Ends } from './access.js';
import { ClusterError } from './errors.js';
import type { Environment } from './hosts.js';
import { nameFlag } from './missing.js';
import type { NodeStatus } from './status.js';

/**
 * The program's exit code, or 128 and the number of the signal that ended it, as shells do. Throws
 * ClusterError E_PROGRAM_MISSING or E_PROGRAM_UNFIT; `where` says in them where it was looked for.
 */
export function runHere(
  words: readonly string[],
  ends: Ends,
  options: { readonly cwd: string; readonly env: Environment; readonly where: string },
): Promise<number> {
  const [file = '', ...rest] = words;
  return new Promise((resolve, reject) => {
    const { stdin, stdout, stderr } = ends;
    const child = spawn(file, rest, {
      stdio: [stdin === undefined ? 'ignore' : shared(stdin), shared(stdout), shared(stderr)],
      cwd: options.cwd,
      env: { ...options.env },
    });
    // A terminal sends SIGINT to everyone that it runs, so the program has it already.
    const unlisten = ends.onSignal?.((signal) => {
      if (signal !== 'SIGINT') child.kill(signal);
    });
    // A program may end before it has read everything.
    if (stdin !== undefined && child.stdin !== null) pipeline(stdin, child.stdin, () => undefined);
    child.stdout?.pipe(stdout, { end: false });
    child.stderr?.pipe(stderr, { end: false });
    child.once('error', (error) => {
      unlisten?.();
      reject(programError(file, options.where, error));
    });
    child.once('close', (code, signal) => {
      unlisten?.();
      resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal]);
    });
  });
}

/** Why a program cannot be run; `where` is "on n1" or "on this machine". */
export function programError(file: string, where: string, error: Error): ClusterError {
  const code = systemErrorCode(error);
  return code === 'ENOENT'
    ? missingProgram(file, where, error)
    : unfitProgram(file, where, code ?? error.message, error);
}

export function missingProgram(file: string, where: string, cause?: Error): ClusterError {
  const message = `there is no program ${file} ${where}`;
  return new ClusterError('E_PROGRAM_MISSING', message, { cause });
}

export function unfitProgram(
  file: string,
  where: string,
  why: string,
  cause?: Error,
): ClusterError {
  return new ClusterError('E_PROGRAM_UNFIT', `${file} ${where} cannot be run: ${why}`, { cause });
}

/** Nothing can be run on a node that is down or paused. */
export function notRunning({ name, state }: NodeStatus, cluster: string): ClusterError {
  const start = `corral node start ${name}${nameFlag(cluster)}`;
  return new ClusterError('E_FAILED', `${name} is ${state}: nothing can be run on it`, {
    remedies: state === 'stopped' ? [start, `corral start ${cluster}`] : [start],
  });
}

/** The descriptor of what is a file, a pipe or a terminal of this process. */
function shared(stream: Readable | Writable): number | 'pipe' {
  const { fd } = stream as { readonly fd?: unknown };
  return typeof fd === 'number' && fd >= 0 ? fd : 'pipe';
}
