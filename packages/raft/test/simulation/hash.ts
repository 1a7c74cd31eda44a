// A running 32-bit hash: of the trace, and of every prefix of a log. A prefix's hash is also the
// state of the simulated state machine, so "equal state" and "equal prefix" are one comparison.
import type { Entry } from '../../src/index.js';

export function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ (value + 0x7f4a7c15), 0x9e3779b1);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x85ebca77);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** The hash of a log up to `entry`, from the hash up to the one before. */
export function extend(prefix: number, entry: Entry): number {
  let hash = mix(mix(prefix, entry.index), entry.term);
  for (const byte of entry.data) hash = mix(hash, byte);
  if (entry.change === undefined) return hash;
  hash = mix(hash, entry.change.kind.length);
  for (let i = 0; i < entry.change.node.length; i += 1) {
    hash = mix(hash, entry.change.node.charCodeAt(i));
  }
  return hash;
}
