// exec, etcdctl, env: programs that run with the environment of a node or of the cluster.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ClusterError } from '@corral/cluster';
import type { ClusterStatus } from '@corral/cluster';
import type { Context } from '../context.js';
import type { CommonOptions } from './forms.js';
import { openCluster } from './options.js';

/** The exit code is the program's own. */
export async function runExec(
  target: string,
  words: readonly string[],
  flags: CommonOptions,
  context: Context,
): Promise<number> {
  const cluster = await openCluster(undefined, flags, context, 'ambiguous');
  const node = await cluster.resolve(target);
  const { cwd, env } = cluster.execEnvironment(node, context.environment);
  return run(words, { cwd, env });
}

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
  const env = cluster.hostEnvironment(context.environment);
  const endpoints = centralUrls(status).join(',');
  return run(['etcdctl', ...words], { cwd: '.', env: { ...env, ETCDCTL_ENDPOINTS: endpoints } });
}

export async function runEnv(
  flags: CommonOptions & { readonly unset?: boolean },
  context: Context,
): Promise<void> {
  if (flags.unset === true) {
    context.streams.stdout('unset ETCDCTL_ENDPOINTS ETCDCTL_API CORRAL_NAME CORRAL_URL\n');
    return;
  }
  const cluster = await openCluster(undefined, flags, context);
  const urls = centralUrls(await cluster.status());
  if (urls.length === 0) {
    throw new ClusterError('E_FAILED', `"${cluster.name}" is stopped: no store answers`, {
      remedies: [`corral start ${cluster.name}`],
    });
  }
  context.streams.stdout(
    `export ETCDCTL_ENDPOINTS=${urls.join(',')}\nexport ETCDCTL_API=2\n` +
      `export CORRAL_NAME=${cluster.name}\nexport CORRAL_URL=${urls[0] ?? ''}\n`,
  );
}

function centralUrls(status: ClusterStatus): readonly string[] {
  const central = status.nodes.filter((node) => node.role === 'central');
  // Nodes that are down come last, so that a client does not begin with them.
  const sorted = [...central].sort((a, b) => Number(b.raft !== null) - Number(a.raft !== null));
  return sorted.flatMap((node) => node.clientUrls.slice(0, 1));
}

/** Runs a program with our terminal; its exit code, or 128 and the number of its signal, as shells do. */
function run(
  words: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<number> {
  const [file = '', ...rest] = words;
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, {
      stdio: 'inherit',
      cwd: options.cwd,
      env: { ...options.env },
    });
    child.once('error', (error) => {
      reject(
        new ClusterError('E_FAILED', `cannot run ${file}: ${error.message}`, { cause: error }),
      );
    });
    child.once('exit', (code, signal) =>
      resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal]),
    );
  });
}
