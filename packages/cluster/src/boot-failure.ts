// What is said when a node does not come up: which one, why, and the end of its log.
import { ClusterError } from './errors.js';
import type { NodeHandle } from './runtime.js';

/** CoreOS's name of the unit that runs the store. */
export const storeUnit = 'etcd2.service';
const logLines = 3;

/** The store of a node ended while it booted; `why` in a few words. */
export async function startFailure(node: NodeHandle, why: string): Promise<ClusterError> {
  const { name } = node.plan;
  return new ClusterError('E_FAILED', `etcd2 of ${name} does not start (${why})`, {
    details: { node: name, log: await node.lastLogLines(logLines) },
    remedies: lookInside(name),
  });
}

/** A unit of a running node could not be restarted; `what` follows its name. */
export async function unitFailure(
  node: NodeHandle,
  unit: string,
  what: string,
): Promise<ClusterError> {
  const { name } = node.plan;
  return new ClusterError('E_FAILED', `${unit} of ${name} ${what}`, {
    details: { node: name, log: await node.lastLogLines(logLines) },
    remedies: [`corral logs ${name}`],
  });
}

/** A time-out names the node that hangs; other errors stay as they are. */
export async function explainTimeout(
  error: unknown,
  nodes: readonly NodeHandle[],
): Promise<unknown> {
  if (!(error instanceof ClusterError) || error.code !== 'E_TIMEOUT') return error;
  for (const node of nodes) {
    const { units } = await node.inspect();
    const store = units.find((unit) => unit.name === storeUnit)?.state;
    if (store === 'active') continue;
    const { name } = node.plan;
    return new ClusterError('E_TIMEOUT', `${error.message}; the store of ${name} is not ready`, {
      cause: error,
      details: { node: name, log: await node.lastLogLines(logLines) },
      remedies: lookInside(name),
    });
  }
  return error;
}

function lookInside(name: string): readonly string[] {
  return [`corral up --keep-on-failure, then corral logs ${name}`];
}
