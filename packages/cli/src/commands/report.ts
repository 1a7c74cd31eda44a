// What is said after something was done to a cluster: what it was, who leads now, and the status.
import type { Cluster, ClusterStatus } from '@corral/cluster';
import { systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { show } from '../context.js';
import { printObject } from '../render/objects.js';
import { renderStatus } from '../render/status.js';
import type { StatusView } from '../render/status.js';
import { outputForm } from './forms.js';
import type { CommonOptions } from './forms.js';

/** Election time-outs are 1 to 2 s; a leader that is cut off steps down after as long. */
export const settleMs = 5_000;

/** Who leads after a loss, and since when. */
export function succession(status: ClusterStatus, begun: number): string {
  const leader = status.nodes.find((node) => node.name === status.leader);
  if (leader === undefined) return ' · nobody leads';
  const ms = Math.round(performance.now() - begun);
  return ` · ${leader.name} leads, term ${leader.raft?.term ?? 0}, seen ${ms} ms after`;
}

/** The status with what people want beside it. */
export async function viewOf(cluster: Cluster, known?: ClusterStatus): Promise<StatusView> {
  const [status, faults] = await Promise.all([known ?? cluster.status(), cluster.faults()]);
  return { status, faults, wallTime: systemClock.wallTime() };
}

export async function report(
  cluster: Cluster,
  status: ClusterStatus,
  what: string,
  flags: CommonOptions,
  context: Context,
): Promise<void> {
  const form = outputForm(flags);
  if (form === 'json' || form === 'yaml') {
    await printObject(context, form, status);
    return;
  }
  const text = flags.quiet === true ? '' : renderStatus(await viewOf(cluster, status), context);
  show(context, ` ${what}\n${text}`);
}
