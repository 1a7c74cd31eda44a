// The built etcd2 as a process of its own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { poll, systemClock } from '@corral/kit';
import { freePorts } from '@corral/kit/testing';
import { cleanEnvironment, endChild } from './programs.js';

export const etcd2Bin = join(import.meta.dirname, '../../bin/etcd2.js');

export type LogLine = { readonly level: string; readonly msg: string };

export type Etcd2 = AsyncDisposable & {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** What was logged so far. */
  readonly log: () => readonly LogLine[];
  /** Waits for a line of the log. */
  logged(text: string): Promise<LogLine>;
  /** Waits for the end: the code, or the signal's name. */
  ended(): Promise<number | NodeJS.Signals>;
};

export function spawnEtcd2(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Etcd2 {
  const child = spawn(process.execPath, [etcd2Bin, ...words], {
    env: cleanEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString('utf8')));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString('utf8')));
  const log = (): LogLine[] =>
    stderr
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine);
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    log,
    logged: (text) =>
      poll(
        () => {
          const line = log().find((one) => one.msg.includes(text));
          if (line === undefined && child.exitCode !== null) {
            throw new Error(`etcd2 ended with ${child.exitCode}: ${stderr}`);
          }
          return line;
        },
        { what: `the log line "${text}"`, timeoutMs: 30_000, clock: systemClock },
      ),
    async ended() {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
      return child.signalCode ?? child.exitCode ?? -1;
    },
    [Symbol.asyncDispose]: () => endChild(child, 'SIGKILL'),
  };
}

export type ClusterMember = {
  readonly name: string;
  readonly url: string;
  readonly peerUrl: string;
  readonly words: readonly string[];
};

/** Flags of the members of a static cluster on ports that are free now. */
export async function planCluster(
  directory: string,
  names: readonly string[],
): Promise<readonly ClusterMember[]> {
  const ports = await freePorts(2 * names.length);
  const members = names.map((name, i) => ({
    name,
    url: `http://127.0.0.1:${ports[2 * i] ?? 0}`,
    peerUrl: `http://127.0.0.1:${ports[2 * i + 1] ?? 0}`,
  }));
  const initialCluster = members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  return members.map((member) => ({
    ...member,
    words: [
      ...['-name', member.name, '-data-dir', join(directory, member.name)],
      ...['-listen-client-urls', member.url, '-advertise-client-urls', member.url],
      ...['-listen-peer-urls', member.peerUrl, '-initial-advertise-peer-urls', member.peerUrl],
      ...['-initial-cluster', initialCluster],
    ],
  }));
}
