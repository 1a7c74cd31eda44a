// The seam to the machine's processes: start one in a group of its own, signal groups, ask whether
// a group has members. The real one is here; tests hand in their own.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import type { Duplex } from 'node:stream';

export type ProcessRequest = {
  readonly file: string;
  readonly words: readonly string[];
  readonly argv0: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** Output and errors are appended. */
  readonly logFile: string;
  readonly umask: number | undefined;
  /** Hands a pipe as fd 3, on which the process says READY=1 and by which it is owned. */
  readonly onReady: (() => void) | undefined;
};

/** How a process ended; `code` 203 when it could not be started. */
export type ProcessExit = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly problem?: string;
};

export type StartedProcess = {
  /** Also the number of its group; undefined when it could not be started. */
  readonly pid: number | undefined;
  /** Never rejects. */
  readonly exited: Promise<ProcessExit>;
};

export interface Processes {
  start(request: ProcessRequest): StartedProcess;
  /** To all members of a group, or to one process; one that is gone is no error. */
  signalGroup(group: number, signal: NodeJS.Signals): void;
  signalProcess(pid: number, signal: NodeJS.Signals): void;
  /** False when nothing but zombies is left. */
  isGroupAlive(group: number): boolean;
}

/** What systemd reports for a program that could not be executed (EXIT_EXEC). */
const exitExec = 203;

export const machineProcesses: Processes = {
  start(request) {
    const log = openSync(request.logFile, 'a', 0o644);
    const before = request.umask === undefined ? undefined : process.umask(request.umask);
    try {
      const child = spawn(request.file, [...request.words], {
        env: { ...request.environment },
        cwd: request.workingDirectory,
        detached: true,
        ...(request.argv0 === undefined ? {} : { argv0: request.argv0 }),
        stdio: request.onReady === undefined ? ['ignore', log, log] : ['ignore', log, log, 'pipe'],
      });
      if (request.onReady !== undefined) listen(child.stdio[3] as Duplex, request.onReady);
      const exited = new Promise<ProcessExit>((resolve) => {
        child.once('error', (error) =>
          resolve({ code: exitExec, signal: null, problem: error.message }),
        );
        child.once('exit', (code, signal) => resolve({ code, signal }));
      });
      return { pid: child.pid, exited };
    } finally {
      closeSync(log);
      if (before !== undefined) process.umask(before);
    }
  },
  signalGroup: (group, signal) => send(-group, signal),
  signalProcess: (pid, signal) => send(pid, signal),
  isGroupAlive(group) {
    try {
      process.kill(-group, 0);
    } catch (error) {
      return (error as { code?: unknown }).code === 'EPERM';
    }
    return hasMember(group);
  },
};

function listen(pipe: Duplex, onReady: () => void): void {
  let text = '';
  pipe.on('error', () => undefined);
  pipe.on('data', (data: Buffer) => {
    text = (text + data.toString()).slice(-256);
    if (text.includes('READY=1')) onReady();
  });
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // It is gone.
  }
}

/** Zombies that nobody reaps keep a group's number; they do not count. (proc(5), stat) */
function hasMember(group: number): boolean {
  let pids: string[];
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return true;
  }
  return pids.some((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(pgrp) === group && state !== 'Z' && state !== 'X';
    } catch {
      return false;
    }
  });
}
