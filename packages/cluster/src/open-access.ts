// Which access belongs to a node: by what its cluster is made of.
import type { NodeAccess } from './access.js';
import { DockerAccess } from './docker/access.js';
import type { Environment } from './hosts.js';
import type { ClusterPlan } from './plan.js';
import { ProcessAccess } from './process/access.js';
import type { ClusterState } from './state.js';
import type { NodeStatus } from './status.js';

export function openAccess(options: {
  readonly state: ClusterState;
  readonly plan: ClusterPlan;
  readonly node: NodeStatus;
  readonly environment: Environment;
}): NodeAccess {
  return options.plan.runtime === 'docker' ? new DockerAccess(options) : new ProcessAccess(options);
}
