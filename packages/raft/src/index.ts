// The names that hosts may use.

// the node
export { RaftNode } from './node.js';
export type { Recovered } from './node.js';
// data
export type {
  Append,
  AppendReply,
  Entry,
  HardState,
  Heartbeat,
  HeartbeatReply,
  Index,
  InstallSnapshot,
  MembershipChange,
  Message,
  NodeId,
  SnapshotMeta,
  Term,
  TimeoutNow,
  VoteReply,
  VoteRequest,
} from './messages.js';
// effects
export type {
  FailedRead,
  ProgressStatus,
  Proposed,
  ReadState,
  Ready,
  Refusal,
  Role,
  SoftState,
  Status,
  WakeRequest,
} from './ready.js';
// settings
export { defaultConfig } from './config.js';
export type { RaftConfig, RandomSource } from './config.js';
// errors
export { RaftError } from './errors.js';
export type { RaftErrorCode } from './errors.js';
export { validateConfig } from './config-check.js';
