// wait: returns when a condition holds; says how things stand when it does not in time.
import { ClusterError, explainMissing, nameFlag } from '@corral/cluster';
import type { Cluster, ClusterStatus } from '@corral/cluster';
import { poll, systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { show } from '../context.js';
import { UsageError } from '../render/error.js';
import { printObject } from '../render/objects.js';
import { outputForm } from './forms.js';
import type { CommonOptions } from './forms.js';
import { duration, openCluster, progressOf } from './options.js';
import { viewOf } from './report.js';

export type WaitFlags = CommonOptions & { readonly for: string; readonly timeout: string };

type Condition = (status: ClusterStatus) => boolean | Promise<boolean>;

/** Throws ClusterError E_TIMEOUT with the state as it is then. */
export async function runWait(flags: WaitFlags, context: Context): Promise<void> {
  const form = outputForm(flags);
  const timeoutMs = duration('--timeout', flags.timeout);
  const cluster = await openCluster(undefined, flags, context);
  const holds = conditionOf(flags.for, cluster);
  const progress = progressOf(flags, context, `corral wait ${flags.for}`);
  context.onLeave(`corral wait --for ${flags.for}${nameFlag(cluster.name)} waits again`);
  const waiting = poll(
    async () => {
      const now = await cluster.status({ units: false });
      return (await holds(now)) ? now : undefined;
    },
    { clock: systemClock, what: flags.for, timeoutMs, signal: context.signal },
  );
  const status = await progress
    .during(`waiting for ${flags.for}`, waiting)
    .catch(async (error: unknown) => {
      context.signal.throwIfAborted();
      if (!(error instanceof Error) || error.name === 'AbortError') throw error;
      const stands = await describeState(cluster);
      throw new ClusterError(
        'E_TIMEOUT',
        `"${flags.for}" did not come within ${flags.timeout}; now: ${stands}`,
        { cause: error, remedies: [`corral status${nameFlag(cluster.name)}`] },
      );
    });
  if (form === 'table') show(context, `${flags.for}\n`);
  else await printObject(context, form === 'yaml' ? 'yaml' : 'json', status);
}

function conditionOf(condition: string, cluster: Cluster): Condition {
  const conditions: Readonly<Record<string, Condition>> = {
    ready: (status) => status.state === 'healthy',
    leader: (status) => status.leader !== null,
    converged: (status) => new Set(appliedOf(status)).size === 1,
  };
  if (/^key\/./.test(condition)) return () => hasKey(cluster, condition.slice('key'.length));
  const known = Object.hasOwn(conditions, condition) ? conditions[condition] : undefined;
  if (known !== undefined) return known;
  throw new UsageError(`--for ${condition}: ready, leader, converged or key/PATH`);
}

/** "degraded, leader n1, applied n1:41 n3:41, n2 killed 12 s ago by fault #2". */
async function describeState(cluster: Cluster): Promise<string> {
  const view = await viewOf(cluster);
  const { status } = view;
  const applied = status.nodes.flatMap(({ name, raft }) =>
    raft === null ? [] : [`${name}:${raft.applied}`],
  );
  const workers = status.nodes.filter(
    ({ role, state }) => role === 'worker' && state !== 'running',
  );
  return [
    status.state,
    status.leader === null ? 'nobody leads' : `leader ${status.leader}`,
    ...(applied.length === 0 ? [] : [`applied ${applied.join(' ')}`]),
    ...explainMissing(view).missing.map(({ node, why }) => `${node} ${why}`),
    ...workers.map(({ name, state }) => `${name} ${state}`),
  ].join(', ');
}

function appliedOf({ nodes }: ClusterStatus): readonly number[] {
  return nodes.flatMap((node) => (node.raft === null ? [] : [node.raft.applied]));
}

async function hasKey(cluster: Cluster, key: string): Promise<boolean> {
  const client = await cluster.client({ timeoutMs: 2_000 });
  try {
    return await client.keys.get(key).then(
      () => true,
      () => false,
    );
  } finally {
    client.close();
  }
}
