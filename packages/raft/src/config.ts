// Settings of one node; every field says its unit. `defaultConfig` holds etcd's numbers where etcd
// has one.

import type { NodeId } from './messages.js';

/** Chance, injected: a number in [0, 1). The kit's Prng fits. */
export type RandomSource = { next(): number };

export type RaftConfig = {
  readonly id: NodeId;
  /** Ticks without a leader before a pre-vote; the real time-out is random in [T, 2T). */
  readonly electionTicks: number;
  /** Ticks between heartbeats of a leader. */
  readonly heartbeatTicks: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** Bytes of entries in one append message, at the most (one entry always goes). */
  readonly maxAppendBytes: number;
  /** Append messages on the way to one follower, at the most. */
  readonly maxInflightMessages: number;
  /** Bytes on the way to one follower, at the most. */
  readonly maxInflightBytes: number;
  /** Bytes proposed and not yet committed, at the most; above it proposals are refused. */
  readonly maxUncommittedBytes: number;
  /** Bytes of committed entries in one Ready, at the most (one entry always goes). */
  readonly maxCommittedBytes: number;
  /** Quick failover: delay per rank among the other members, and the random part on top. */
  readonly quickRankMs: number;
  readonly quickJitterMs: number;
  /** Quick failover: how often a failed quick round is tried again. */
  readonly quickAttempts: number;
  readonly random: RandomSource;
};

export const defaultConfig: Omit<RaftConfig, 'id' | 'random'> = {
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  maxAppendBytes: 1024 * 1024,
  maxInflightMessages: 64,
  maxInflightBytes: 4 * 1024 * 1024,
  maxUncommittedBytes: 64 * 1024 * 1024,
  maxCommittedBytes: 4 * 1024 * 1024,
  quickRankMs: 15,
  quickJitterMs: 5,
  quickAttempts: 10,
};
