// Log entries, identities and other small values that many tests need.
import type { Entry, HardState } from '@corral/raft';
import { encodeRequest } from '../../src/request-codec.js';

export const identity = { clusterId: 'c1', memberId: 'a1' };

/** A command entry whose data is `text`. */
export function entry(index: number, term: number, text = `entry ${index} of term ${term}`): Entry {
  return { index, term, kind: 'command', data: Buffer.from(text), change: undefined };
}

/** Contiguous entries of one term. */
export function entries(first: number, last: number, term: number): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term));
}

export function hard(term: number, commit = 0, vote?: string): HardState {
  return { term, vote, commit };
}

/** An entry that sets `key` on behalf of a client. */
export function setEntry(index: number, key: string, value: string, sequence = index): Entry {
  const command = {
    kind: 'set',
    path: `/1/${key}`,
    value,
    dir: false,
    expiration: undefined,
    refresh: false,
  } as const;
  const data = encodeRequest({ session: 7, sequence, low: 1 }, command);
  return { index, term: 1, kind: 'command', data, change: undefined };
}

/** "index.term" of each entry, and its text: enough to compare logs by. */
export function texts(log: readonly Entry[]): string[] {
  return log.map(({ index, term, data }) => `${index}.${term} ${Buffer.from(data).toString()}`);
}
