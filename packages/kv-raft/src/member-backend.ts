// The member as the HTTP handlers see it: proposals, reads, members and views over the parts that
// etcd-server.ts put together.
import type { RaftNode } from '@corral/raft';
import type { Command, Store } from '@corral/store';
import type { Applier } from './applier.js';
import type {
  Backend,
  FollowerStats,
  Member,
  MemberOutcome,
  RaftView,
  SelfStats,
  WriteOutcome,
} from './backend.js';
import { runtimeMemberId } from './bootstrap/ids.js';
import type { EtcdServerOptions } from './etcd-server.js';
import type { Leadership } from './leadership.js';
import type { MemberChanges } from './member-changes.js';
import type { Proposals } from './proposals.js';
import type { RaftStats } from './raft-stats.js';
import type { ReadBarrier, ReadOutcome } from './read-barrier.js';
import { countersView, raftStatusView, selfStatsView } from './server-views.js';
import { serverVersion } from './version.js';

export type BackendParts = {
  readonly options: EtcdServerOptions;
  readonly applier: Applier;
  readonly core: RaftNode;
  readonly proposals: Proposals;
  readonly reads: ReadBarrier;
  readonly changes: MemberChanges;
  readonly leadership: Leadership;
  readonly stats: RaftStats;
  readonly diskFull: () => boolean;
  readonly schedule: () => void;
};

export class MemberBackend implements Backend {
  readonly clusterId: string;
  readonly memberId: string;
  readonly #parts: BackendParts;
  readonly #startTime: number;

  constructor(parts: BackendParts) {
    this.#parts = parts;
    const { identity } = parts.options.recovered;
    this.clusterId = identity.clusterId;
    this.memberId = identity.memberId;
    this.#startTime = parts.options.clock.wallTime();
  }

  get store(): Store {
    return this.#parts.applier.store;
  }

  get versions(): Backend['versions'] {
    return { server: serverVersion, cluster: this.#parts.applier.members.clusterVersion };
  }

  get raft(): RaftView {
    const role = this.#parts.core.role;
    return {
      term: this.#parts.core.term,
      appliedIndex: this.#parts.applier.appliedIndex,
      commitIndex: this.#parts.core.commit,
      leaderId: this.#parts.core.leader,
      role: role === 'preCandidate' ? 'follower' : role,
    };
  }

  get caughtUp(): boolean {
    const { hardState, entries } = this.#parts.options.recovered;
    // The commit index on disk may lag; what a member without others has written, it has committed.
    const alone = this.members().length === 1;
    const written = alone ? (entries.at(-1)?.index ?? 0) : 0;
    return this.#parts.applier.appliedIndex >= Math.max(hardState.commit, written);
  }

  async write(command: Command): Promise<WriteOutcome> {
    if (this.#parts.diskFull()) return { ok: false, failure: 'E_DISK_FULL' };
    const asked = this.#parts.proposals.add(command);
    this.#parts.schedule();
    const outcome = await asked;
    if (!outcome.ok) return outcome;
    return outcome.result ?? { ok: false, failure: 'E_RAFT_CANCELLED' };
  }

  async readBarrier(): Promise<ReadOutcome> {
    const log = this.#parts.options.quorumRead === 'log';
    const asked = log ? this.#parts.proposals.add({ kind: 'barrier' }) : this.#parts.reads.wait();
    this.#parts.schedule();
    const outcome = await asked;
    return outcome.ok ? { ok: true } : outcome;
  }

  members(): readonly Member[] {
    return this.#parts.applier.members.list();
  }

  leader(): Member | undefined {
    const { leader } = this.#parts.core;
    return leader === undefined ? undefined : this.#parts.applier.members.get(leader);
  }

  addMember(peerUrls: readonly string[]): Promise<MemberOutcome> {
    const id = runtimeMemberId(peerUrls, this.#parts.options.clock.wallTime());
    return this.#parts.changes.ask({ kind: 'add', id, peerUrls: [...peerUrls].sort() });
  }

  removeMember(id: string): Promise<MemberOutcome> {
    return this.#parts.changes.ask({ kind: 'remove', id, peerUrls: [] });
  }

  updateMember(id: string, peerUrls: readonly string[]): Promise<MemberOutcome> {
    return this.#parts.changes.ask({ kind: 'update', id, peerUrls: [...peerUrls].sort() });
  }

  isRemoved(id: string): boolean {
    return this.#parts.applier.members.removed.has(id);
  }

  selfStats(): SelfStats {
    const who = {
      name: this.#parts.options.name,
      id: this.memberId,
      startTime: this.#startTime,
      leaderSince: this.#parts.leadership.leaderSinceWallTime,
    };
    return selfStatsView(who, this.#parts.stats);
  }

  followerStats(): readonly FollowerStats[] {
    const others = this.members().filter((member) => member.id !== this.memberId);
    return this.#parts.stats.followers(others.map((member) => member.id));
  }

  counters(): ReadonlyMap<string, number> {
    return countersView({
      status: this.#parts.core.status(),
      leaderChanges: this.#parts.leadership.changes,
      pendingProposals: this.#parts.proposals.size,
      disk: this.#parts.options.storage.stats,
    });
  }

  raftStatus(): Readonly<Record<string, unknown>> {
    return raftStatusView(this.#parts.core.status());
  }

  setLogLevel(level: 'debug' | 'info' | 'warn' | 'error'): void {
    this.#parts.options.setLogLevel(level);
  }
}
