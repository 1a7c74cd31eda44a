// Seeded randomness: xoshiro128** seeded through splitmix32. Same seed, same numbers, on every
// machine. `fork` derives an independent stream by label, so that drawing more numbers for one
// concern does not change another.
import { randomBytes } from 'node:crypto';

/** A source of random numbers. */
export interface Prng {
  /** A number in [0, 1). */
  next(): number;
  /** An integer in [0, limit). */
  below(limit: number): number;
  /** An independent stream that depends on this one's seed and on the label only. */
  fork(label: string): Prng;
}

/** A stream that `seed` (32 bits are used) determines. */
export function seededPrng(seed: number): Prng {
  return new Xoshiro128(seed >>> 0);
}

/** A stream seeded by the operating system. */
export function randomPrng(): Prng {
  return seededPrng(randomBytes(4).readUInt32LE());
}

class Xoshiro128 implements Prng {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    this.#seed = seed;
    const mix = splitmix32(seed);
    this.#a = mix();
    this.#b = mix();
    this.#c = mix();
    this.#d = mix();
  }

  next(): number {
    const scrambled = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return scrambled / 4_294_967_296;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  fork(label: string): Prng {
    let hash = this.#seed ^ 0x811c9dc5;
    for (let i = 0; i < label.length; i += 1) {
      hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
    }
    return new Xoshiro128(hash >>> 0);
  }
}

function splitmix32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
