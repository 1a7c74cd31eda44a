// Waiting for a condition with back-off, bounded by a deadline or a signal.
import { CodedError } from './errors.js';
import type { Clock } from './clock.js';
import type { Prng } from './prng.js';

/** Exponential delays: `firstMs`, doubled up to `maxMs`, each multiplied by 1 +- `jitter`. */
export function backoff(options: {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly jitter?: number;
  readonly prng?: Prng;
}): { next(): number; reset(): void } {
  let delayMs = options.firstMs;
  return {
    next() {
      const spread =
        options.prng === undefined ? 0 : (options.prng.next() * 2 - 1) * (options.jitter ?? 0);
      const current = delayMs * (1 + spread);
      delayMs = Math.min(delayMs * 2, options.maxMs);
      return current;
    },
    reset() {
      delayMs = options.firstMs;
    },
  };
}

/** Thrown by `poll` when the time is over. */
export class PollTimeoutError extends CodedError<'E_TIMEOUT'> {}

/**
 * Calls `attempt` until it gives something other than undefined, and gives that.
 * Waits `intervalMs` (default 5, growing to `intervalMaxMs`, default 100) between attempts.
 * Throws PollTimeoutError naming `what` after `timeoutMs`; rejects when `signal` aborts.
 */
export async function poll<T>(
  attempt: () => T | undefined | Promise<T | undefined>,
  options: {
    readonly clock: Clock;
    readonly what: string;
    readonly timeoutMs: number;
    readonly intervalMs?: number;
    readonly intervalMaxMs?: number;
    readonly signal?: AbortSignal;
  },
): Promise<T> {
  const { clock, timeoutMs, signal } = options;
  const deadline = clock.now() + timeoutMs;
  const delays = backoff({ firstMs: options.intervalMs ?? 5, maxMs: options.intervalMaxMs ?? 100 });
  for (;;) {
    signal?.throwIfAborted();
    const result = await attempt();
    if (result !== undefined) return result;
    if (clock.now() >= deadline) {
      throw new PollTimeoutError('E_TIMEOUT', `${options.what}: not within ${timeoutMs} ms`);
    }
    await clock.sleep(Math.min(delays.next(), Math.max(0, deadline - clock.now())), { signal });
  }
}
