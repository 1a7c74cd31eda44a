// The transport over TCP: one connection per pair of members, and one listener per peer URL that
// serves our protocol and, to everything that begins like HTTP, the routes that real etcd proxies
// and etcdctl ask there (/members, /version).
import { createServer as createHttpServer } from 'node:http';
import type { RequestListener, Server as HttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Clock, DialMap, Logger, Prng } from '@corral/kit';
import type { Message, NodeId } from '@corral/raft';
import type { Identity } from '../storage.js';
import type {
  HostMessage,
  PeerAddress,
  PeerStats,
  SnapshotBytes,
  Transport,
  TransportEvents,
} from '../transport.js';
import {
  decodeHello,
  decodeHostMessage,
  decodeMessage,
  encodeHostMessage,
  encodeJson,
} from './codec.js';
import { encodeMessage, frameType } from './codec.js';
import type { Encoded, Hello, HelloAnswer } from './codec.js';
import { frameHead, magic } from './frame.js';
import { discard, helloTimeoutMs, readFirstFrame } from './handshake.js';
import { PeerConnection } from './peer-connection.js';
import { receiveSnapshot, sendSnapshot } from './snapshot-stream.js';

/** A connection on which nothing has come for this long is closed. */
const firstByteMs = 10_000;

export type ListenAddress = { readonly host: string; readonly port: number };

export type PeerTransportOptions = {
  readonly identity: Identity;
  readonly servers: readonly Server[];
  readonly httpHandler: RequestListener;
  readonly events: TransportEvents;
  readonly snapshots: SnapshotBytes;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly prng: Prng;
  readonly dialMap: DialMap;
  readonly electionTimeoutMs: number;
};

/** Binds the peer addresses; nothing is served yet. Rejects with the system's error. */
export async function bindPeerListeners(addresses: readonly ListenAddress[]): Promise<Server[]> {
  const servers: Server[] = [];
  try {
    for (const { host, port } of addresses) {
      const server = createServer();
      servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, () => {
          server.off('error', reject);
          resolve();
        });
      });
    }
    return servers;
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
}

/** Where a listener really is (its port was perhaps chosen by the system). */
export function addressOf(server: Server): ListenAddress {
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

export class PeerTransport implements Transport {
  readonly #options: PeerTransportOptions;
  readonly #http: HttpServer;
  readonly #peers = new Map<NodeId, PeerConnection>();
  readonly #sockets = new Set<Socket>();
  readonly #snapshotsOut = new Map<NodeId, AbortController>();
  #addresses = new Map<NodeId, readonly string[]>();
  #removed: ReadonlySet<NodeId> = new Set();
  #closed = false;
  #lastComplaint = -Infinity;

  constructor(options: PeerTransportOptions) {
    this.#options = options;
    this.#http = createHttpServer(options.httpHandler);
    for (const server of options.servers) {
      server.on('connection', (socket) => this.#onConnection(socket));
    }
  }

  send(messages: readonly Message[]): void {
    const perPeer = new Map<NodeId, Encoded[]>();
    for (const message of messages) {
      if (message.kind === 'snapshot') {
        this.#sendSnapshot(message);
        continue;
      }
      const frames = perPeer.get(message.to);
      if (frames === undefined) perPeer.set(message.to, [encodeMessage(message)]);
      else frames.push(encodeMessage(message));
    }
    for (const [to, frames] of perPeer) this.#peers.get(to)?.send(frames);
  }

  sendHost(to: NodeId, message: HostMessage): void {
    this.#peers.get(to)?.send([encodeHostMessage(message)]);
  }

  setPeers(peers: readonly PeerAddress[]): void {
    if (this.#closed) return;
    this.#addresses = new Map(peers.map(({ id, peerUrls }) => [id, peerUrls]));
    for (const [id, connection] of this.#peers) {
      if (this.#addresses.has(id)) continue;
      connection.close();
      this.#peers.delete(id);
    }
    for (const { id, peerUrls } of peers) this.#peer(id).setUrls(peerUrls);
  }

  setRemoved(ids: ReadonlySet<NodeId>): void {
    this.#removed = ids;
  }

  connected(node: NodeId): boolean {
    return this.#peers.get(node)?.up === true;
  }

  stats(): readonly PeerStats[] {
    return [...this.#peers.values()].map((peer) => peer.stats());
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const abort of this.#snapshotsOut.values()) abort.abort(new Error('this server stops'));
    for (const peer of this.#peers.values()) peer.close();
    for (const socket of this.#sockets) discard(socket);
    await Promise.all(
      this.#options.servers.map(
        (server) => new Promise<void>((resolve) => server.close(() => resolve())),
      ),
    );
  }

  #peer(id: NodeId): PeerConnection {
    let peer = this.#peers.get(id);
    if (peer !== undefined) return peer;
    const { identity, clock, logger, prng, dialMap, electionTimeoutMs, events } = this.#options;
    peer = new PeerConnection({
      id,
      self: identity.memberId,
      clusterId: identity.clusterId,
      clock,
      logger: logger.child({ peer: id }),
      prng,
      dialMap,
      silenceMs: electionTimeoutMs,
      onFrame: (type, payload) => this.#onFrame(id, type, payload),
      onUp: () => events.onPeerUp(id),
      onDown: (reason) => events.onPeerDown(id, reason),
      onRemoved: () => events.onRemoved(),
    });
    this.#peers.set(id, peer);
    return peer;
  }

  #onFrame(from: NodeId, type: number, payload: Buffer): void {
    const { events, identity } = this.#options;
    const message = decodeMessage(type, payload, { from, to: identity.memberId });
    if (message !== undefined) {
      events.onMessage(message);
      return;
    }
    const hostMessage = decodeHostMessage(type, payload);
    if (hostMessage !== undefined) events.onHostMessage(from, hostMessage);
  }

  /** Tells our protocol from HTTP by the first byte. */
  #onConnection(socket: Socket): void {
    if (this.#closed) {
      discard(socket);
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const onError = (): void => discard(socket);
    socket.once('error', onError);
    const timer = this.#options.clock.setTimer(firstByteMs, () => discard(socket));
    socket.once('close', () => timer.cancel());
    socket.once('data', (chunk: Buffer) => {
      timer.cancel();
      if (chunk[0] === magic[0]) {
        this.#onOwnProtocol(socket, chunk);
        return;
      }
      socket.off('error', onError);
      socket.unshift(chunk);
      this.#http.emit('connection', socket);
    });
  }

  #onOwnProtocol(socket: Socket, begun: Buffer): void {
    const timer = this.#options.clock.setTimer(helloTimeoutMs, () => discard(socket));
    socket.once('close', () => timer.cancel());
    const refuse = (): void => {
      timer.cancel();
      discard(socket);
    };
    if (begun.length < magic.length) {
      // The network may cut anywhere.
      socket.once('data', (chunk: Buffer) => {
        timer.cancel();
        this.#onOwnProtocol(socket, Buffer.concat([begun, chunk]));
      });
      return;
    }
    const rest = begun.subarray(magic.length);
    if (!begun.subarray(0, magic.length).equals(magic)) {
      refuse();
      return;
    }
    readFirstFrame(
      socket,
      rest,
      (type, payload, behind) => {
        timer.cancel();
        if (type === frameType.hello) this.#onHello(socket, decodeHello(payload), behind);
        else refuse();
      },
      refuse,
    );
  }

  #onHello(socket: Socket, hello: Hello, rest: Buffer): void {
    const answer = (value: HelloAnswer): void => {
      const { type, parts } = encodeJson(frameType.helloAnswer, value);
      const bytes = Buffer.concat([frameHead(type, parts), ...parts]);
      if (value.ok) {
        socket.write(bytes);
        return;
      }
      // Whatever happens to a refused connection from here on means nothing.
      socket.on('error', () => undefined);
      socket.end(bytes);
    };
    const refusal = this.#whyNot(hello);
    if (refusal !== undefined) {
      answer(refusal);
      this.#complain(hello, refusal);
      return;
    }
    socket.removeAllListeners('error');
    if (hello.snapshot === undefined) {
      this.#peer(hello.from).offer(socket, rest, answer);
      return;
    }
    answer({ ok: true });
    const { snapshots, events, identity, logger } = this.#options;
    const { term, meta } = hello.snapshot;
    const { from } = hello;
    void receiveSnapshot({ socket, rest, meta, snapshots, logger }).then((stored) => {
      if (!stored || this.#closed) return;
      events.onSnapshot(from, { kind: 'snapshot', from, to: identity.memberId, term, meta });
    });
  }

  #whyNot(hello: Hello): (HelloAnswer & { readonly ok: false }) | undefined {
    const { clusterId, memberId } = this.#options.identity;
    const refuse = (
      reason: (HelloAnswer & { readonly ok: false })['reason'],
      message: string,
    ): HelloAnswer & { readonly ok: false } => ({ ok: false, reason, message });
    const { protocol } = hello as { readonly protocol: number };
    if (protocol !== 1) return refuse('protocol', `protocol ${protocol} is not spoken here`);
    if (hello.clusterId !== clusterId) {
      const message = `cluster ID mismatch: this member belongs to ${clusterId}, not to ${hello.clusterId}`;
      return refuse('cluster-mismatch', message);
    }
    if (hello.to !== memberId) {
      return refuse('wrong-addressee', `this is member ${memberId}, not ${hello.to}`);
    }
    if (this.#removed.has(hello.from)) {
      return refuse('removed', `member ${hello.from} was removed from the cluster`);
    }
    return undefined;
  }

  #sendSnapshot(message: Message & { readonly kind: 'snapshot' }): void {
    const { to, term, meta } = message;
    const { identity, clock, dialMap, snapshots, events, electionTimeoutMs } = this.#options;
    const urls = this.#addresses.get(to) ?? [];
    if (urls.length === 0 || this.#snapshotsOut.has(to)) {
      queueMicrotask(() => events.onSnapshotSent(to, false));
      return;
    }
    const abort = new AbortController();
    this.#snapshotsOut.set(to, abort);
    const { clusterId, memberId: from } = identity;
    const hello: Hello = { protocol: 1, clusterId, from, to, snapshot: { term, meta } };
    const timeoutMs = electionTimeoutMs;
    const { signal } = abort;
    void sendSnapshot({ urls, hello, meta, clock, dialMap, snapshots, timeoutMs, signal }).then(
      (arrived) => {
        this.#snapshotsOut.delete(to);
        if (!this.#closed) events.onSnapshotSent(to, arrived);
      },
    );
  }

  /** At most one line a minute: a foreign peer dials again and again. */
  #complain(hello: Hello, refusal: HelloAnswer & { readonly ok: false }): void {
    const now = this.#options.clock.now();
    if (now - this.#lastComplaint < 60_000) return;
    this.#lastComplaint = now;
    const { logger } = this.#options;
    logger.warn('refused a peer', { from: hello.from, reason: refusal.message });
  }
}
