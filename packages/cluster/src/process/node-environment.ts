// What the programs of a node find in their environment: units, and what `corral exec` runs.
import { join } from 'node:path';
import { dialVariable } from '@corral/kit';
import { nodeUrls } from '../node-urls.js';
import type { ClusterPlan, NodePlan } from '../plan.js';

/** Where the cluster's CA lies, which nodes trust. */
export function authorityFileOf(clusterFolder: string): string {
  return join(clusterFolder, 'ca.pem');
}

export function nodeEnvironment(options: {
  readonly plan: ClusterPlan;
  readonly node: NodePlan;
  readonly clusterFolder: string;
}): Record<string, string> {
  const { plan, node, clusterFolder } = options;
  const [store] = nodeUrls(node).client;
  return {
    [dialVariable]: `${plan.number}.${node.number}`,
    SSL_CERT_FILE: authorityFileOf(clusterFolder),
    ...(store === undefined ? {} : { ETCDCTL_ENDPOINTS: store }),
  };
}
