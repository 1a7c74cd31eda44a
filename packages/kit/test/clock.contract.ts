// What every Clock keeps, whoever moves it.
import { describe, expect, it } from 'vitest';
import type { Clock } from '../src/clock.js';

/** A clock, and how to let time pass until a promise has settled. */
export type ClockUnderTest = {
  readonly clock: Clock;
  readonly until: <T>(promise: Promise<T>) => Promise<T>;
};

export function describeClock(name: string, make: () => ClockUnderTest): void {
  describe(`${name} as a clock`, () => {
    it('never lets monotonic time step back, and moves it over a sleep', async () => {
      const { clock, until } = make();
      const before = clock.now();

      await until(clock.sleep(20));

      expect(clock.now() - before).toBeGreaterThanOrEqual(19);
    });

    it('tells wall time as milliseconds since 1970, moving on with monotonic time', async () => {
      const { clock, until } = make();
      const before = clock.wallTime();

      await until(clock.sleep(20));

      expect(before).toBeGreaterThan(1_500_000_000_000);
      expect(clock.wallTime() - before).toBeGreaterThanOrEqual(18);
    });

    it('runs timers once, in the order of their times', async () => {
      const { clock, until } = make();
      const order: string[] = [];

      clock.setTimer(30, () => order.push('late'));
      clock.setTimer(5, () => order.push('soon'));
      await until(clock.sleep(60));

      expect(order).toEqual(['soon', 'late']);
    });

    it('does not run a cancelled timer, and cancelling again is harmless', async () => {
      const { clock, until } = make();
      let ran = 0;
      const timer = clock.setTimer(5, () => (ran += 1));

      timer.cancel();
      timer.cancel();
      await until(clock.sleep(30));

      expect(ran).toBe(0);
    });

    it('never runs a timer inside the call that sets it', async () => {
      const { clock, until } = make();
      const order: string[] = [];

      const ran = new Promise<void>((resolve) => {
        clock.setTimer(0, () => {
          order.push('timer');
          resolve();
        });
      });
      order.push('caller');
      await until(ran);

      expect(order).toEqual(['caller', 'timer']);
    });

    it('keeps timers of more than 2^31 ms waiting', async () => {
      const { clock, until } = make();
      let ran = 0;

      const timers = [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY].map((delayMs) =>
        clock.setTimer(delayMs, () => (ran += 1), { background: true }),
      );
      await until(clock.sleep(30));
      for (const timer of timers) timer.cancel();

      expect(ran).toBe(0);
    });

    it('repeats until cancelled, also from inside the callback', async () => {
      const { clock, until } = make();
      let ran = 0;

      const three = new Promise<void>((resolve) => {
        const timer = clock.every(5, () => {
          ran += 1;
          if (ran < 3) return;
          timer.cancel();
          resolve();
        });
      });
      await until(three);
      await until(clock.sleep(30));

      expect(ran).toBe(3);
    });

    it('rejects a sleep with the reason of an abort, before and during it', async () => {
      const { clock, until } = make();
      const controller = new AbortController();
      const reason = new Error('enough');

      const during = clock.sleep(60_000, { signal: controller.signal });
      controller.abort(reason);
      const after = clock.sleep(60_000, { signal: controller.signal });

      const ends = await until(Promise.allSettled([during, after]));
      expect(ends).toEqual([
        { status: 'rejected', reason },
        { status: 'rejected', reason },
      ]);
    });

    it('leaves no listener at the signal of a sleep that is over', async () => {
      const { clock, until } = make();
      const signal = new CountingSignal();

      await until(clock.sleep(1, { signal: signal.signal }));

      expect(signal.added).toBeGreaterThan(0);
      expect(signal.listeners).toBe(0);
    });
  });
}

/** An abort signal that counts who listens. */
export class CountingSignal {
  readonly controller = new AbortController();
  listeners = 0;
  added = 0;

  constructor() {
    const { signal } = this.controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...words: Parameters<typeof add>): void => {
      this.listeners += 1;
      this.added += 1;
      add(...words);
    };
    signal.removeEventListener = (...words: Parameters<typeof remove>): void => {
      this.listeners -= 1;
      remove(...words);
    };
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }
}
