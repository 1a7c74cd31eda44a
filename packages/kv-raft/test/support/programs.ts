// Real programs of the etcd 2 era, where they are installed.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { freePorts } from '@corral/kit/testing';
import { settled, temporaryDirectory } from './member.js';

/** The search path without this repository's own commands. */
const searchPath = (process.env['PATH'] ?? '')
  .split(':')
  .filter((folder) => !folder.includes('node_modules'))
  .join(':');

/** The environment without settings that a developer may have for etcd. */
export function cleanEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(ETCD|CORRAL_)/.test(name));
  return { ...Object.fromEntries(kept), PATH: searchPath, ...more };
}

function isThere(program: string): boolean {
  const env = cleanEnvironment({ ETCDCTL_API: '2' });
  const found = spawnSync(program, ['--version'], { env, encoding: 'utf8' });
  if (found.status === 0 && found.stdout.includes('3.4.')) return true;
  console.log(`${program} 3.4 is not installed: what needs it is not tested`);
  return false;
}

/** etcd and etcdctl 3.4 (Debian: etcd-server, etcd-client). */
export const etcdFound = isThere('etcd');
export const etcdctlFound = isThere('etcdctl');

/** Ends a child and waits until it has gone. */
export async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

/** A cluster of one real etcd with the v2 API. */
export async function startEtcd(
  words: readonly string[] = [],
): Promise<AsyncDisposable & { readonly url: string; readonly peerUrl: string }> {
  const directory = await temporaryDirectory();
  const [clientPort = 0, peerPort = 0] = await freePorts(2);
  const url = `http://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const child = spawn(
    'etcd',
    [
      ...['--name', 'one', '--data-dir', directory.path, '--enable-v2'],
      ...['--listen-client-urls', url, '--advertise-client-urls', 'http://127.0.0.1:2379'],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `one=${peerUrl}`, '--unsafe-no-fsync', ...words],
    ],
    { stdio: 'ignore', env: cleanEnvironment() },
  );
  await settled(url);
  return {
    url,
    peerUrl,
    async [Symbol.asyncDispose]() {
      await endChild(child, 'SIGKILL');
      await directory[Symbol.asyncDispose]();
    },
  };
}
