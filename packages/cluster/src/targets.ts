// What a user may call a node: its name, a unique beginning of it, or a role.
import { ClusterError } from './errors.js';
import type { ClusterStatus, NodeStatus } from './status.js';

/** Throws ClusterError E_UNKNOWN_NODE, which names what there is. */
export function resolveTarget(status: ClusterStatus, target: string): NodeStatus {
  const { nodes, leader, name } = status;
  const exact = nodes.find((node) => node.name === target);
  const byRole = exact === undefined ? nodeOfRole(status, target) : undefined;
  const beginning = nodes.filter((node) => node.name.startsWith(target));
  const found = exact ?? byRole ?? (beginning.length === 1 ? beginning[0] : undefined);
  if (found !== undefined) return found;
  const names = nodes.map((node) => node.name).join(' ');
  const near = nodes.find(
    (node) => node.name.at(-1) === target.at(-1) && node.name[0] === target[0],
  );
  const hint = near === undefined ? '' : ` Did you mean ${near.name}?`;
  const what = roles.includes(target)
    ? `There is no ${target} in "${name}" now.`
    : `No node "${target}" in "${name}".`;
  throw new ClusterError(
    'E_UNKNOWN_NODE',
    `${what}${hint} Nodes: ${names}; roles: leader(${leader ?? 'none'}) follower worker any`,
  );
}

const roles = ['leader', 'follower', 'worker', 'any'];

function nodeOfRole({ nodes, leader }: ClusterStatus, role: string): NodeStatus | undefined {
  const running = nodes.filter((node) => node.state === 'running');
  switch (role) {
    case 'leader':
      return nodes.find((node) => node.name === leader);
    case 'worker':
      return running.find((node) => node.role === 'worker');
    case 'follower':
      return running.find((node) => node.raft !== null && node.name !== leader);
    case 'any':
      return running[0];
    default:
      return undefined;
  }
}
