// The leader's idea of a follower: whatever happens to it, some things stay true. fast-check prints
// the seed of a failing run.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Progress } from '../src/progress.js';

const window = { messages: 3, bytes: 100 };

type Step =
  | { readonly kind: 'send' | 'accept' | 'refuse' | 'snapshot'; readonly value: number }
  | { readonly kind: 'heard' | 'unreachable' | 'arrived' | 'failed' };

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('send' as const, 'accept' as const, 'refuse' as const, 'snapshot'),
      value: fc.integer({ min: 0, max: 60 }),
    }),
    fc.record({ kind: fc.constantFrom('heard' as const, 'unreachable', 'arrived', 'failed') }),
  ),
  { maxLength: 80 },
) as fc.Arbitrary<readonly Step[]>;

/** Messages on the way, as a leader keeps them: what left and was not answered. */
function apply(progress: Progress, step: Step): void {
  switch (step.kind) {
    case 'send':
      if (!progress.paused) progress.sent(progress.next + (step.value % 4), 10 + step.value);
      break;
    case 'accept':
      progress.accepted(step.value);
      break;
    case 'refuse':
      progress.refused(step.value, step.value - 3);
      break;
    case 'snapshot':
      progress.snapshotSent(progress.match + step.value);
      break;
    case 'heard':
      progress.heardFrom();
      break;
    case 'unreachable':
      progress.unreachable();
      break;
    case 'arrived':
      progress.snapshotEnded(true);
      break;
    case 'failed':
      progress.snapshotEnded(false);
      break;
    default:
      step satisfies never;
  }
}

describe('the progress of a follower', () => {
  it('match only grows, next stays above it, the window holds', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const progress = new Progress(10, window);
        for (const step of list) {
          const { match } = progress;

          apply(progress, step);

          expect(progress.match).toBeGreaterThanOrEqual(match);
          expect(progress.next).toBeGreaterThan(progress.match);
          expect(progress.status().inflight).toBeLessThanOrEqual(window.messages);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('a follower that answers heartbeats, and whose snapshot ended, is never stuck', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const progress = new Progress(10, window);
        for (const step of list) apply(progress, step);

        progress.snapshotEnded(false);
        for (let i = 0; i < window.messages; i += 1) progress.heardFrom();

        expect(progress.paused).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('an acknowledgement frees what it covers and no more', () => {
    const progress = new Progress(1, window);
    progress.accepted(0);
    for (const last of [1, 2, 3]) progress.sent(last, 10);
    const full = progress.paused;

    progress.accepted(2);

    expect([full, progress.paused, progress.status().inflight]).toEqual([true, false, 1]);
  });

  it('a stale refusal changes nothing', () => {
    const progress = new Progress(5, window);
    progress.accepted(4);
    progress.sent(6, 10);

    const changed = progress.refused(3, 1);

    expect([changed, progress.state, progress.next]).toEqual([false, 'replicate', 7]);
  });

  it('a snapshot that arrived counts when the follower itself says so', () => {
    const progress = new Progress(5, window);
    progress.snapshotSent(20);

    progress.snapshotEnded(true);
    const before = [progress.match, progress.next, progress.paused];
    progress.accepted(20);

    expect(before).toEqual([0, 21, true]);
    expect([progress.match, progress.next, progress.state]).toEqual([20, 21, 'replicate']);
  });
});
