// Runs the command in this process with streams that are kept, or as a process of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { runCommand } from '../src/program.js';
import type { Terminal } from '../src/terminal.js';

export type Ran = {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** No terminal, but a locale that has symbols. */
export const plainTerminal: Terminal = {
  live: false,
  screen: false,
  colour: { stdout: false, stderr: false },
  unicode: true,
  width: 80,
};

/** A folder for clusters that goes away with the test. */
export function newHome(onEnd: (undo: () => void) => void): string {
  const home = mkdtempSync(join(tmpdir(), 'corral-cli-'));
  onEnd(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

export async function inProcess(
  words: readonly string[],
  options: {
    readonly home: string;
    readonly environment?: Record<string, string>;
    readonly terminal?: Partial<Terminal>;
    readonly ask?: (question: string) => Promise<string>;
    readonly signal?: AbortSignal;
    readonly stdin?: Buffer;
  },
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const collect = (add: (text: string) => void): Writable =>
    new Writable({
      write: (data: Buffer, _encoding, done) => {
        add(data.toString());
        done();
      },
    });
  const code = await runCommand(words, {
    ends: {
      stdin: options.stdin === undefined ? undefined : Readable.from([options.stdin]),
      stdout: collect((text) => (stdout += text)),
      stderr: collect((text) => (stderr += text)),
    },
    folder: options.home,
    streams: {
      stdout: (text) => (stdout += text),
      stderr: (text) => (stderr += text),
    },
    terminal: { ...plainTerminal, ...options.terminal },
    ask: options.ask,
    onLeave: () => undefined,
    environment: { CORRAL_RUNTIME: 'process', ...options.environment },
    home: options.home,
    signal: options.signal ?? new AbortController().signal,
  });
  return { code, stdout, stderr };
}

const bin = join(import.meta.dirname, '../bin/corral.js');

/** The built program. `onOutput` sees stderr and stdout as they come, and may signal the process. */
export function asProcess(
  words: readonly string[],
  options: {
    readonly home: string;
    readonly environment?: Record<string, string>;
    readonly onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
  },
): Promise<Ran> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    CORRAL_HOME: options.home,
    CI: 'true',
    CORRAL_RUNTIME: 'process',
    LC_ALL: 'C.UTF-8',
    ...options.environment,
  };
  delete env['GITHUB_ACTIONS'];
  delete env['CORRAL_NAME'];
  delete env['FORCE_COLOR'];
  const child = spawn(process.execPath, [bin, ...words], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const look = (text: string): void => options.onOutput?.(text, (signal) => child.kill(signal));
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
    look(data.toString());
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
    look(data.toString());
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}
