// A clock that only moves when told to.
import { sleepWith } from '../clock.js';
import type { Clock, Timer } from '../clock.js';

type Pending = { readonly at: number; readonly order: number; readonly run: () => void };

export class ManualClock implements Clock {
  #now = 0;
  #wallOffset: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(options: { wallTime?: number } = {}) {
    this.#wallOffset = options.wallTime ?? 1_600_000_000_000;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#wallOffset + this.#now;
  }

  /** Steps the wall clock without moving monotonic time. */
  stepWallTime(byMs: number): void {
    this.#wallOffset += byMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const entry = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run: callback };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }

  every(periodMs: number, callback: () => void): Timer {
    let timer: Timer = { cancel: () => undefined };
    const arm = (): void => {
      timer = this.setTimer(periodMs, () => {
        arm();
        callback();
      });
    };
    arm();
    return { cancel: () => timer.cancel() };
  }

  sleep(delayMs: number, options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    return sleepWith(this, delayMs, options.signal);
  }

  /** How many timers wait. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** Moves time on, running due timers in order; promises settle before, between and after them. */
  async advance(byMs: number): Promise<void> {
    const end = this.#now + byMs;
    await settle();
    for (;;) {
      const due = [...this.#pending]
        .filter((entry) => entry.at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (due === undefined) break;
      this.#pending.delete(due);
      this.#now = due.at;
      due.run();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
