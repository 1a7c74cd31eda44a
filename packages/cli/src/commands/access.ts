// exec, shell, ssh: programs on a node, with our terminal and their own exit codes.
import type { Cluster, NodeAccess } from '@corral/cluster';
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
  const { access } = await openNode(target, flags, context);
  return access.run(words, context.ends);
}

export async function runShell(
  target: string,
  flags: CommonOptions,
  context: Context,
): Promise<number> {
  const { access } = await openNode(target, flags, context);
  return access.shell(context.ends);
}

/**
 * By the machine's own ssh: the cluster's key is added to what the user has, and the node's key is
 * kept apart from those of real machines. (ssh(1), ssh_config(5))
 */
export async function runSsh(
  target: string,
  words: readonly string[],
  flags: CommonOptions,
  context: Context,
): Promise<number> {
  const { cluster, access } = await openNode(target, flags, context);
  const { host, port, user, identityFile, knownHostsFile, alias } = await access.ssh();
  const settings = [
    `UserKnownHostsFile=${quoted(knownHostsFile)}`,
    'StrictHostKeyChecking=accept-new',
    `HostKeyAlias=${alias}`,
    // The names are no secret, and a person may want to find one.
    'HashKnownHosts=no',
    // Silence about a key that is new; errors are told.
    'LogLevel=ERROR',
  ];
  const identity = identityFile === undefined ? [] : ['-i', identityFile];
  const options = [...identity, ...settings.flatMap((one) => ['-o', one])];
  const place = ['-p', String(port), '-l', user, host];
  const command = words.length === 0 ? [] : ['--', ...words];
  const line = ['ssh', ...options, ...place, ...command];
  return cluster.runHere(line, context.ends, context.environment);
}

async function openNode(
  target: string,
  flags: CommonOptions,
  context: Context,
): Promise<{ readonly cluster: Cluster; readonly access: NodeAccess }> {
  const cluster = await openCluster(undefined, flags, context, 'ambiguous');
  const node = await cluster.resolve(target);
  return { cluster, access: cluster.access(node, context.environment) };
}

/** A file name within ssh's options, where a space would separate two. */
function quoted(path: string): string {
  return `"${path.replaceAll('%', '%%').replaceAll('"', '\\"')}"`;
}
