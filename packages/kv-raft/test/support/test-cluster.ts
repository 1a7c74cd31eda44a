// Whole members on a manual clock, a network and disks in memory.
import { seededPrng } from '@corral/kit';
import { ManualClock, RecordingLog } from '@corral/kit/testing';
import { defaultConfig } from '@corral/raft';
import type { Entry, NodeId } from '@corral/raft';
import type { Command } from '@corral/store';
import type { WriteOutcome } from '../../src/backend.js';
import { EtcdServer } from '../../src/etcd-server.js';
import type { EtcdServerOptions } from '../../src/etcd-server.js';
import { encodeChangeContext } from '../../src/members.js';
import { MemoryNetwork } from './memory-network.js';
import { MemoryStorage } from './memory-storage.js';

export type TestMember = {
  readonly id: NodeId;
  readonly storage: MemoryStorage;
  readonly server: EtcdServer;
  readonly fatal: unknown[];
  removed: boolean;
};

export const tickMs = 100;

export function set(key: string, value = 'x'): Command {
  const path = `/1/${key}`;
  return { kind: 'set', path, value, dir: false, expiration: undefined, refresh: false };
}

/** Asks the event loop to come round `times` times. */
export async function turns(times = 40): Promise<void> {
  for (let i = 0; i < times; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

export class TestCluster {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork();
  readonly members = new Map<NodeId, TestMember>();
  readonly log = new RecordingLog();
  readonly #ids: readonly NodeId[];
  readonly #options: Partial<EtcdServerOptions>;
  #lives = 0;

  constructor(ids: readonly NodeId[], options: Partial<EtcdServerOptions> = {}) {
    this.#ids = ids;
    this.#options = options;
    for (const id of ids) this.start(id);
  }

  /** Starts a member, again with what its storage holds, or as one of the first. */
  start(id: NodeId, storage = this.#firstStorage(id)): TestMember {
    this.#lives += 1;
    const fatal: unknown[] = [];
    const server = new EtcdServer({
      name: `name-${id}`,
      advertiseClientUrls: [`http://${id}:2379`],
      recovered: storage.recover(),
      seedPeers: this.#ids.map((peer) => ({ id: peer, peerUrls: [`http://${peer}:2380`] })),
      storage,
      makeTransport: (events) =>
        this.network.join(id, events, {
          read: (meta) => storage.readSnapshot(meta),
          create: (meta) => storage.createSnapshot(meta),
        }),
      raft: { ...defaultConfig, random: seededPrng(this.#lives) },
      tickMs,
      snapshotCount: 10_000,
      strictReconfigCheck: true,
      quorumRead: 'index',
      session: 1000 * this.#lives,
      clock: this.clock,
      logger: this.log,
      setLogLevel: () => undefined,
      defer: (run) => void setImmediate(run),
      onFatal: (error) => fatal.push(error),
      onRemoved: () => {
        member.removed = true;
      },
      ...this.#options,
    });
    const member: TestMember = { id, storage, server, fatal, removed: false };
    this.members.set(id, member);
    server.start();
    return member;
  }

  /** The process is gone; its storage keeps what was durable. */
  async kill(id: NodeId): Promise<MemoryStorage> {
    const { server, storage } = this.member(id);
    this.members.delete(id);
    this.network.leave(id, 'refused');
    await server.close();
    return storage;
  }

  member(id: NodeId): TestMember {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  async close(): Promise<void> {
    for (const id of [...this.members.keys()]) await this.kill(id);
  }

  /** Lets time pass until `found` gives something; fails after ten seconds of the clock. */
  async until<T>(what: string, found: () => T | undefined): Promise<T> {
    for (let waited = 0; waited < 10_000; waited += tickMs / 2) {
      const result = found();
      if (result !== undefined) return result;
      await this.clock.advance(tickMs / 2);
      await turns();
    }
    const raft = [...this.members].map(([id, { server }]) => [id, server.backend.raft]);
    throw new Error(`${what}: not within ten seconds; ${JSON.stringify(raft)}`);
  }

  /** A leader that every member which is not `except` follows. */
  async leader(except: readonly NodeId[] = []): Promise<TestMember> {
    return this.until('one leader', () => {
      const asked = [...this.members.values()].filter(({ id }) => !except.includes(id));
      const ids = new Set(asked.map(({ server }) => server.backend.raft.leaderId));
      const [id] = ids;
      if (ids.size !== 1 || id === undefined || except.includes(id)) return undefined;
      return asked.find((member) => member.id === id);
    });
  }

  async followers(): Promise<readonly TestMember[]> {
    const leader = await this.leader();
    return [...this.members.values()].filter((member) => member !== leader);
  }

  /** Waits for an outcome while time passes. */
  async outcome<T>(promise: Promise<T>): Promise<T> {
    let settled: { readonly value: T } | undefined;
    void promise.then((value) => {
      settled = { value };
    });
    const { value } = await this.until('an outcome', () => settled);
    return value;
  }

  write(member: TestMember, key: string, value = 'x'): Promise<WriteOutcome> {
    return member.server.backend.write(set(key, value));
  }

  /** The value that a member's own store holds. */
  value(member: TestMember, key: string): string | undefined {
    const result = member.server.backend.store.get(`/1/${key}`, {
      recursive: false,
      sorted: false,
    });
    return result.ok ? result.event.node.value : undefined;
  }

  #firstStorage(id: NodeId): MemoryStorage {
    const entries = this.#ids.map((node, i): Entry => {
      const peerUrls = [`http://${node}:2380`];
      const context = encodeChangeContext({ peerUrls, session: 0, sequence: 0 });
      const change = { kind: 'add', node, context } as const;
      return { index: i + 1, term: 1, kind: 'membership', data: new Uint8Array(0), change };
    });
    const hardState = { term: 1, vote: undefined, commit: entries.length };
    return new MemoryStorage({ clusterId: 'c1', memberId: id }, entries, hardState);
  }
}
