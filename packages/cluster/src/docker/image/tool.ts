// Runs one program of the build: its last lines are kept for the error, its whole group ends when
// the build is given up.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { systemClock } from '@corral/kit';

export type Environment = Readonly<Record<string, string | undefined>>;

export type ToolRequest = {
  readonly program: string;
  readonly words: readonly string[];
  /** This process's own when left out. */
  readonly environment?: Environment | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of what it says on stderr (and on stdout, unless that is taken). */
  readonly onLine?: ((line: string) => void) | undefined;
};

export type ToolEnd = {
  /** Null when it could not be started, or a signal ended it. */
  readonly code: number | null;
  /** The last lines it said. */
  readonly log: readonly string[];
};

export type RunningTool = { readonly stdout: Readable; readonly ended: Promise<ToolEnd> };

const logLinesMax = 20;
const killAfterMs = 5_000;

/** Never rejects; with `takeStdout` the caller reads stdout, else it is part of the log. */
export function startTool(
  request: ToolRequest,
  options: { readonly takeStdout: boolean } = { takeStdout: false },
): RunningTool {
  const log: string[] = [];
  // A group of its own: these programs start others, and Ctrl-C must not reach them past us.
  const child = spawn(request.program, [...request.words], {
    ...(request.environment && { env: { ...request.environment } }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // It has ended by itself.
    }
  };
  let timer: { cancel(): void } | undefined;
  const abort = (): void => {
    kill('SIGTERM');
    timer = systemClock.setTimer(killAfterMs, () => kill('SIGKILL'));
  };
  const take = (stream: Readable): void => {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      // A progress line is overwritten in place: only its last state counts.
      const lines = (rest + text).split(/\r?\n/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        log.push(line.slice(line.lastIndexOf('\r') + 1));
        if (log.length > logLinesMax) log.shift();
        request.onLine?.(line);
      }
    });
  };
  take(child.stderr);
  if (!options.takeStdout) take(child.stdout);
  const ended = new Promise<ToolEnd>((resolve) => {
    child.once('error', (error) => resolve({ code: null, log: [...log, error.message] }));
    child.once('close', (code) => {
      request.signal?.removeEventListener('abort', abort);
      timer?.cancel();
      resolve({ code, log });
    });
  });
  if (request.signal?.aborted === true) abort();
  else request.signal?.addEventListener('abort', abort, { once: true });
  return { stdout: child.stdout, ended };
}

/** Where system programs are; those of root are often not on a PATH. */
const systemFolders = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/** The place of a program on PATH, else in the folders of system programs. */
export function findTool(
  name: string,
  environment: Environment | undefined,
  elsewhere: readonly string[] = systemFolders,
): string | undefined {
  const folders = [...(environment?.['PATH'] ?? '').split(delimiter), ...elsewhere];
  for (const folder of folders) {
    if (folder === '') continue;
    const place = join(folder, name);
    try {
      accessSync(place, constants.X_OK);
      return place;
    } catch {
      continue;
    }
  }
  return undefined;
}
