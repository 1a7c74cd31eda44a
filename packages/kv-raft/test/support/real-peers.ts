// Peers over real sockets of the loopback interface.
import type { RequestListener } from 'node:http';
import { seededPrng, systemClock } from '@corral/kit';
import { RecordingLog } from '@corral/kit/testing';
import type { NodeId } from '@corral/raft';
import { PeerTransport, addressOf, bindPeerListeners } from '../../src/peer/peer-transport.js';
import { MemorySnapshots } from './memory-snapshots.js';
import { RecordingEvents } from './recording-events.js';

export type RealPeer = {
  readonly id: NodeId;
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly transport: PeerTransport;
  readonly events: RecordingEvents;
  readonly snapshots: MemorySnapshots;
  readonly log: RecordingLog;
};

const notFound: RequestListener = (_request, response) => {
  response.writeHead(404).end('not here');
};

/** A listening transport that knows nobody yet. */
export async function startPeer(
  id: NodeId,
  options: {
    readonly clusterId?: string;
    readonly port?: number;
    readonly electionTimeoutMs?: number;
    readonly httpHandler?: RequestListener;
  } = {},
): Promise<RealPeer> {
  const servers = await bindPeerListeners([{ host: '127.0.0.1', port: options.port ?? 0 }]);
  const events = new RecordingEvents();
  const snapshots = new MemorySnapshots();
  const log = new RecordingLog();
  const transport = new PeerTransport({
    identity: { clusterId: options.clusterId ?? 'c1', memberId: id },
    servers,
    httpHandler: options.httpHandler ?? notFound,
    events,
    snapshots,
    clock: systemClock,
    logger: log,
    prng: seededPrng(id.charCodeAt(0)),
    dialMap: (host) => host,
    electionTimeoutMs: options.electionTimeoutMs ?? 5_000,
  });
  const [server] = servers;
  if (server === undefined) throw new Error('no listener');
  const { host, port } = addressOf(server);
  return { id, host, port, url: `http://${host}:${port}`, transport, events, snapshots, log };
}

/** Makes `peers` known to each other. */
export function introduce(peers: readonly RealPeer[]): void {
  for (const peer of peers) {
    const others = peers.filter((other) => other !== peer);
    peer.transport.setPeers(others.map(({ id, url }) => ({ id, peerUrls: [url] })));
  }
}
