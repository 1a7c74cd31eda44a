// What "up" means: a write went through the last node (a worker's proxy, when there is one) and
// every central node gives it back.
import { poll } from '@corral/kit';
import type { Clock } from '@corral/kit';
import { ask } from './store-probe.js';

export type Reached = { readonly name: string; readonly clientUrl: string };

const readyKey = '/v2/keys/corral/ready';
const writeLimitMs = 8_000;

/** Resolves with a line for people; rejects with E_TIMEOUT of poll, or when `signal` aborts. */
export async function proveWrite(options: {
  readonly through: Reached;
  readonly central: readonly Reached[];
  readonly value: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<string> {
  const { through, central, value, clock, timeoutMs, signal } = options;
  const wait = { clock, timeoutMs, intervalMs: 5, signal };
  await writeThrough(through, value, wait);
  for (const { name, clientUrl } of central) {
    await poll(
      async () => {
        const got = await ask(`${clientUrl}${readyKey}`);
        return got?.body.includes(`"value":"${value}"`) === true ? got : undefined;
      },
      { ...wait, what: `reading it back on ${name}` },
    );
  }
  const names = central.map(({ name }) => name).join(' ');
  return `wrote /corral/ready through ${through.name}, read it back on ${names}`;
}

/** Resolves when a node's store took a write. */
export async function writeThrough(
  { name, clientUrl }: Reached,
  value: string,
  wait: {
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly intervalMs: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  await poll(
    async () => {
      const put = await ask(`${clientUrl}${readyKey}`, {
        method: 'PUT',
        body: `value=${value}`,
        timeoutMs: writeLimitMs,
      });
      return put !== undefined && put.status < 300 ? put : undefined;
    },
    { ...wait, what: `a write through ${name}` },
  );
}
