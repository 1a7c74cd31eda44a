// Back-off and bounded waiting.
import { describe, expect, it } from 'vitest';
import { seededPrng } from '../src/prng.js';
import { PollTimeoutError, backoff, poll } from '../src/retry.js';
import { ManualClock } from '../src/testing/manual-clock.js';
import { CountingSignal } from './clock.contract.js';

describe('backoff', () => {
  it('doubles up to its limit and starts anew after a reset', () => {
    const delays = backoff({ firstMs: 10, maxMs: 50 });

    const grown = [delays.next(), delays.next(), delays.next(), delays.next(), delays.next()];
    delays.reset();

    expect(grown).toEqual([10, 20, 40, 50, 50]);
    expect(delays.next()).toBe(10);
  });

  it('never gives more than its limit, also when the first delay is larger', () => {
    const delays = backoff({ firstMs: 100, maxMs: 50 });

    const first = delays.next();
    delays.reset();

    expect([first, delays.next()]).toEqual([50, 50]);
  });

  it('spreads each delay by the share of jitter around it', () => {
    const delays = backoff({ firstMs: 100, maxMs: 100, jitter: 0.2, prng: seededPrng(7) });

    const drawn = Array.from({ length: 500 }, () => delays.next());

    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(80);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(120);
    expect(Math.max(...drawn) - Math.min(...drawn)).toBeGreaterThan(35);
  });
});

describe('poll', () => {
  it('gives the first result that is not undefined, null and false included', async () => {
    const clock = new ManualClock();
    let asked = 0;

    const result = poll(() => ((asked += 1) < 3 ? undefined : false), {
      clock,
      what: 'three questions',
      timeoutMs: 1_000,
    });
    await clock.advance(100);

    expect(await result).toBe(false);
    expect(asked).toBe(3);
  });

  it('names what it waited for, and how long, when the time is over', async () => {
    const clock = new ManualClock();
    const failed = poll(() => undefined, { clock, what: 'a leader', timeoutMs: 250 }).catch(
      (error: unknown) => error,
    );

    await clock.advance(250);

    expect(await failed).toBeInstanceOf(PollTimeoutError);
    expect(await failed).toMatchObject({
      code: 'E_TIMEOUT',
      message: 'a leader: not within 250 ms',
    });
  });

  it('ends in time although an attempt hangs', async () => {
    const clock = new ManualClock();
    const hanging = poll(() => new Promise<true>(() => undefined), {
      clock,
      what: 'an answer',
      timeoutMs: 250,
    }).catch((error: unknown) => error);

    await clock.advance(250);

    expect(await hanging).toMatchObject({ code: 'E_TIMEOUT' });
  });

  it('rejects at once with the reason of an abort, although an attempt hangs', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const reason = new Error('the user has left');
    const options = { clock, what: 'x', timeoutMs: 10_000, signal: controller.signal };
    const hanging = poll(() => new Promise<true>(() => undefined), options);
    const pausing = poll(() => undefined, options);

    controller.abort(reason);

    await expect(hanging).rejects.toBe(reason);
    await expect(pausing).rejects.toBe(reason);
    await expect(poll(() => true, options)).rejects.toBe(reason);
  });

  it('passes on what an attempt throws, and leaves no timer and no listener', async () => {
    const clock = new ManualClock();
    const signal = new CountingSignal();
    const broken = new Error('broken');

    const failed = poll(
      () => {
        throw broken;
      },
      { clock, what: 'x', timeoutMs: 10_000, signal: signal.signal },
    );

    await expect(failed).rejects.toBe(broken);
    expect([clock.pendingTimers, signal.listeners]).toEqual([0, 0]);
  });

  it('waits longer between later attempts, up to the given interval', async () => {
    const clock = new ManualClock();
    const times: number[] = [];
    const failed = poll(() => void times.push(clock.now()), {
      clock,
      what: 'x',
      timeoutMs: 100,
      intervalMs: 10,
      intervalMaxMs: 30,
    }).catch(() => undefined);

    await clock.advance(100);
    await failed;

    expect(times).toEqual([0, 10, 30, 60, 90]);
  });
});
