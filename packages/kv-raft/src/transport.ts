// The seam between the host and the other members. Delivery is not promised: a message may be lost,
// never altered. The real one is peer/; tests and the simulator have one in memory.
import type { Message, NodeId, SnapshotMeta } from '@corral/raft';
import type { SnapshotWriter } from './storage.js';

/** A client request on its way to the leader, or the answer. Requests have identity (R26). */
export type HostMessage =
  /** Propose these commands (entry data, each with its request id inside). */
  | { readonly kind: 'propose'; readonly commands: readonly Uint8Array[] }
  /** The leader did not take the commands with these request ids (nothing was appended). */
  | {
      readonly kind: 'proposalRefused';
      readonly requestIds: readonly bigint[];
      readonly reason: string;
    }
  | { readonly kind: 'proposeChange'; readonly requestId: bigint; readonly change: Uint8Array }
  | {
      readonly kind: 'changeAnswer';
      readonly requestId: bigint;
      readonly error: { readonly code: string; readonly message: string } | undefined;
    }
  /** Ask the leader for a read index; `round` is the asker's own counter. */
  | { readonly kind: 'readIndex'; readonly round: number }
  | {
      readonly kind: 'readIndexAnswer';
      readonly round: number;
      readonly index: number | undefined;
    };

/** Why a connection to a peer ended (evidence for quick failover, P10). */
export type PeerDownReason =
  /** Reset or ended, and the next dial was refused: the process is gone. */
  | 'refused'
  /** Reset, ended or silent, anything else. */
  | 'lost';

export interface TransportEvents {
  onMessage(message: Message): void;
  onHostMessage(from: NodeId, message: HostMessage): void;
  /** All bytes of the snapshot that `message` announces are on disk (finished, not committed). */
  onSnapshot(from: NodeId, message: Message & { readonly kind: 'snapshot' }): void;
  onSnapshotSent(to: NodeId, arrived: boolean): void;
  onPeerUp(node: NodeId): void;
  onPeerDown(node: NodeId, reason: PeerDownReason): void;
  /** A peer says that this member was removed from the cluster. */
  onRemoved(): void;
}

export type PeerAddress = { readonly id: NodeId; readonly peerUrls: readonly string[] };

/** Network counters per peer, for /v2/stats. */
export type PeerStats = {
  readonly id: NodeId;
  readonly up: boolean;
  readonly sentMessages: number;
  readonly sentBytes: number;
  readonly receivedMessages: number;
  readonly receivedBytes: number;
  readonly failures: number;
};

export interface Transport {
  /** Sends what can be sent now; what cannot is dropped. One flush per call per peer. */
  send(messages: readonly Message[]): void;
  sendHost(to: NodeId, message: HostMessage): void;
  /** The current members other than this one. Connections to others are ended. */
  setPeers(peers: readonly PeerAddress[]): void;
  /** Ids that were removed from the cluster: told so when they connect. */
  setRemoved(ids: ReadonlySet<NodeId>): void;
  connected(node: NodeId): boolean;
  stats(): readonly PeerStats[];
  close(): Promise<void>;
}

/** Gives the transport access to snapshot bytes. */
export interface SnapshotBytes {
  read(meta: SnapshotMeta): AsyncIterable<Uint8Array>;
  create(meta: SnapshotMeta): Promise<SnapshotWriter>;
}
