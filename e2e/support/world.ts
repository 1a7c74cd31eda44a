// A cluster of its own for each test: own home, own name, own addresses; gone afterwards, whatever
// happened. Every runtime that can run here is in `runtimes`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { Cluster, chooseRuntime } from '@corral/cluster';
import type {
  ClusterSpec,
  ClusterStatus,
  HistoryCheck,
  NodeStatus,
  History,
  RuntimeKind,
} from '@corral/cluster';
import { EtcdClient } from '@corral/etcd-client';
import { poll, systemClock } from '@corral/kit';
import { expect } from 'vitest';

/** What can run here: the suite is written against the facade only. */
export const runtimes = await runtimesHere();

let count = 0;

export class World {
  readonly cluster: Cluster;
  readonly home: string;
  readonly #clients: EtcdClient[] = [];

  private constructor(cluster: Cluster, home: string) {
    this.cluster = cluster;
    this.home = home;
  }

  static async boot(spec: Partial<Omit<ClusterSpec, 'name'>>): Promise<World> {
    const home = mkdtempSync(join(tmpdir(), 'corral-e2e-'));
    count += 1;
    const name = `e2e-${process.pid}-${count}`;
    const defaults = {
      runtime: 'process' as const,
      central: 3,
      workers: 2,
      cloudConfigs: {},
      ignoreUnknown: false,
    };
    try {
      const { env: environment } = process;
      const cluster = await Cluster.up({ home, spec: { ...defaults, ...spec, name }, environment });
      return new World(cluster, home);
    } catch (error) {
      rmSync(home, { recursive: true, force: true });
      throw error;
    }
  }

  /** A client that knows the stores of these nodes (default: all). */
  async client(nodes?: readonly string[], timeoutMs = 10_000): Promise<EtcdClient> {
    const status = await this.cluster.status();
    const chosen = status.nodes.filter((node) => nodes?.includes(node.name) ?? true);
    const endpoints = chosen.map((node) => node.clientUrls[0] ?? '');
    const client = new EtcdClient({ endpoints, timeoutMs });
    this.#clients.push(client);
    return client;
  }

  /** One writer per node named, each through that node alone. */
  async writers(nodes: readonly string[]): Promise<readonly EtcdClient[]> {
    return Promise.all(nodes.map((node) => this.client([node])));
  }

  /** Runs a program on a node; its exit code and output. */
  async run(
    name: string,
    words: readonly string[],
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const node = await this.cluster.resolve(name);
    const [stdout, stderr] = [new Collector(), new Collector()];
    const access = this.cluster.access(node, process.env);
    const code = await access.run(words, { stdin: undefined, stdout, stderr });
    return { code, stdout: stdout.text, stderr: stderr.text };
  }

  /** kill -9 of the store's process alone. */
  async killStore(name: string): Promise<void> {
    const { pid } = await this.cluster.resolve(name);
    if (pid !== null) process.kill(pid, 'SIGKILL');
    else await this.run(name, ['systemctl', 'kill', '-s', 'SIGKILL', 'etcd2.service']);
  }

  /** The end of the store's log. */
  async log(name: string, lines = 200): Promise<string> {
    const access = this.cluster.access(await this.cluster.resolve(name), process.env);
    return (await access.lastLines('etcd2.service', lines)).join('\n');
  }

  async leader(
    options: { readonly not?: string; readonly withinMs?: number } = {},
  ): Promise<NodeStatus> {
    return this.until(
      (status) =>
        status.nodes.find((node) => node.name === status.leader && node.name !== options.not),
      'a leader',
      options.withinMs,
    );
  }

  async until<T>(
    look: (status: ClusterStatus) => T | undefined,
    what: string,
    timeoutMs = 15_000,
  ): Promise<T> {
    return poll(async () => look(await this.cluster.status({ units: false })), {
      clock: systemClock,
      what,
      timeoutMs,
      intervalMs: 20,
    });
  }

  healthy(timeoutMs = 20_000): Promise<true> {
    return this.until(
      (status) => (status.state === 'healthy' ? true : undefined),
      'health',
      timeoutMs,
    );
  }

  /** Every central node holds the same value for `key`. */
  async everywhere(key: string, value: string): Promise<void> {
    const { nodes } = await this.cluster.status();
    for (const node of nodes.filter((one) => one.role === 'central' && one.state === 'running')) {
      const client = await this.client([node.name]);
      await poll(
        async () => {
          const got = await client.keys.get(key).catch(() => undefined);
          return got?.node.value === value ? true : undefined;
        },
        { clock: systemClock, what: `${key} on ${node.name}`, timeoutMs: 10_000 },
      );
    }
  }

  /** Nothing that was acknowledged is missing. */
  async expectNothingLost(history: History): Promise<HistoryCheck> {
    const check = await history.check(await this.client());
    expect(check.lost, `acknowledged ${check.acknowledged}`).toEqual([]);
    expect(check.acknowledged).toBeGreaterThan(0);
    return check;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.cluster.down();
    rmSync(this.home, { recursive: true, force: true });
  }
}

class Collector extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function runtimesHere(): Promise<readonly RuntimeKind[]> {
  const { runtime, why } = await chooseRuntime(process.env);
  if (runtime === 'docker') return ['process', 'docker'];
  process.stdout.write(`containers are not tested here: ${why}\n`);
  return ['process'];
}

/** Names of the central nodes, leader first. */
export function centralNames(status: ClusterStatus): string[] {
  const names = status.nodes.filter((node) => node.role === 'central').map((node) => node.name);
  return names.sort((a, b) => Number(b === status.leader) - Number(a === status.leader));
}
