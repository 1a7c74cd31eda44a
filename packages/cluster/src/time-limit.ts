// How long a node or a cluster may take to come up, and what is said when it takes longer.
import type { Clock } from '@corral/kit';
import { ClusterError } from './errors.js';

export const bootLimitMs = 30_000;

/** `work`, or ClusterError E_TIMEOUT after the limit, or the signal's reason. */
export async function within<T>(
  clock: Clock,
  work: Promise<T>,
  what: string,
  signal: AbortSignal,
): Promise<T> {
  const stop = new AbortController();
  const late = clock
    .sleep(bootLimitMs, { signal: AbortSignal.any([stop.signal, signal]) })
    .then(() => {
      throw new ClusterError('E_TIMEOUT', `waited ${bootLimitMs / 1000} s for ${what}`);
    });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort(new Error('done'));
  }
}
