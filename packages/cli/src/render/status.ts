// The status on one screen: the verdict first, then a row a node.
import { servingOf } from '@corral/cluster';
import type { ClusterStatus } from '@corral/cluster';
import type { Context } from '../context.js';
import { colours } from '../context.js';
import { table } from './table.js';

export function renderStatus(status: ClusterStatus, context: Context): string {
  const c = colours(context);
  const central = status.nodes.filter((node) => node.role === 'central');
  const up = servingOf(status.nodes).length;
  const verdict = {
    healthy: c.green(`HEALTHY  can lose ${status.tolerates} of ${central.length} central nodes`),
    degraded: c.yellow(
      `DEGRADED  ${up} of ${central.length} central nodes · ` +
        (status.tolerates === 0
          ? 'one more loss stops writes'
          : `can lose ${status.tolerates} more`),
    ),
    'no-quorum': c.red(
      `NO QUORUM  ${up} of ${central.length} central nodes · writes are impossible`,
    ),
    stopped: c.dim(`STOPPED  ${status.name}`),
  }[status.state];
  const highest = Math.max(0, ...status.nodes.map((node) => node.raft?.commit ?? 0));
  const rows = status.nodes.map((node) => [
    node.name,
    node.raft?.role ?? (node.role === 'worker' ? 'worker' : '-'),
    node.state === 'running' ? 'up' : node.state,
    node.raft === null ? '-' : String(node.raft.term),
    node.raft === null ? '-' : String(node.raft.commit),
    node.raft === null ? '-' : String(node.raft.applied),
    node.raft === null ? '-' : String(Math.max(0, highest - node.raft.applied)),
    node.clientUrls[0] ?? '-',
    node.faults.join(' ') || '-',
  ]);
  const head = ['NODE', 'ROLE', 'STATE', 'TERM', 'COMMIT', 'APPLIED', 'LAG', 'STORE', 'FAULTS'];
  const skipped = status.nodes.flatMap((node) =>
    node.units
      .filter((unit) => unit.state === 'skipped' || unit.state === 'failed')
      .map((unit) => `  ${node.name}  ${unit.name}  ${unit.state}: ${unit.reason ?? ''}`),
  );
  const noDiscovery = status.discovery === null && status.state !== 'stopped';
  const faulty = noDiscovery || status.nodes.some((node) => node.faults.length > 0);
  const lines = [verdict, table([head, ...rows]), ...skipped];
  if (noDiscovery) lines.push('  the discovery service is stopped');
  if (faulty) lines.push(`next: corral fault heal --all${nameFlag(status.name)}`);
  return `${lines.join('\n')}\n`;
}

/** The option that a hint needs for a cluster that is not the default. */
export function nameFlag(name: string): string {
  return name === 'default' ? '' : ` -n ${name}`;
}
