// Bounds that a member keeps whatever its flags say.

/** Log entries that stay behind a snapshot for followers that lag a little (etcd: 5,000). */
export const keptEntries = 5_000;
/** Their bytes, at the most: entries may be a MiB each. */
export const keptBytesMax = 32 * 1024 * 1024;
/** Bytes of entries since the last snapshot that call for a new one, if that one was not larger. */
export const snapshotBytes = 64 * 1024 * 1024;
/** Proposals that wait for an answer, in bytes. */
export const pendingBytesMax = 128 * 1024 * 1024;
/** Events that a watch can look back on. */
export const historyMax = 1_000;

/** How long a request may take, and how long it may wait without a leader, in ms (etcd 2.3). */
export function timeLimits(electionTimeoutMs: number): {
  readonly timeoutMs: number;
  readonly leaderlessMs: number;
} {
  return { timeoutMs: 5_000 + 2 * electionTimeoutMs, leaderlessMs: 3 * electionTimeoutMs };
}
