// Quorum arithmetic against a twin that tries every subset. CORRAL_SEED repeats a run.
import { randomInt } from 'node:crypto';
import { seededPrng } from '@corral/kit';
import { describe, expect, it } from 'vitest';
import { majorityIndex, majorityOf, tallyVotes } from '../src/quorum.js';

const seed = Number(process.env['CORRAL_SEED'] ?? randomInt(2 ** 31));
const configurations = 50_000;

/** Every set of more than half of the members, as bits. */
function majorities(size: number): number[] {
  const all = Array.from({ length: 2 ** size }, (_, bits) => bits);
  return all.filter((bits) => 2 * ones(bits) > size);
}

function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest > 0; rest >>= 1) count += rest & 1;
  return count;
}

const majoritiesOf = Array.from({ length: 8 }, (_, size) => majorities(size));

describe(`quorum arithmetic agrees with trying every subset (seed ${seed})`, () => {
  it(`what a majority has reached, ${configurations} configurations`, () => {
    const prng = seededPrng(seed);
    for (let n = 0; n < configurations; n += 1) {
      const matches = Array.from({ length: prng.below(8) }, () => prng.below(6));
      // The best index for which there is a majority that has all of it.
      let best = 0;
      for (const bits of majoritiesOf[matches.length]!) {
        const reached = matches.filter((_, i) => (bits >> i) & 1);
        best = Math.max(best, Math.min(...reached));
      }

      const index = majorityIndex(matches);

      if (index !== best) expect({ matches, index }).toEqual({ matches, index: best });
    }
  });

  it(`how a vote stands, ${configurations} configurations`, () => {
    const prng = seededPrng(seed).fork('votes');
    const results = new Set<string>();
    for (let n = 0; n < configurations; n += 1) {
      const voters = Array.from({ length: prng.below(8) }, (_, i) => i);
      const votes = new Map<number, boolean>();
      for (const id of [...voters, 100, 101]) {
        if (prng.next() < 0.7) votes.set(id, prng.next() < 0.5);
      }
      const has = (bits: number, may: (id: number) => boolean): boolean =>
        voters.every((id, i) => ((bits >> i) & 1) === 0 || may(id));
      const sets = majoritiesOf[voters.length]!;
      const won = sets.some((bits) => has(bits, (id) => votes.get(id) === true));
      const open = sets.some((bits) => has(bits, (id) => votes.get(id) !== false));
      const expected = won ? 'won' : open ? 'open' : 'lost';

      const tally = tallyVotes(voters, votes);

      results.add(tally);
      if (tally !== expected) expect({ voters, votes, tally }).toEqual({ tally: expected });
    }
    expect([...results].sort()).toEqual(['lost', 'open', 'won']);
  });

  it('two majorities of one size always meet, and so do those of neighbouring sizes', () => {
    for (let size = 1; size < 100; size += 1) {
      expect(2 * majorityOf(size)).toBeGreaterThan(size);
      expect(majorityOf(size) + majorityOf(size + 1)).toBeGreaterThan(size + 1);
    }
  });
});
