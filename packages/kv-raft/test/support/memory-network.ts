// A network in memory: every member reaches every other one until a test cuts it off. Messages are
// delivered in order, each in a turn of its own, and pass through the real codec, so that no member
// ever holds an object of another.
import type { Message, NodeId } from '@corral/raft';
import {
  decodeHostMessage,
  decodeMessage,
  encodeHostMessage,
  encodeMessage,
} from '../../src/peer/codec.js';
import type { Encoded } from '../../src/peer/codec.js';
import type {
  HostMessage,
  PeerAddress,
  PeerDownReason,
  PeerStats,
  SnapshotBytes,
  Transport,
  TransportEvents,
} from '../../src/transport.js';

type Member = { readonly transport: MemoryTransport; readonly events: TransportEvents };

export class MemoryNetwork {
  readonly #members = new Map<NodeId, Member>();
  readonly #cut = new Set<NodeId>();
  /** Drops what it says true for. */
  drops: (message: Message | HostMessage, from: NodeId, to: NodeId) => boolean = () => false;

  join(self: NodeId, events: TransportEvents, snapshots: SnapshotBytes): MemoryTransport {
    const transport = new MemoryTransport(this, self, snapshots);
    this.#members.set(self, { transport, events });
    return transport;
  }

  leave(self: NodeId, reason: PeerDownReason = 'lost'): void {
    this.#members.delete(self);
    for (const [, { transport }] of this.#members) transport.lookAt(self, reason);
  }

  /** Cuts a member off, or lets it back. */
  isolate(id: NodeId, isolated = true): void {
    if (isolated) this.#cut.add(id);
    else this.#cut.delete(id);
    for (const [a, { transport }] of this.#members) {
      for (const b of this.#members.keys()) if (a === id || b === id) transport.lookAt(b, 'lost');
    }
  }

  /** Who `self` can talk to: present, not cut off, and each wants the other. */
  reachable(self: NodeId, other: NodeId): Member | undefined {
    if (this.#cut.has(self) || this.#cut.has(other) || self === other) return undefined;
    const member = this.#members.get(other);
    return member?.transport.wants(self) === true ? member : undefined;
  }

  events(self: NodeId): TransportEvents | undefined {
    return this.#members.get(self)?.events;
  }

  changed(self: NodeId): void {
    for (const [id, { transport }] of this.#members) {
      if (id !== self) transport.lookAt(self, 'lost');
    }
  }
}

export class MemoryTransport implements Transport {
  readonly #network: MemoryNetwork;
  readonly #self: NodeId;
  readonly #snapshots: SnapshotBytes;
  readonly #peers = new Set<NodeId>();
  readonly #up = new Set<NodeId>();
  #removed: ReadonlySet<NodeId> = new Set();

  constructor(network: MemoryNetwork, self: NodeId, snapshots: SnapshotBytes) {
    this.#network = network;
    this.#self = self;
    this.#snapshots = snapshots;
  }

  wants(id: NodeId): boolean {
    return this.#peers.has(id) && !this.#removed.has(id);
  }

  /** Notices that a connection has begun or ended. */
  lookAt(id: NodeId, reason: PeerDownReason): void {
    const is = this.#peers.has(id) && this.#network.reachable(this.#self, id) !== undefined;
    if (is === this.#up.has(id)) return;
    if (is) this.#up.add(id);
    else this.#up.delete(id);
    const events = this.#network.events(this.#self);
    setImmediate(() => {
      if (is) events?.onPeerUp(id);
      else events?.onPeerDown(id, reason);
    });
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.kind === 'snapshot') void this.#sendSnapshot(message);
      else this.#deliver(message.to, message, encodeMessage(message));
    }
  }

  sendHost(to: NodeId, message: HostMessage): void {
    this.#deliver(to, message, encodeHostMessage(message));
  }

  setPeers(peers: readonly PeerAddress[]): void {
    const ids = peers.map(({ id }) => id);
    const touched = new Set([...this.#peers, ...ids]);
    this.#peers.clear();
    for (const id of ids) this.#peers.add(id);
    for (const id of touched) this.lookAt(id, 'lost');
    this.#network.changed(this.#self);
  }

  setRemoved(ids: ReadonlySet<NodeId>): void {
    this.#removed = ids;
  }

  connected(node: NodeId): boolean {
    return this.#up.has(node);
  }

  stats(): readonly PeerStats[] {
    return [];
  }

  close(): Promise<void> {
    this.#peers.clear();
    this.#up.clear();
    this.#network.leave(this.#self);
    return Promise.resolve();
  }

  #deliver(to: NodeId, message: Message | HostMessage, { type, parts }: Encoded): void {
    if (!this.#up.has(to) || this.#network.drops(message, this.#self, to)) return;
    const payload = Buffer.concat(parts);
    setImmediate(() => {
      const member = this.#network.reachable(this.#self, to);
      if (member === undefined) return;
      const raft = decodeMessage(type, payload, { from: this.#self, to });
      if (raft !== undefined) member.events.onMessage(raft);
      const host = raft === undefined ? decodeHostMessage(type, payload) : undefined;
      if (host !== undefined) member.events.onHostMessage(this.#self, host);
    });
  }

  async #sendSnapshot(message: Message & { readonly kind: 'snapshot' }): Promise<void> {
    const { to, meta } = message;
    const member = this.#up.has(to) ? this.#network.reachable(this.#self, to) : undefined;
    const dropped = this.#network.drops(message, this.#self, to);
    if (member !== undefined && !dropped) {
      const writer = await member.transport.#snapshots.create(meta);
      for await (const chunk of this.#snapshots.read(meta)) await writer.write(Buffer.from(chunk));
      await writer.finish();
      member.events.onSnapshot(this.#self, message);
    }
    this.#network.events(this.#self)?.onSnapshotSent(to, member !== undefined && !dropped);
  }
}
