// What is said when a node does not come up: which one, why, and the end of its log.
import { ClusterError } from '../errors.js';
import type { ProcessNode } from './node.js';

const logLines = 3;

/** The store of a node ended while it booted. */
export function startFailure(node: ProcessNode): ClusterError {
  const { name } = node.plan;
  return new ClusterError('E_FAILED', `etcd2 of ${name} does not start (${node.storeReason})`, {
    details: { node: name, log: node.lastLogLines(logLines) },
    remedies: lookInside(name),
  });
}

/** A time-out names the node that hangs; other errors stay as they are. */
export function explainTimeout(error: unknown, nodes: readonly ProcessNode[]): unknown {
  if (!(error instanceof ClusterError) || error.code !== 'E_TIMEOUT') return error;
  const slow = nodes.find((node) => node.storeState !== 'active');
  if (slow === undefined) return error;
  const { name } = slow.plan;
  return new ClusterError('E_TIMEOUT', `${error.message}; the store of ${name} is not ready`, {
    cause: error,
    details: { node: name, log: slow.lastLogLines(logLines) },
    remedies: lookInside(name),
  });
}

function lookInside(name: string): readonly string[] {
  return [`corral up --keep-on-failure, then corral logs ${name}`];
}
