// What is said after something was done to a cluster: what it was, who leads now, and the status.
import type { ClusterStatus } from '@corral/cluster';
import type { Context } from '../context.js';
import { renderStatus } from '../render/status.js';
import { isJson } from './options.js';
import type { CommonOptions } from './options.js';

/** Election time-outs are 1 to 2 s; a leader that is cut off steps down after as long. */
export const settleMs = 5_000;

/** Who leads after a loss, and since when. */
export function succession(status: ClusterStatus, begun: number): string {
  const leader = status.nodes.find((node) => node.name === status.leader);
  if (leader === undefined) return ' · nobody leads';
  const ms = Math.round(performance.now() - begun);
  return ` · ${leader.name} leads, term ${leader.raft?.term ?? 0}, seen ${ms} ms after`;
}

export function report(
  status: ClusterStatus,
  what: string,
  flags: CommonOptions,
  context: Context,
): void {
  if (isJson(flags)) {
    context.streams.stdout(`${JSON.stringify(status)}\n`);
    return;
  }
  context.streams.stdout(` ${what}\n${renderStatus(status, context)}`);
}
