// --timeout bounds a whole command: when it is over, the work is called off, and the error says which
// node is slow, with the end of its log. Ctrl-C calls the work off, too.
import { ClusterError } from '@corral/cluster';
import type { Cluster, NodeStatus } from '@corral/cluster';
import { systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { duration } from './options.js';

const logLinesMax = 10;
const lookMs = 2_000;

export type Bounds = {
  readonly context: Context;
  /** What the user gave; undefined is no limit. */
  readonly timeout: string | undefined;
  /** For the message: `corral up`. */
  readonly what: string;
  /** What becomes of what was begun, in words. */
  readonly undoing: string;
  /** The cluster, once it is there. */
  readonly cluster: () => Cluster | undefined;
};

/** Throws ClusterError E_TIMEOUT when the time is over and the work is undone. */
export async function bounded<T>(
  bounds: Bounds,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { context, timeout } = bounds;
  if (timeout === undefined) return work(context.signal);
  const limitMs = duration('--timeout', timeout);
  const over = new AbortController();
  let late: ClusterError | undefined;
  const timer = systemClock.setTimer(limitMs, () => {
    void describeSlowness(bounds).then((error) => {
      late = error;
      over.abort(error);
    });
  });
  try {
    return await work(AbortSignal.any([context.signal, over.signal]));
  } catch (error) {
    throw late ?? error;
  } finally {
    timer.cancel();
  }
}

async function describeSlowness(bounds: Bounds): Promise<ClusterError> {
  const { what, timeout = '', undoing } = bounds;
  const seen = await Promise.race([
    findSlow(bounds.cluster(), bounds.context).catch(() => undefined),
    systemClock.sleep(lookMs).then(() => undefined),
  ]);
  const why = seen === undefined ? '' : `; ${seen.why}`;
  return new ClusterError('E_TIMEOUT', `${what} did not end within ${timeout}${why}. ${undoing}`, {
    details: seen === undefined ? {} : { node: seen.node, log: seen.log },
    remedies: ['give it more time: --timeout 2m'],
  });
}

async function findSlow(
  cluster: Cluster | undefined,
  context: Context,
): Promise<
  { readonly node: string; readonly why: string; readonly log: readonly string[] } | undefined
> {
  if (cluster === undefined) return undefined;
  const { nodes, leader } = await cluster.status();
  const late = nodes.filter((node) => !serves(node));
  // Whoever was broken on purpose is not what this command waits for.
  const slow = late.find((node) => node.faults.length === 0) ?? late[0] ?? nodes.at(-1);
  if (slow === undefined) return undefined;
  const why = serves(slow)
    ? leader === null
      ? 'nobody leads yet'
      : `${slow.name} serves, but the proof is missing`
    : `the store of ${slow.name} is not ready (the node is ${slow.state})`;
  const log = await cluster
    .access(slow, context.environment)
    .lastLines('etcd2.service', logLinesMax);
  return { node: slow.name, why, log };
}

function serves({ role, state, raft, units }: NodeStatus): boolean {
  if (state !== 'running') return false;
  const store = units.find((unit) => unit.name === 'etcd2.service');
  return store?.state === 'active' && (role === 'worker' || raft !== null);
}
