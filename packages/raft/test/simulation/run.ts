// Runs one seed; a failure says which seed it was and how to see it again.
import type { Core } from './world.js';
import { World } from './world.js';
import { Violation } from './judge.js';
import type { SimOptions } from './options.js';

export type Outcome = {
  readonly seed: number;
  readonly trace: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly failure: Error | undefined;
};

export function runSeed(
  seed: number,
  core: Core,
  change?: (drawn: SimOptions) => SimOptions,
): Outcome {
  const world = new World({ seed, core, ...(change === undefined ? {} : { change }) });
  let failure: Error | undefined;
  try {
    world.run();
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  const { trace, events, now: virtualMs } = world;
  return { seed, trace, events, virtualMs, counts: world.judge.counts, failure };
}

/** The line that a failing seed prints. */
export function replayLine({ seed, failure }: Outcome): string {
  const what = failure instanceof Violation ? failure.message : (failure?.stack ?? '');
  return `seed ${seed}: ${what}\n  CORRAL_SIM_SEED=${seed} npx vitest run --project raft simulation`;
}
