// Waiting for a condition with back-off, bounded by a deadline or a signal.
import { CodedError } from './errors.js';
import type { Clock } from './clock.js';
import type { Prng } from './prng.js';

/**
 * Exponential delays: `firstMs`, doubled up to `maxMs`, each multiplied by 1 +- `jitter` (a share,
 * 0 to 1; it needs `prng`).
 */
export function backoff(options: {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly jitter?: number;
  readonly prng?: Prng;
}): { next(): number; reset(): void } {
  const firstMs = Math.min(options.firstMs, options.maxMs);
  let delayMs = firstMs;
  return {
    next() {
      const spread =
        options.prng === undefined ? 0 : (options.prng.next() * 2 - 1) * (options.jitter ?? 0);
      const current = delayMs * (1 + spread);
      delayMs = Math.min(delayMs * 2, options.maxMs);
      return current;
    },
    reset() {
      delayMs = firstMs;
    },
  };
}

/** Thrown by `poll` when the time is over. */
export class PollTimeoutError extends CodedError<'E_TIMEOUT'> {}

/**
 * Calls `attempt` until it gives something other than undefined, and gives that.
 * Waits `intervalMs` (default 5, growing to `intervalMaxMs`, default 100) between attempts.
 * Throws PollTimeoutError naming `what` after `timeoutMs`, also while an attempt hangs; rejects at
 * once when `signal` aborts or an attempt throws.
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
  signal?.throwIfAborted();
  const deadline = clock.now() + timeoutMs;
  const delays = backoff({ firstMs: options.intervalMs ?? 5, maxMs: options.intervalMaxMs ?? 100 });
  const end = new AbortController();
  const late = clock.sleep(timeoutMs, { signal: end.signal }).then(
    () => {
      throw new PollTimeoutError('E_TIMEOUT', `${options.what}: not within ${timeoutMs} ms`);
    },
    () => undefined,
  );
  const onAbort = (): void => end.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      const result = await Promise.race([attempt(), late]);
      if (result !== undefined) return result;
      signal?.throwIfAborted();
      const pauseMs = Math.min(delays.next(), Math.max(0, deadline - clock.now()));
      await Promise.race([clock.sleep(pauseMs, { signal: end.signal }), late]);
      signal?.throwIfAborted();
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    end.abort();
  }
}
