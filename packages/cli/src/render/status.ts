// The status on one screen: the verdict first, then a row a node, then who is missing and which
// faults are in force, each with the command that mends it.
import { age, explainMissing, nameFlag, servingOf } from '@corral/cluster';
import type { ClusterStatus, FaultRecord, NodeStatus, QuorumView } from '@corral/cluster';
import type { Context } from '../context.js';
import { colours } from '../context.js';
import { table } from './table.js';

/** What a screen shows: the cluster, its faults, and when. */
export type StatusView = QuorumView & { readonly status: ClusterStatus };

export function renderStatus(view: StatusView, context: Context, wide = false): string {
  const { status } = view;
  const rows = nodeRows(status, wide);
  // On a node that is down nothing runs: that is said once, in its row.
  const running = status.nodes.filter((node) => node.state === 'running');
  const skipped = running.flatMap((node) =>
    node.units
      .filter((unit) => unit.state === 'skipped' || unit.state === 'failed')
      .map((unit) => `  ${node.name}  ${unit.name}  ${unit.state}: ${unit.reason ?? ''}`),
  );
  const lines = [
    verdictLine(view, context),
    nodeTable(rows, context, wide),
    ...missingLines(view),
    ...faultLines(view),
    ...skipped,
  ];
  const noDiscovery = status.discovery === null && status.state !== 'stopped';
  if (noDiscovery) lines.push('  the discovery service is stopped');
  if (status.state === 'stopped') lines.push(`next: corral start${nameFlag(status.name)}`);
  else if (noDiscovery || view.faults.length > 0) {
    lines.push(`next: corral fault heal --all${nameFlag(status.name)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The nodes alone, as `node ls` shows them. */
export function renderNodes(status: ClusterStatus, context: Context, wide = false): string {
  return `${nodeTable(nodeRows(status, wide), context, wide)}\n`;
}

/** "kill n2", "cut n1:n2 n2:n1": what a fault does, and where. */
export function whereOf({ spec }: FaultRecord): string {
  if ('node' in spec) return spec.node;
  if (!('links' in spec)) return 'discovery';
  return spec.links.map(({ from, to }) => `${from}:${to}`).join(' ');
}

/** When a fault ends: "in 8 s", or not by itself. */
export function endOf({ until }: FaultRecord, wallTime: number): string {
  if (until === null) return 'healed';
  return `in ${Math.max(0, Math.ceil((Date.parse(until) - wallTime) / 1000))} s`;
}

function verdictLine(view: StatusView, context: Context): string {
  const { status } = view;
  const c = colours(context, 'stdout');
  const central = status.nodes.filter((node) => node.role === 'central').length;
  switch (status.state) {
    case 'healthy':
      return c.green(`HEALTHY  can lose ${status.tolerates} of ${central} central nodes`);
    case 'degraded': {
      const left =
        status.tolerates === 0 ? 'one more loss stops writes' : `can lose ${status.tolerates} more`;
      const up = servingOf(status.nodes).length;
      return c.yellow(`DEGRADED  ${up} of ${central} central nodes · ${left}`);
    }
    case 'no-quorum': {
      const { reachable } = explainMissing(view);
      const names = reachable.length === 0 ? '' : ` (${reachable.join(' ')})`;
      const why =
        reachable.length > central / 2 ? 'an election is under way' : 'writes are impossible';
      return c.red(
        `NO QUORUM  ${reachable.length} of ${central} central nodes reachable${names} · ${why}`,
      );
    }
    case 'stopped':
      return c.dim(`STOPPED  ${status.name}`);
    default:
      return status.state satisfies never;
  }
}

function missingLines(view: StatusView): readonly string[] {
  if (!['degraded', 'no-quorum'].includes(view.status.state)) return [];
  const { missing } = explainMissing(view);
  if (missing.length === 0) return [];
  const rows = missing.map(({ node, why, remedy }) => [`  ${node}`, why, `fix: ${remedy}`]);
  return ['missing', ...table(rows).split('\n')];
}

function faultLines({ faults, wallTime }: StatusView): readonly string[] {
  if (faults.length === 0) return [];
  const rows = faults.map((fault) => [
    `  #${fault.id}`,
    fault.spec.kind,
    whereOf(fault),
    `${age(fault.since, wallTime)} ago${fault.until === null ? '' : `, heals ${endOf(fault, wallTime)}`}`,
  ]);
  return ['faults in force', ...table(rows).split('\n')];
}

function nodeTable(
  rows: readonly (readonly string[])[],
  { terminal }: Context,
  wide: boolean,
): string {
  return table(rows, terminal.screen && !wide ? terminal.width : Infinity);
}

function nodeRows(status: ClusterStatus, wide: boolean): readonly (readonly string[])[] {
  const highest = Math.max(0, ...status.nodes.map((node) => node.raft?.commit ?? 0));
  const head = ['NODE', 'ROLE', 'STATE', 'TERM', 'COMMIT', 'APPLIED', 'LAG', 'STORE'];
  const more = ['HOSTNAME', 'PID', 'MEMBER', 'PEER', 'UNITS', 'DEV'];
  return [
    [...head, ...(wide ? more : []), 'FAULTS'],
    ...status.nodes.map((node) => [
      ...cellsOf(node, highest),
      ...(wide ? wideCellsOf(node) : []),
      node.faults.join(' ') || '-',
    ]),
  ];
}

function cellsOf(node: NodeStatus, highest: number): readonly string[] {
  const { raft } = node;
  const figure = (value: number | undefined): string => (value === undefined ? '-' : String(value));
  return [
    node.name,
    raft?.role ?? (node.role === 'worker' ? 'worker' : '-'),
    node.state === 'running' ? 'up' : node.state,
    figure(raft?.term),
    figure(raft?.commit),
    figure(raft?.applied),
    figure(raft === null ? undefined : Math.max(0, highest - raft.applied)),
    node.clientUrls[0] ?? '-',
  ];
}

function wideCellsOf(node: NodeStatus): readonly string[] {
  const active = node.units.filter((unit) => unit.state === 'active').length;
  return [
    node.hostname,
    node.pid === null ? '-' : String(node.pid),
    node.memberId ?? '-',
    node.peerUrls[0] ?? '-',
    `${active}/${node.units.length}`,
    devCellOf(node),
  ];
}

/** "etcd2 0123456789ab": programs that run code from a working tree. */
function devCellOf({ dev }: NodeStatus): string {
  const words = Object.entries(dev).map(([program, hash]) => `${program} ${hash}`);
  return words.join(', ') || '-';
}
