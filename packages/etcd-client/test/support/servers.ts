// Real one-member servers for comparisons: ours as a process of its own, and etcd's where installed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll, systemClock } from '@corral/kit';
import { freePorts } from '@corral/kit/testing';
import { Connections } from '../../src/request.js';

export const realEtcd = '/usr/bin/etcd';
export const realEtcdctl = '/usr/bin/etcdctl';
export const ourEtcd = join(import.meta.dirname, '../../../../node_modules/.bin/etcd2');

/** What is missing on this machine, said once. */
export function installed(...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => !existsSync(program));
  if (missing.length > 0) console.log(`etcd-client: no ${missing.join(', ')} here, not compared`);
  return missing.length === 0;
}

export type RunningServer = {
  readonly clientUrl: string;
  stop(): Promise<void>;
};

/** Starts one member named `m1` and resolves when it is healthy. */
export async function startServer(program: string): Promise<RunningServer> {
  const dir = mkdtempSync(join(tmpdir(), 'corral-etcd-'));
  const [client, peer] = await freePorts(2);
  const clientUrl = `http://127.0.0.1:${client ?? 0}`;
  const peerUrl = `http://127.0.0.1:${peer ?? 0}`;
  const words = ['--name', 'm1', '--data-dir', join(dir, 'data')];
  words.push('--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl);
  words.push('--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl);
  words.push('--initial-cluster', `m1=${peerUrl}`);
  if (program === realEtcd) words.push('--enable-v2');
  const child = spawn(program, words, { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
  const exited = once(child, 'exit');
  const connections = new Connections();
  const stop = async (): Promise<void> => {
    connections.close();
    child.kill('SIGKILL');
    await exited;
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await poll(
      async () => {
        // A member is healthy a moment before it has published where clients find it.
        const request = { method: 'GET', path: '/v2/members', timeoutMs: 1_000 } as const;
        const result = await connections.exchange(clientUrl, request);
        return result.ok && result.answer.body.includes(clientUrl) ? true : undefined;
      },
      { clock: systemClock, what: `${program} to publish its address`, timeoutMs: 30_000 },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { clientUrl, stop };
}
