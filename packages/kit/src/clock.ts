// The only place that reads the machine's clocks or sets timers. Everything else takes a Clock, so
// that tests and the simulator can hand in their own.
import { performance } from 'node:perf_hooks';

/** A pending timer; cancelling twice is harmless. */
export interface Timer {
  cancel(): void;
}

/** Time as the code sees it. */
export interface Clock {
  /** Monotonic milliseconds (fractions allowed); never steps back. */
  now(): number;
  /** Milliseconds since the Unix epoch; may step in either direction. */
  wallTime(): number;
  /** Calls `callback` once after `delayMs`. With `background` the timer keeps no process alive. */
  setTimer(delayMs: number, callback: () => void, options?: { background?: boolean }): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason when aborted. */
  sleep(delayMs: number, options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /** Calls `callback` every `periodMs` (25 days at most) until cancelled. */
  every(periodMs: number, callback: () => void, options?: { background?: boolean }): Timer;
}

/** Node fires a longer timer at once (setTimeout takes 31 bits). */
const timerMsMax = 2 ** 31 - 1;

/** The machine's own clock. Delays may be as long as one likes, Infinity included. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer(delayMs, callback, options = {}) {
    let leftMs = delayMs;
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const stepMs = Math.min(leftMs, timerMsMax);
      leftMs -= stepMs;
      handle = setTimeout(leftMs > 0 ? arm : callback, stepMs);
      if (options.background === true) handle.unref();
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  },
  every(periodMs, callback, options = {}) {
    const handle = setInterval(callback, Math.min(periodMs, timerMsMax));
    if (options.background === true) handle.unref();
    return { cancel: () => clearInterval(handle) };
  },
  sleep(delayMs, options = {}) {
    return sleepWith(systemClock, delayMs, options.signal);
  },
};

/** `Clock.sleep` in terms of `Clock.setTimer`; for implementations of Clock. */
export function sleepWith(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(abortReason(signal));
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(abortReason(signal));
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}
