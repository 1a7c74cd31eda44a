// Programs of the user inside a container, with the ends of the caller: a terminal that is resized,
// streams that are as fast as their slower end, signals. What the runtime itself runs is in exec.ts.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex, Readable, Writable } from 'node:stream';
import type Docker from 'dockerode';
import { poll, systemClock } from '@corral/kit';
import type { Ends } from '../access.js';

export type UserExecOptions = {
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly tty: boolean;
};

/** Marks the processes of one exec: the engine can start them, but not send them a signal. */
const markVariable = 'CORRAL_EXEC';
/** Keys that nobody presses: the usual ones are Ctrl-P and Ctrl-Q, which shells know, too. */
const detachKeys = 'ctrl-@,ctrl-^,ctrl-_,ctrl-@';
const frameHead = 8;
const stderrFrame = 2;

/**
 * Runs a program as root; its exit code as the engine gives it (128 and the number of a signal that
 * ended it). Rejects with the engine's error when it cannot be started.
 */
export async function execForUser(
  container: Docker.Container,
  words: readonly string[],
  ends: Ends,
  options: UserExecOptions,
): Promise<number> {
  const { stdin, stdout, stderr, onSignal } = ends;
  const mark = randomUUID();
  const environment = { ...options.environment, [markVariable]: mark };
  const exec = await container.exec({
    Cmd: [...words],
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    WorkingDir: options.folder,
    Tty: options.tty,
    DetachKeys: detachKeys,
    AttachStdin: stdin !== undefined,
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await exec.start({
    hijack: true,
    stdin: stdin !== undefined,
    Tty: options.tty,
  });
  const unlisten = onSignal?.((signal) => void signalMarked(container, mark, signal));
  const leaveTerminal = options.tty ? takeTerminal(exec, ends) : undefined;
  const stopFeeding = stdin === undefined ? undefined : feed(stdin, stream);
  try {
    if (options.tty) await passOn(stream, stdout);
    else await demultiplex(stream, stdout, stderr);
    return await exitCodeOf(exec);
  } finally {
    stopFeeding?.();
    leaveTerminal?.();
    unlisten?.();
    stream.destroy();
  }
}

/** The three ends are one terminal. */
export function isTerminal({ stdin, stdout }: Ends): boolean {
  return [stdin, stdout].every((end) => (end as { readonly isTTY?: boolean } | undefined)?.isTTY);
}

/** What it is fed ends where the input ends; the output of the program goes on. */
function feed(stdin: Readable, stream: Duplex): () => void {
  // A program may end before it has read everything.
  stream.on('error', () => undefined);
  stdin.pipe(stream);
  return () => {
    stdin.unpipe(stream);
    stdin.pause();
  };
}

/** Keys go to the program as they are pressed, and it is told how large the terminal is. */
function takeTerminal(exec: Docker.Exec, { stdin, stdout }: Ends): () => void {
  const keys = stdin as Partial<{ setRawMode(raw: boolean): void }> | undefined;
  const screen = stdout as { readonly columns?: number; readonly rows?: number } & Writable;
  const resize = (): void => {
    const { columns: w = 0, rows: h = 0 } = screen;
    // Some terminals do not know; and the program may have ended meanwhile.
    if (w > 0 && h > 0) exec.resize({ h, w }).catch(() => undefined);
  };
  keys?.setRawMode?.(true);
  screen.on('resize', resize);
  resize();
  return () => {
    screen.off('resize', resize);
    keys?.setRawMode?.(false);
  };
}

async function passOn(stream: Readable, sink: Writable): Promise<void> {
  for await (const chunk of stream) await write(sink, chunk as Buffer);
}

/**
 * Frames of the engine: a byte for the stream, three of nothing, four for the length. (Engine API,
 * "Stream format" of attach)
 */
export async function demultiplex(
  stream: NodeJS.ReadableStream,
  stdout: Writable,
  stderr: Writable,
): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= frameHead) {
      const end = frameHead + rest.readUInt32BE(4);
      if (rest.length < end) break;
      await write(rest[0] === stderrFrame ? stderr : stdout, rest.subarray(frameHead, end));
      rest = rest.subarray(end);
    }
  }
}

/** As fast as the sink takes it. */
async function write(sink: Writable, data: Buffer): Promise<void> {
  if (!sink.write(data)) await once(sink, 'drain');
}

/** Its output may end a moment before the engine knows that it has ended. */
async function exitCodeOf(exec: Docker.Exec): Promise<number> {
  return poll(
    async () => {
      const { Running, ExitCode } = await exec.inspect();
      return Running ? undefined : (ExitCode ?? 0);
    },
    { clock: systemClock, what: 'the end of the program', timeoutMs: 60_000, intervalMs: 5 },
  );
}

/** To everything that the program has started, as a terminal does it. */
async function signalMarked(
  container: Docker.Container,
  mark: string,
  signal: NodeJS.Signals,
): Promise<void> {
  const script =
    'for one in /proc/[0-9]*; do ' +
    'tr "\\0" "\\n" <"$one/environ" 2>/dev/null | grep -qx "$1" && ' +
    'kill -s "$2" "${one#/proc/}"; done';
  const words = ['sh', '-c', script, 'sh', `${markVariable}=${mark}`, signal.replace('SIG', '')];
  try {
    const exec = await container.exec({ Cmd: words, AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({ hijack: true, stdin: false });
    stream.resume();
  } catch {
    // The container is gone, and the program with it.
  }
}
