// What every command gets: streams, environment, where state lives. Commands never touch process.
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Ends } from '@corral/cluster';
import pc from 'picocolors';
import { toAscii } from './terminal.js';
import type { Terminal } from './terminal.js';

export type Streams = {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
};

export type Context = {
  readonly streams: Streams;
  readonly terminal: Terminal;
  /** For programs that are run by us, and for what is copied: bytes. */
  readonly ends: Ends;
  /** Where relative paths of this machine begin. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Aborts at the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Asks the person at the keyboard; absent where there is none. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** What is said at a second Ctrl-C, which leaves at once: how to go on. */
  readonly onLeave: (hint: string) => void;
};

/** $CORRAL_HOME, else the XDG state folder. */
export function stateHome(environment: Readonly<Record<string, string | undefined>>): string {
  const own = environment['CORRAL_HOME'];
  if (own !== undefined && own !== '') return own;
  const state = environment['XDG_STATE_HOME'];
  const base = state === undefined || state === '' ? join(homedir(), '.local', 'state') : state;
  return join(base, 'corral');
}

/** Words for people, on stdout: the result. Data go to `streams.stdout` as they are. */
export function show({ streams, terminal }: Context, text: string): void {
  streams.stdout(terminal.unicode ? text : toAscii(text));
}

/** Words for people, on stderr: progress, hints, warnings, errors. */
export function tell({ streams, terminal }: Context, text: string): void {
  streams.stderr(terminal.unicode ? text : toAscii(text));
}

export function colours(
  { terminal }: Context,
  stream: 'stdout' | 'stderr',
): ReturnType<typeof pc.createColors> {
  return pc.createColors(terminal.colour[stream]);
}

/** "250ms", "5s", "2m" in milliseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match?.[2] ?? ''];
  return match === null || factor === undefined ? undefined : Number(match[1]) * factor;
}
