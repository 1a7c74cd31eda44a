// Why central nodes do not take part, in words, and the command that brings each back. The status
// without a quorum and the refusal of a membership change say the same.
import { ClusterError } from './errors.js';
import type { FaultRecord } from './faults.js';
import type { ClusterStatus, NodeStatus } from './status.js';

export type MissingNode = {
  readonly node: string;
  /** For instance "killed 12 s ago by fault #2". */
  readonly why: string;
  /** One command. */
  readonly remedy: string;
};

export type QuorumView = {
  readonly status: Pick<ClusterStatus, 'name' | 'nodes' | 'leader'>;
  /** In force now. */
  readonly faults: readonly FaultRecord[];
  /** Milliseconds since the epoch. */
  readonly wallTime: number;
};

const remediesMax = 3;

/**
 * The largest group of central nodes that run, answer and can talk to each other (the leader's, if
 * there is one), and for each central node outside of it why it is there.
 */
export function explainMissing(view: QuorumView): {
  readonly reachable: readonly string[];
  readonly missing: readonly MissingNode[];
} {
  const central = view.status.nodes.filter((node) => node.role === 'central');
  const reachable = largestGroup(view, central);
  const missing = central
    .filter(({ name }) => !reachable.includes(name))
    .map((node) => ({ node: node.name, ...reasonOf(node, reachable, view) }));
  return { reachable, missing };
}

/** ClusterError E_NO_QUORUM: who is missing, why, and the command for each. */
export function noQuorumError(what: string, view: QuorumView): ClusterError {
  const { reachable, missing } = explainMissing(view);
  const central = view.status.nodes.filter((node) => node.role === 'central').length;
  const names = reachable.length === 0 ? '' : ` (${reachable.join(' ')})`;
  const there = `${reachable.length} of ${central} central nodes reachable${names}`;
  const reasons = missing.map(({ node, why }) => `${node} ${why}`);
  const enough = reachable.length > central / 2;
  const all = [there, ...reasons, ...(enough ? ['an election is under way'] : [])].join(', ');
  const each = [...new Set(missing.map(({ remedy }) => remedy))];
  const remedies =
    each.length > remediesMax ? [`corral fault heal --all${nameFlag(view.status.name)}`] : each;
  return new ClusterError('E_NO_QUORUM', `${what}: ${all}`, {
    details: { reachable, missing },
    remedies: enough
      ? [...remedies, `corral wait --for leader${nameFlag(view.status.name)}`]
      : remedies,
  });
}

/** "12 s", "5 min", "3 h", "2 d": how long ago a moment was. */
export function age(since: string, wallTime: number): string {
  const seconds = Math.max(0, Math.round((wallTime - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 120 * 60) return `${Math.floor(seconds / 60)} min`;
  return seconds < 48 * 3600
    ? `${Math.floor(seconds / 3600)} h`
    : `${Math.floor(seconds / 86_400)} d`;
}

/** The option that a command needs for a cluster that is not the default. */
export function nameFlag(name: string): string {
  return name === 'default' ? '' : ` -n ${name}`;
}

function largestGroup(view: QuorumView, central: readonly NodeStatus[]): readonly string[] {
  const alive = central.filter((node) => node.state === 'running' && node.raft !== null);
  const groups = new Map<string, string[]>();
  for (const { name } of alive) {
    const joined = [...new Set(groups.values())].filter((group) =>
      group.some((other) => cuts(view.faults, name, [other]).length === 0),
    );
    const group = [...joined.flat(), name];
    for (const member of group) groups.set(member, group);
  }
  const { leader } = view.status;
  const led = leader === null ? undefined : groups.get(leader);
  const sorted = [...new Set(groups.values())].sort((a, b) => b.length - a.length);
  const names = led ?? sorted[0] ?? [];
  return central.map(({ name }) => name).filter((name) => names.includes(name));
}

/** Faults that keep a node from every one of `others`' links, in either direction. */
function cuts(
  faults: readonly FaultRecord[],
  node: string,
  others: readonly string[],
): readonly FaultRecord[] {
  return faults.filter(
    ({ spec }) =>
      (spec.kind === 'cut' || spec.kind === 'refuse') &&
      spec.links.some(
        ({ from, to }) =>
          (from === node && others.includes(to)) || (to === node && others.includes(from)),
      ),
  );
}

function reasonOf(
  node: NodeStatus,
  reachable: readonly string[],
  { status, faults, wallTime }: QuorumView,
): Omit<MissingNode, 'node'> {
  const n = nameFlag(status.name);
  const own = faults.find(({ spec }) => 'node' in spec && spec.node === node.name);
  if (node.state !== 'running') {
    if (own === undefined) {
      return { why: node.state, remedy: `corral node start ${node.name}${n}` };
    }
    const ago = age(own.since, wallTime);
    return {
      why: `${node.state} ${ago} ago by fault #${own.id}`,
      remedy: `corral fault heal ${own.id}${n}`,
    };
  }
  if (node.raft === null) {
    return { why: 'runs, but its store does not answer', remedy: `corral logs ${node.name}${n}` };
  }
  const found = cuts(faults, node.name, reachable);
  const [first] = found;
  if (first === undefined)
    return { why: 'runs, but follows nobody', remedy: `corral logs ${node.name}${n}` };
  const ids = found.map(({ id }) => `#${id}`).join(' and ');
  return {
    why: `cut off ${age(first.since, wallTime)} ago by fault ${ids}`,
    remedy:
      found.length === 1
        ? `corral fault heal ${first.id}${n}`
        : `corral fault heal ${node.name}${n}`,
  };
}
