// What the core wants done: one value per turn, effects as data.
//
// The host's contract, for every Ready and in this order:
//   1. send `messages` at once (they depend on nothing that this Ready saves);
//   2. hand `snapshot`, `entries` and `hardState` to the disk. Saves may be batched, never
//      reordered. All parts of one Ready become durable together, `hardState.commit` included
//      whenever there are entries;
//   3. apply `committed` to the state machine, in order (they are durable here already);
//   4. answer `reads`: each may be served once the state machine has applied its index;
//   5. when everything up to and including this Ready is durable, call `saved(ready.number)`, then
//      send `messagesAfterSave`.
// Several Readys may be between steps 2 and 5. `saved` is called in order; one call may cover
// several Readys.

import type { Entry, HardState, Index, Message, NodeId, SnapshotMeta, Term } from './messages.js';

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** A read request that a majority has confirmed: it may be answered from `index` on. */
export type ReadState = { readonly id: number; readonly index: Index };

/** A read request that cannot be confirmed any more (leader lost); the host must ask again. */
export type FailedRead = { readonly id: number };

/** The core asks to be woken: call `wake(token)` after `afterMs`. A newer request replaces it. */
export type WakeRequest = { readonly afterMs: number; readonly token: number };

export type Ready = {
  /** Counts up by one; goes back into `saved`. */
  readonly number: number;
  readonly hardState: HardState | undefined;
  /** To append; the first may overwrite an existing index (then everything after it is void). */
  readonly entries: readonly Entry[];
  /** To install: replaces the whole log and state. The host has the bytes already. */
  readonly snapshot: SnapshotMeta | undefined;
  readonly messages: readonly Message[];
  readonly messagesAfterSave: readonly Message[];
  readonly committed: readonly Entry[];
  readonly reads: readonly ReadState[];
  readonly failedReads: readonly FailedRead[];
  /** Set when role, term or known leader changed. */
  readonly soft: SoftState | undefined;
  readonly wake: WakeRequest | undefined;
  /** True when entries, term or vote are to be saved (a commit index alone needs no sync). */
  readonly mustSync: boolean;
};

export type SoftState = {
  readonly role: Role;
  readonly term: Term;
  readonly leader: NodeId | undefined;
};

/** Why a proposal, a read or a transfer was not taken. Nothing was changed. */
export type Refusal = {
  readonly ok: false;
  readonly reason:
    | 'not-leader'
    | 'transferring'
    | 'too-much-uncommitted'
    | 'change-pending'
    | 'no-entry-in-term'
    | 'not-a-voter'
    | 'already-a-voter'
    | 'last-voter';
  /** Who leads, when known. */
  readonly leader: NodeId | undefined;
};

export type Proposed = { readonly ok: true; readonly index: Index; readonly term: Term };

/** The leader's idea of one other member. */
export type ProgressStatus = {
  readonly match: Index;
  readonly next: Index;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly inflight: number;
  readonly recentlyActive: boolean;
};

/** A frozen picture of the node, for people and for tests. */
export type Status = {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: NodeId | undefined;
  readonly leader: NodeId | undefined;
  readonly commit: Index;
  /** The highest index handed out in `committed`. */
  readonly applied: Index;
  readonly firstIndex: Index;
  readonly lastIndex: Index;
  /** The highest index known to be durable here. */
  readonly stableIndex: Index;
  readonly voters: readonly NodeId[];
  readonly progress: ReadonlyMap<NodeId, ProgressStatus>;
  readonly transferee: NodeId | undefined;
  readonly pendingChange: Index | undefined;
};
