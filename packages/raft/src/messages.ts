// What members say to each other, and what a log holds. Data only: encoding belongs to the host.
// Message names follow the Raft dissertation; "append" is AppendEntries, "heartbeat" an
// AppendEntries that carries no entries and is never answered with a conflict.

declare const brand: unique symbol;

/** A member's identity: opaque to the core, ordered as text. */
export type NodeId = string & { readonly [brand]?: 'NodeId' };
/** A term; starts at 0, grows only. */
export type Term = number;
/** A position in the log; the first entry has index 1. */
export type Index = number;

/** One change of the voting membership (dissertation 4.1: one server at a time). */
export type MembershipChange = {
  readonly kind: 'add' | 'remove' | 'update';
  readonly node: NodeId;
  /** Opaque to the core (peer addresses, for instance). */
  readonly context: Uint8Array;
};

/** One log entry. All entries have one shape; `change` is set on membership entries only. */
export type Entry = {
  readonly index: Index;
  readonly term: Term;
  readonly kind: 'command' | 'empty' | 'membership';
  /** The command's bytes; empty for the other kinds. */
  readonly data: Uint8Array;
  readonly change: MembershipChange | undefined;
};

/** What must be on disk before a message that depends on it leaves. */
export type HardState = {
  readonly term: Term;
  readonly vote: NodeId | undefined;
  /** May lag behind on disk; a loss of it is harmless as long as entries carry it along. */
  readonly commit: Index;
};

/** What a snapshot stands for; its bytes are the host's business. */
export type SnapshotMeta = {
  readonly index: Index;
  readonly term: Term;
  /** The voters as of `index`. */
  readonly voters: readonly NodeId[];
};

type Envelope = { readonly from: NodeId; readonly to: NodeId; readonly term: Term };

export type VoteRequest = Envelope & {
  readonly kind: 'voteRequest';
  /** A pre-vote asks "would you?"; its term is the one the candidate would take (9.6). */
  readonly preVote: boolean;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** Set when the leader itself asked for this election (3.10); voters then ignore their lease. */
  readonly transfer: boolean;
};
export type VoteReply = Envelope & {
  readonly kind: 'voteReply';
  readonly preVote: boolean;
  readonly granted: boolean;
};
export type Append = Envelope & {
  readonly kind: 'append';
  readonly prevIndex: Index;
  readonly prevTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: Index;
};
export type AppendReply = Envelope & {
  readonly kind: 'appendReply';
  /** Accepted: everything up to `index` matches the leader's log and is durable. */
  readonly accepted: boolean;
  /** Accepted: last matching index. Refused: the `prevIndex` that was refused. */
  readonly index: Index;
  /** Refused: where the leader should look next (5.3, fast back-off by term). */
  readonly hintIndex: Index;
  readonly hintTerm: Term;
};
export type Heartbeat = Envelope & {
  readonly kind: 'heartbeat';
  /** Capped by what this follower is known to hold. */
  readonly commit: Index;
  /** The newest ReadIndex round that this heartbeat confirms; 0 = none. */
  readonly readRound: number;
};
export type HeartbeatReply = Envelope & {
  readonly kind: 'heartbeatReply';
  readonly readRound: number;
};
/** Leader to follower: the follower needs entries that are gone. The host streams the bytes. */
export type InstallSnapshot = Envelope & {
  readonly kind: 'snapshot';
  readonly meta: SnapshotMeta;
};
/** Leader to the member that shall lead next (3.10). */
export type TimeoutNow = Envelope & { readonly kind: 'timeoutNow' };

export type Message =
  | VoteRequest
  | VoteReply
  | Append
  | AppendReply
  | Heartbeat
  | HeartbeatReply
  | InstallSnapshot
  | TimeoutNow;
