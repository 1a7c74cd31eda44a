// What a test expects to be thrown.
import { ClusterError } from '../../../src/errors.js';

/** The ClusterError of `work`; anything else fails the test. */
export async function clusterErrorOf(work: () => unknown): Promise<ClusterError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ClusterError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
