// The clock that moves when told.
import { expect, it } from 'vitest';
import { ManualClock } from '../../src/testing/manual-clock.js';

it('stands still until it is moved', () => {
  const clock = new ManualClock({ wallTime: 1_700_000_000_000 });
  let ran = 0;

  clock.setTimer(0, () => (ran += 1));

  expect([clock.now(), clock.wallTime(), ran]).toEqual([0, 1_700_000_000_000, 0]);
});

it('shows each timer the very time it was set for', async () => {
  const clock = new ManualClock();
  const seen: number[] = [];
  clock.setTimer(70, () => seen.push(clock.now()));
  clock.setTimer(30, () => {
    seen.push(clock.now());
    clock.setTimer(20, () => seen.push(clock.now()));
  });

  await clock.advance(100);

  expect(seen).toEqual([30, 50, 70]);
  expect(clock.now()).toBe(100);
});

it('lets promises settle between two timers', async () => {
  const clock = new ManualClock();
  const order: string[] = [];
  void clock.sleep(10).then(() => order.push('after the first sleep'));
  clock.setTimer(11, () => order.push('second timer'));

  await clock.advance(20);

  expect(order).toEqual(['after the first sleep', 'second timer']);
});

it('steps the wall clock without moving monotonic time or running timers', async () => {
  const clock = new ManualClock({ wallTime: 1_000 });
  let ran = 0;
  clock.setTimer(10, () => (ran += 1));

  clock.stepWallTime(-500);
  await clock.advance(0);

  expect([clock.now(), clock.wallTime(), ran]).toEqual([0, 500, 0]);
});

it('counts the timers that wait, so that a test can see a forgotten one', async () => {
  const clock = new ManualClock();
  const timer = clock.every(10, () => undefined);
  clock.setTimer(5, () => undefined);
  const before = clock.pendingTimers;

  await clock.advance(50);
  const during = clock.pendingTimers;
  timer.cancel();

  expect([before, during, clock.pendingTimers]).toEqual([2, 1, 0]);
});
