// What every command gets: streams, environment, where state lives. Commands never touch process.
import { homedir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';

export type Streams = {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly isTty: boolean;
  readonly colour: boolean;
};

export type Context = {
  readonly streams: Streams;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly signal: AbortSignal;
};

/** $CORRAL_HOME, else the XDG state folder. */
export function stateHome(environment: Readonly<Record<string, string | undefined>>): string {
  const own = environment['CORRAL_HOME'];
  if (own !== undefined && own !== '') return own;
  const state = environment['XDG_STATE_HOME'];
  const base = state === undefined || state === '' ? join(homedir(), '.local', 'state') : state;
  return join(base, 'corral');
}

export function colours(context: Context): ReturnType<typeof pc.createColors> {
  return pc.createColors(context.streams.colour);
}

/** "250ms", "5s", "2m" in milliseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match?.[2] ?? ''];
  return match === null || factor === undefined ? undefined : Number(match[1]) * factor;
}
