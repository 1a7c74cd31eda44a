// Seeded randomness: the same everywhere, evenly spread, independent by label.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomPrng, seededPrng } from '../src/prng.js';

function draw(seed: number, count: number): number[] {
  const prng = seededPrng(seed);
  return Array.from({ length: count }, () => prng.below(1_000_000));
}

/** xoshiro128** as its authors publish it, in exact integers. */
function reference(state: [bigint, bigint, bigint, bigint]): () => bigint {
  const word = 0xffff_ffffn;
  const rotate = (value: bigint, bits: bigint): bigint =>
    ((value << bits) | (value >> (32n - bits))) & word;
  return () => {
    const result = (rotate((state[1] * 5n) & word, 7n) * 9n) & word;
    const shifted = (state[1] << 9n) & word;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 11n);
    return result;
  };
}

/** splitmix32 in exact integers. */
function seeds(seed: bigint): bigint[] {
  const word = 0xffff_ffffn;
  return [1n, 2n, 3n, 4n].map((round) => {
    let mixed = (seed + round * 0x9e3779b9n) & word;
    mixed = ((mixed ^ (mixed >> 16n)) * 0x21f0aaadn) & word;
    mixed = ((mixed ^ (mixed >> 15n)) * 0x735a2d97n) & word;
    return mixed ^ (mixed >> 15n);
  });
}

describe('a seeded stream', () => {
  it('is xoshiro128** seeded by splitmix32, for any seed of 32 bits', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (seed) => {
        const next = reference(seeds(BigInt(seed)) as [bigint, bigint, bigint, bigint]);
        const prng = seededPrng(seed);

        for (let i = 0; i < 20; i += 1) {
          expect(prng.next() * 4_294_967_296).toBe(Number(next()));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('gives the numbers that it gave in every version of this file', () => {
    expect(draw(1, 4)).toEqual(draw(1, 4));
    expect(draw(1, 4)).toMatchInlineSnapshot(`
      [
        91569,
        506197,
        888192,
        487255,
      ]
    `);
  });

  it('stays inside its limits and reaches all of a small range evenly', () => {
    const prng = seededPrng(42);
    const counts = new Array<number>(8).fill(0);

    for (let i = 0; i < 16_000; i += 1) counts[prng.below(8)]! += 1;

    expect(counts).toHaveLength(8);
    expect(Math.min(...counts)).toBeGreaterThan(1_850);
    expect(Math.max(...counts)).toBeLessThan(2_150);
  });
});

describe('a fork', () => {
  it('depends on seed and label, not on what was drawn before', () => {
    const early = seededPrng(5);
    const late = seededPrng(5);
    for (let i = 0; i < 100; i += 1) late.next();

    expect(late.fork('disk').next()).toBe(early.fork('disk').next());
  });

  it('gives other streams for other labels and other seeds', () => {
    const firsts = [1, 2, 3].flatMap((seed) =>
      ['', 'disk', 'disc', 'network'].map((label) => seededPrng(seed).fork(label).next()),
    );

    expect(new Set(firsts).size).toBe(12);
  });

  it('does not move the stream it comes from', () => {
    const forked = seededPrng(9);
    forked.fork('x').next();

    expect(forked.next()).toBe(seededPrng(9).next());
  });
});

it('streams seeded by the system differ', () => {
  const firsts = Array.from({ length: 8 }, () => randomPrng().next());

  expect(new Set(firsts).size).toBeGreaterThan(6);
});
