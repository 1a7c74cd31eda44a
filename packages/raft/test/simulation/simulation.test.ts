// A few thousand seeds of the simulated cluster.
//   CORRAL_SIM_SEED=7 npx vitest run --project raft simulation      one seed
//   CORRAL_SIM_SEEDS=100000 npx vitest run --project raft simulation   more of them
import { describe, expect, it } from 'vitest';
import { RaftNode } from '../../src/index.js';
import { replayLine, runSeed } from './run.js';

const single = process.env['CORRAL_SIM_SEED'];
const seeds = Number(process.env['CORRAL_SIM_SEEDS'] ?? 2_000);
const shards = 4;

/** What has to have happened somewhere, or the simulation shows less than it claims. */
const sometimes = [
  'elections',
  'committed entries',
  'overwritten entries',
  'acknowledged',
  'reads',
  'snapshots installed',
  'membership changes',
];

describe('a simulated cluster keeps its word under faults and comes right after them', () => {
  if (single === undefined) manySeeds();
  else oneSeed(Number(single));

  it('the same seed gives the same trace', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const first = runSeed(seed, RaftNode);
      const second = runSeed(seed, RaftNode);

      expect([second.trace, second.events]).toEqual([first.trace, first.events]);
    }
  });

  it('different seeds give different traces', () => {
    const traces = new Set(Array.from({ length: 20 }, (_, i) => runSeed(i + 1, RaftNode).trace));

    expect(traces.size).toBe(20);
  });
});

function manySeeds(): void {
  const totals = new Map<string, number>();

  it.each(Array.from({ length: shards }, (_, shard) => shard))(
    `${seeds} seeds, part %i of ${shards}`,
    { timeout: 60_000 + seeds * 100 },
    (shard) => {
      for (let seed = 1 + shard; seed <= seeds; seed += shards) {
        const outcome = runSeed(seed, RaftNode);

        expect(outcome.failure, replayLine(outcome)).toBe(undefined);

        for (const [what, n] of outcome.counts) totals.set(what, (totals.get(what) ?? 0) + n);
      }
    },
  );

  it('these seeds saw everything that they are meant to see', () => {
    const missing = sometimes.filter((what) => (totals.get(what) ?? 0) < seeds / 20);

    expect(missing, JSON.stringify(Object.fromEntries(totals))).toEqual([]);
  });
}

function oneSeed(seed: number): void {
  it(`seed ${seed}`, () => {
    const outcome = runSeed(seed, RaftNode);

    expect(outcome.failure, replayLine(outcome)).toBe(undefined);
  });
}
