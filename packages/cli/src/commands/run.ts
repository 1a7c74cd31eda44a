// etcdctl and env: etcd clients of this machine, with the addresses of the cluster.
import { ClusterError } from '@corral/cluster';
import type { ClusterStatus } from '@corral/cluster';
import type { Context } from '../context.js';
import type { CommonOptions } from './forms.js';
import { openCluster } from './options.js';

/** etcdctl's own output and exit codes. */
export async function runEtcdctl(
  words: readonly string[],
  flags: CommonOptions,
  context: Context,
): Promise<number> {
  const cluster = await openCluster(undefined, flags, context, 'ambiguous');
  const status = await cluster.status();
  if (status.state === 'stopped') {
    throw new ClusterError('E_FAILED', `"${cluster.name}" is stopped: no store answers`, {
      remedies: [`corral start ${cluster.name}`],
    });
  }
  const endpoints = centralUrls(status).join(',');
  const environment = { ...context.environment, ETCDCTL_ENDPOINTS: endpoints };
  return cluster.runHere(['etcdctl', ...words], context.ends, environment);
}

export type EnvFlags = CommonOptions & { readonly unset?: boolean };

/** Of a node also DOCKER_HOST, for the engine that runs on it. */
export async function runEnv(
  target: string | undefined,
  flags: EnvFlags,
  context: Context,
): Promise<void> {
  const names = ['ETCDCTL_ENDPOINTS', 'ETCDCTL_API', 'CORRAL_NAME', 'CORRAL_URL'];
  if (flags.unset === true) {
    const all = target === undefined ? names : [...names, 'DOCKER_HOST'];
    context.streams.stdout(`unset ${all.join(' ')}\n`);
    return;
  }
  const cluster = await openCluster(undefined, flags, context);
  const status = await cluster.status();
  const urls = centralUrls(status);
  if (urls.length === 0) {
    throw new ClusterError('E_FAILED', `"${cluster.name}" is stopped: no store answers`, {
      remedies: [`corral start ${cluster.name}`],
    });
  }
  const values = [urls.join(','), '2', cluster.name, urls[0] ?? ''];
  const lines = names.map((name, i) => `export ${name}=${values[i] ?? ''}\n`);
  if (target !== undefined) {
    const node = await cluster.resolve(target);
    const host = await cluster.access(node, context.environment).dockerHost();
    lines.push(`export DOCKER_HOST=${host}\n`);
  }
  context.streams.stdout(lines.join(''));
}

function centralUrls(status: ClusterStatus): readonly string[] {
  const central = status.nodes.filter((node) => node.role === 'central');
  // Nodes that are down come last, so that a client does not begin with them.
  const sorted = [...central].sort((a, b) => Number(b.raft !== null) - Number(a.raft !== null));
  return sorted.flatMap((node) => node.clientUrls.slice(0, 1));
}
