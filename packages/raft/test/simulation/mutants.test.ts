// The power of the simulation: each planted fault is found within a bounded number of seeds.
//   CORRAL_SIM_MUTANT_SEEDS=20000 npx vitest run --project raft mutants    looks longer
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadMutant, mutants } from './mutants.js';
import type { Mutant } from './mutants.js';
import { runSeed } from './run.js';
import type { Core } from './world.js';

const seedsMax = Number(process.env['CORRAL_SIM_MUTANT_SEEDS'] ?? 1_500);
const folder = mkdtempSync(join(tmpdir(), 'corral-raft-mutants-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function firstFailure(
  core: Core,
  { aim }: Pick<Mutant, 'aim'>,
): { readonly seed: number; readonly message: string } | undefined {
  for (let seed = 1; seed <= seedsMax; seed += 1) {
    const { failure } = runSeed(seed, core, aim);
    if (failure !== undefined) return { seed, message: failure.message };
  }
  return undefined;
}

describe('the simulation finds a core that', () => {
  it.each(mutants.map((mutant, i) => [mutant.name, mutant, i] as const))(
    '%s',
    { timeout: 300_000 },
    async (_, mutant, i) => {
      const core = await loadMutant(mutant, join(folder, String(i)));

      const found = firstFailure(core, mutant);

      expect(found, `no seed up to ${seedsMax} found it`).toBeDefined();
      expect(found?.message).toMatch(mutant.violates);
    },
  );

  it('the unchanged core, loaded in the same way, passes', { timeout: 60_000 }, async () => {
    const nothing = { name: 'nothing', file: 'quorum.ts', violates: /never/ };
    const text = 'return Math.floor(size / 2) + 1;';
    const core = await loadMutant({ ...nothing, from: text, to: text }, join(folder, 'none'));

    const failures = [1, 2, 3, 4, 5].map((seed) => runSeed(seed, core).failure);

    expect(failures).toEqual(Array.from({ length: 5 }, () => undefined));
  });
});
