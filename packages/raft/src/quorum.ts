// Quorum arithmetic: pure functions over small arrays.

/** The least number of members that is more than half of `size`. */
export function majorityOf(size: number): number {
  return Math.floor(size / 2) + 1;
}

/** The highest index that a majority of `matches` has reached; 0 for no members. */
export function majorityIndex(matches: readonly number[]): number {
  if (matches.length === 0) return 0;
  const sorted = [...matches].sort((a, b) => b - a);
  return sorted[majorityOf(sorted.length) - 1] ?? 0;
}

export type Tally = 'won' | 'lost' | 'open';

/** How a vote stands: votes of members that are no voters do not count. */
export function tallyVotes<Id>(voters: Iterable<Id>, votes: ReadonlyMap<Id, boolean>): Tally {
  let size = 0;
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    size += 1;
    const vote = votes.get(voter);
    if (vote === true) granted += 1;
    else if (vote === false) refused += 1;
  }
  const needed = majorityOf(size);
  if (size > 0 && granted >= needed) return 'won';
  return size - refused < needed ? 'lost' : 'open';
}
