// What a member tells about itself, as the HTTP handlers want it: raft's status, counters and the
// figures of /v2/stats/self. Pure functions over facts.
import type { Status } from '@corral/raft';
import type { SelfStats } from './backend.js';
import type { RaftStats } from './raft-stats.js';
import type { Storage } from './storage.js';

const capital = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);

/** The `raft.status` of `/debug/vars`, in etcd's names. */
export function raftStatusView(status: Status): Readonly<Record<string, unknown>> {
  const progress = Object.fromEntries(
    [...status.progress].map(([id, { match, next, state }]) => [
      id,
      { match, next, state: `Progress${capital(state)}` },
    ]),
  );
  return {
    id: status.id,
    term: status.term,
    vote: status.vote ?? '0',
    commit: status.commit,
    lead: status.leader ?? '0',
    raftState: `State${capital(status.role)}`,
    progress,
  };
}

/** Gauges and counters under etcd's metric names; our own start with `corral_`. */
export function countersView(facts: {
  readonly status: Status;
  readonly leaderChanges: number;
  readonly pendingProposals: number;
  readonly disk: Storage['stats'];
}): ReadonlyMap<string, number> {
  const { status, leaderChanges, pendingProposals, disk } = facts;
  return new Map([
    ['etcd_server_has_leader', status.leader === undefined ? 0 : 1],
    ['etcd_server_is_leader', status.role === 'leader' ? 1 : 0],
    ['etcd_server_leader_changes_seen_total', leaderChanges],
    ['etcd_server_proposals_committed_total', status.commit],
    ['etcd_server_proposals_applied_total', status.applied],
    ['etcd_server_proposals_pending', pendingProposals],
    ['etcd_server_pending_proposal_total', pendingProposals],
    ['etcd_wal_last_index_saved', disk.lastSavedIndex],
    ['corral_raft_log_entries', status.lastIndex - status.firstIndex + 1],
    ['corral_wal_fsyncs_total', disk.fsyncs],
  ]);
}

/** `/v2/stats/self`. Times are wall times in ms; rates are per second. */
export function selfStatsView(
  who: Pick<SelfStats, 'name' | 'id' | 'startTime' | 'leaderSince'>,
  stats: RaftStats,
): SelfStats {
  const sent = stats.sent.rates();
  const received = stats.received.rates();
  return {
    ...who,
    recvAppendRequestCnt: stats.received.count,
    sendAppendRequestCnt: stats.sent.count,
    recvPkgRate: received.messages,
    recvBandwidthRate: received.bytes,
    sendPkgRate: sent.messages,
    sendBandwidthRate: sent.bytes,
  };
}
