// The seam between the HTTP handlers and the server: what a request can ask for. Handlers know
// HTTP and JSON; the backend knows Raft, the log and membership. Times are milliseconds.
import type { Command, CommandResult, Store } from '@corral/store';

/** Users' keys live below this prefix of the store; etcd's own data below "/0". */
export const keysPrefix = '/1';
export const clusterPrefix = '/0';

export type Member = {
  /** Hex without leading zeros. */
  readonly id: string;
  /** '' until the member has started. */
  readonly name: string;
  /** Sorted. */
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
};

/** Why a request got no answer from the store. `E_RAFT_*` become error code 300. */
export type RequestFailure =
  | 'E_RAFT_TIMEOUT'
  | 'E_RAFT_TIMEOUT_LEADER_FAILED'
  | 'E_RAFT_TIMEOUT_CONNECTION_LOST'
  | 'E_RAFT_NO_LEADER'
  | 'E_RAFT_STOPPED'
  | 'E_RAFT_CANCELLED'
  | 'E_RAFT_TOO_MANY_REQUESTS'
  | 'E_DISK_FULL';

export type WriteOutcome = CommandResult | { readonly ok: false; readonly failure: RequestFailure };

/** Why a membership change was refused. */
export type MemberRefusal =
  | { readonly kind: 'id-exists' }
  | { readonly kind: 'peer-url-exists' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'removed' }
  /** Strict reconfig check or a change that would lose quorum; the text says why. */
  | { readonly kind: 'unsafe'; readonly reason: string }
  | { readonly kind: 'failed'; readonly failure: RequestFailure };

export type MemberOutcome =
  | { readonly ok: true; readonly member: Member }
  | { readonly ok: false; readonly refusal: MemberRefusal };

export type RaftView = {
  readonly term: number;
  readonly appliedIndex: number;
  readonly commitIndex: number;
  readonly leaderId: string | undefined;
  readonly role: 'leader' | 'follower' | 'candidate';
};

export type FollowerStats = {
  readonly id: string;
  readonly latency: {
    readonly current: number;
    readonly average: number;
    readonly standardDeviation: number;
    readonly minimum: number;
    readonly maximum: number;
  };
  readonly counts: { readonly fail: number; readonly success: number };
};

export type SelfStats = {
  readonly name: string;
  readonly id: string;
  readonly startTime: number;
  readonly leaderSince: number | undefined;
  readonly recvAppendRequestCnt: number;
  readonly sendAppendRequestCnt: number;
  readonly recvPkgRate: number;
  readonly recvBandwidthRate: number;
  readonly sendPkgRate: number;
  readonly sendBandwidthRate: number;
};

export interface Backend {
  readonly clusterId: string;
  readonly memberId: string;
  /** Read access for plain GETs and watches. Never call `apply` on it. */
  readonly store: Store;
  readonly versions: { readonly server: string; readonly cluster: string | undefined };
  readonly raft: RaftView;
  /** The log that was there at start is applied, as far as it is known to be committed. */
  readonly caughtUp: boolean;
  /** Proposes; resolves when applied on this member, or with a failure after the time-out. */
  write(command: Command): Promise<WriteOutcome>;
  /** Resolves when this member has applied everything that was acknowledged before the call. */
  readBarrier(): Promise<
    { readonly ok: true } | { readonly ok: false; readonly failure: RequestFailure }
  >;
  /** Sorted by numeric id. */
  members(): readonly Member[];
  leader(): Member | undefined;
  addMember(peerUrls: readonly string[]): Promise<MemberOutcome>;
  removeMember(id: string): Promise<MemberOutcome>;
  updateMember(id: string, peerUrls: readonly string[]): Promise<MemberOutcome>;
  isRemoved(id: string): boolean;
  selfStats(): SelfStats;
  followerStats(): readonly FollowerStats[];
  /** Plain facts for /debug/vars and /metrics, by metric name. */
  counters(): ReadonlyMap<string, number>;
  /** For /debug/vars: etcd's "raft.status". */
  raftStatus(): Readonly<Record<string, unknown>>;
  setLogLevel(level: 'debug' | 'info' | 'warn' | 'error'): void;
}
