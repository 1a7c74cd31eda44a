// RaftNode: the door to the core. (Signatures are settled; the behaviour follows.)
import type { RaftConfig } from './config.js';
import type {
  Entry,
  HardState,
  Index,
  Message,
  MembershipChange,
  NodeId,
  SnapshotMeta,
} from './messages.js';
import type { Proposed, Ready, Refusal, Status } from './ready.js';

/** What was found on disk. A new member starts with its bootstrap entries here, like a restart. */
export type Recovered = {
  readonly hardState: HardState;
  /** The snapshot that the state machine was restored from, if any. */
  readonly snapshot: SnapshotMeta | undefined;
  /** Durable entries, gapless, starting at most at snapshot.index + 1. */
  readonly entries: readonly Entry[];
};

export interface RaftNodeShape {
  /** One tick of logical time. */
  tick(): void;
  /** A message from a member. Never throws; a malformed or foreign one is dropped and counted. */
  step(message: Message): void;
  propose(data: Uint8Array): Proposed | Refusal;
  proposeMembership(change: MembershipChange): Proposed | Refusal;
  /** Asks for a linearizable read; `id` comes back in Ready.reads or Ready.failedReads. */
  requestRead(id: number): { readonly ok: true } | Refusal;
  transferLeadership(to: NodeId): { readonly ok: true } | Refusal;
  /** Starts an election at once (a pre-vote round when pre-vote is on). */
  campaign(): void;
  /** Evidence that the leader's process is gone: reset or ended, then refused (quick failover). */
  leaderLost(leader: NodeId): void;
  /** Answers a Ready.wake. Stale tokens are ignored. */
  wake(token: number): void;
  hasReady(): boolean;
  ready(): Ready;
  /** Everything up to Ready `number` is durable. */
  saved(number: number): void;
  /** The transport lost the connection to `node`: probe before sending more. */
  reportUnreachable(node: NodeId): void;
  /** How sending a snapshot to `node` ended. */
  reportSnapshot(node: NodeId, arrived: boolean): void;
  /** The host holds a durable snapshot of `meta`; entries up to `keepFrom - 1` may be dropped. */
  compact(meta: SnapshotMeta, keepFrom: Index): void;
  status(): Status;
}

export type CreateRaftNode = (config: RaftConfig, recovered: Recovered) => RaftNodeShape;
