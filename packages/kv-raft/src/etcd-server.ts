// One member: the replicated state, the core, the loop around it and the requests of clients and
// other members. It implements the backend of the HTTP handlers. Sockets, files and flags are
// handed in; server.ts puts the parts together.
import type { Clock, Logger, Timer } from '@corral/kit';
import { RaftNode } from '@corral/raft';
import type { MembershipChange, Message, NodeId, RaftConfig, SoftState } from '@corral/raft';
import type { Command, CommandResult, Store } from '@corral/store';
import { Applier } from './applier.js';
import type { ApplyListener } from './applier.js';
import type {
  Backend,
  FollowerStats,
  Member,
  MemberOutcome,
  MemberRefusal,
  RaftView,
  RequestFailure,
  SelfStats,
  WriteOutcome,
} from './backend.js';
import { runtimeMemberId } from './bootstrap/ids.js';
import { ForwardedRequests } from './forwarded-requests.js';
import { MemberChanges } from './member-changes.js';
import type { ChangeRequest } from './member-changes.js';
import { clusterVersionCommand, compareIds, publishCommand } from './members.js';
import { Proposals } from './proposals.js';
import { RaftHost } from './raft-host.js';
import type { HostListener } from './raft-host.js';
import { RaftStats } from './raft-stats.js';
import { ReadBarrier } from './read-barrier.js';
import type { ReadOutcome } from './read-barrier.js';
import type { RequestId } from './request-codec.js';
import { Snapshotter } from './snapshotter.js';
import type { RecoveredState, Storage } from './storage.js';
import type {
  HostMessage,
  PeerAddress,
  PeerDownReason,
  Transport,
  TransportEvents,
} from './transport.js';
import { clusterVersion, serverVersion } from './version.js';

export type EtcdServerOptions = {
  readonly name: string;
  readonly advertiseClientUrls: readonly string[];
  readonly recovered: RecoveredState;
  /** Whom to dial while the store knows no members yet (a member that joins). */
  readonly seedPeers: readonly PeerAddress[];
  readonly storage: Storage;
  /** Built with the server's own events; the server is handed in by `events`. */
  readonly makeTransport: (events: TransportEvents) => Transport;
  readonly raft: Omit<RaftConfig, 'id'>;
  readonly tickMs: number;
  readonly snapshotCount: number;
  readonly strictReconfigCheck: boolean;
  /** `log`: a quorum read is an entry of its own, as in etcd 2.3. */
  readonly quorumRead: 'index' | 'log';
  /** A number that no other life of any member has. */
  readonly session: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly setLogLevel: Backend['setLogLevel'];
  readonly defer: (run: () => void) => void;
  readonly onFatal: (error: unknown) => void;
  /** This member was removed from the cluster. */
  readonly onRemoved: () => void;
};

/** Expired keys are looked for this often (etcd: 500 ms). */
const expireEveryMs = 500;
/** Log entries that stay behind a snapshot for followers that lag a little (etcd: 5,000). */
const keptEntries = 5_000;
const pendingBytesMax = 128 * 1024 * 1024;
const historyMax = 1_000;

export class EtcdServer implements Backend, HostListener, TransportEvents, ApplyListener {
  readonly clusterId: string;
  readonly memberId: NodeId;
  readonly stats: RaftStats;
  readonly transport: Transport;
  readonly #options: EtcdServerOptions;
  readonly #core: RaftNode;
  readonly #applier: Applier;
  readonly #host: RaftHost;
  readonly #snapshotter: Snapshotter;
  readonly #proposals: Proposals;
  readonly #reads: ReadBarrier;
  readonly #changes: MemberChanges;
  readonly #forwarded: ForwardedRequests;
  readonly #localReads = new Map<number, number>();
  readonly #startTime: number;
  #nextReadId = 1;
  #soft: SoftState;
  #leaderSince: number | undefined;
  #leaderSinceWallTime: number | undefined;
  #leaderlessSince: number | undefined;
  #leaderChanges = 0;
  #hadLeader = false;
  #publishing = false;
  #expiring = false;
  #lastExpireAt = 0;
  /** A leader that does not lead any more answered: ask again at the next tick, not before. */
  #holdUntilTick = false;
  #diskFull = false;
  #timer: Timer | undefined;
  #stopping = false;

  constructor(options: EtcdServerOptions) {
    this.#options = options;
    const { recovered, clock, logger, storage, tickMs } = options;
    this.clusterId = recovered.identity.clusterId;
    this.memberId = recovered.identity.memberId;
    this.#startTime = clock.wallTime();
    this.#leaderlessSince = clock.now();
    this.stats = new RaftStats(clock);
    this.#applier = new Applier(this, { historyMax });
    const { snapshot, hardState, entries } = recovered;
    if (snapshot !== undefined) this.#applier.restore(snapshot.meta, snapshot.chunks);
    this.#core = new RaftNode(
      { ...options.raft, id: this.memberId },
      { hardState, entries, snapshot: snapshot?.meta },
    );
    this.#soft = { role: 'follower', term: this.#core.term, leader: undefined };
    this.transport = options.makeTransport(this);
    const electionTimeoutMs = options.raft.electionTicks * tickMs;
    const timeoutMs = 5_000 + 2 * electionTimeoutMs;
    const leaderlessMs = 3 * electionTimeoutMs;
    this.#proposals = new Proposals({
      session: options.session,
      clock,
      limits: {
        timeoutMs,
        leaderlessMs,
        electionTimeoutMs,
        resendMs: 2 * electionTimeoutMs,
        pendingBytesMax,
      },
    });
    this.#reads = new ReadBarrier({
      clock,
      timeoutMs,
      leaderlessMs,
      retryMs: electionTimeoutMs,
      ask: (round) => this.#askForRead(round),
      appliedIndex: () => this.#applier.appliedIndex,
    });
    const schedule = (): void => this.#host.schedule();
    this.#changes = new MemberChanges({
      core: this.#core,
      members: this.#applier.members,
      clock,
      logger,
      session: options.session,
      timeoutMs,
      strict: options.strictReconfigCheck,
      takeSequence: () => this.#proposals.takeSequence(),
      schedule,
      sendToLeader: (leader, request) => this.#forwarded.sendChange(leader, request),
    });
    this.#snapshotter = new Snapshotter(
      {
        applier: this.#applier,
        storage,
        logger,
        snapshotCount: options.snapshotCount,
        keepEntries: keptEntries,
        voters: () => this.#applier.members.list().map((member) => member.id),
        onDurable: (meta, keepFrom) => this.#core.compact(meta, keepFrom),
        onFailure: (error) => this.onFatal(error),
      },
      snapshot?.meta.index ?? 0,
    );
    this.#host = new RaftHost({
      core: this.#core,
      storage,
      transport: {
        ...boundTransport(this.transport),
        send: (messages) => {
          this.stats.onSend(messages);
          this.transport.send(messages);
        },
      },
      applier: this.#applier,
      snapshotter: this.#snapshotter,
      clock,
      logger,
      tickMs,
      defer: options.defer,
      listener: this,
    });
    this.#forwarded = new ForwardedRequests({
      core: this.#core,
      transport: this.transport,
      proposals: this.#proposals,
      reads: this.#reads,
      changes: this.#changes,
      nextReadId: () => this.#nextReadId++,
      hold: () => {
        this.#holdUntilTick = true;
      },
      schedule,
    });
    storage.onSpace((state) => {
      this.#diskFull = state === 'full';
      logger.warn(state === 'full' ? 'disk is full: writes are refused' : 'disk has space again');
    });
  }

  /** Applies the log of the last life and starts the clock. */
  start(): void {
    this.#host.start();
    this.onClusterData();
    this.#timer = this.#options.clock.every(this.#options.tickMs, () => this.#onTick());
    this.#campaignEarly();
  }

  /**
   * Hands leadership over if this member has it, so that the cluster goes on without an election
   * time-out. Resolves when another member leads or `withinMs` are over.
   */
  async handOver(withinMs: number): Promise<void> {
    this.#stopping = true;
    const { clock } = this.#options;
    const deadline = clock.now() + withinMs;
    const { progress } = this.#core.status();
    const best = [...progress]
      .filter(([id]) => id !== this.memberId && this.transport.connected(id))
      .sort(([, a], [, b]) => b.match - a.match)[0];
    if (this.#core.role !== 'leader' || best === undefined) return;
    if (!this.#core.transferLeadership(best[0]).ok) return;
    this.#host.schedule();
    while (this.#core.role === 'leader' || this.#core.leader === undefined) {
      if (clock.now() >= deadline) return;
      await clock.sleep(5);
    }
  }

  /** Ends everything but the files; requests that are still open fail. */
  async close(): Promise<void> {
    this.#stopping = true;
    this.#timer?.cancel();
    this.#proposals.failAll('E_RAFT_STOPPED');
    this.#reads.failAll('E_RAFT_STOPPED');
    this.#changes.failAll('E_RAFT_STOPPED');
    this.#host.close();
    await this.transport.close();
    await this.#snapshotter.close();
  }

  // Backend

  get store(): Store {
    return this.#applier.store;
  }

  get versions(): Backend['versions'] {
    return { server: serverVersion, cluster: this.#applier.members.clusterVersion };
  }

  get raft(): RaftView {
    const role = this.#core.role;
    return {
      term: this.#core.term,
      appliedIndex: this.#applier.appliedIndex,
      commitIndex: this.#core.commit,
      leaderId: this.#core.leader,
      role: role === 'preCandidate' ? 'follower' : role,
    };
  }

  get caughtUp(): boolean {
    return this.#applier.appliedIndex >= this.#options.recovered.hardState.commit;
  }

  async write(command: Command): Promise<WriteOutcome> {
    if (this.#diskFull) return { ok: false, failure: 'E_DISK_FULL' };
    const asked = this.#proposals.add(command);
    this.#host.schedule();
    const outcome = await asked;
    if (!outcome.ok) return outcome;
    return outcome.result ?? { ok: false, failure: 'E_RAFT_CANCELLED' };
  }

  async readBarrier(): Promise<ReadOutcome> {
    const log = this.#options.quorumRead === 'log';
    const asked = log ? this.#proposals.add({ kind: 'barrier' }) : this.#reads.wait();
    this.#host.schedule();
    const outcome = await asked;
    return outcome.ok ? { ok: true } : outcome;
  }

  members(): readonly Member[] {
    return this.#applier.members.list();
  }

  leader(): Member | undefined {
    const { leader } = this.#core;
    return leader === undefined ? undefined : this.#applier.members.get(leader);
  }

  addMember(peerUrls: readonly string[]): Promise<MemberOutcome> {
    const id = runtimeMemberId(peerUrls, this.#options.clock.wallTime());
    return this.#changes.ask({ kind: 'add', id, peerUrls: [...peerUrls].sort() });
  }

  removeMember(id: string): Promise<MemberOutcome> {
    return this.#changes.ask({ kind: 'remove', id, peerUrls: [] });
  }

  updateMember(id: string, peerUrls: readonly string[]): Promise<MemberOutcome> {
    return this.#changes.ask({ kind: 'update', id, peerUrls: [...peerUrls].sort() });
  }

  isRemoved(id: string): boolean {
    return this.#applier.members.removed.has(id);
  }

  selfStats(): SelfStats {
    const sent = this.stats.sent.rates();
    const received = this.stats.received.rates();
    return {
      name: this.#options.name,
      id: this.memberId,
      startTime: this.#startTime,
      leaderSince: this.#leaderSinceWallTime,
      recvAppendRequestCnt: this.stats.received.count,
      sendAppendRequestCnt: this.stats.sent.count,
      recvPkgRate: received.messages,
      recvBandwidthRate: received.bytes,
      sendPkgRate: sent.messages,
      sendBandwidthRate: sent.bytes,
    };
  }

  followerStats(): readonly FollowerStats[] {
    const others = this.members().filter((member) => member.id !== this.memberId);
    return this.stats.followers(others.map((member) => member.id));
  }

  counters(): ReadonlyMap<string, number> {
    const { commit, applied } = this.#core.status();
    const disk = this.#options.storage.stats;
    return new Map([
      ['etcd_server_has_leader', this.#core.leader === undefined ? 0 : 1],
      ['etcd_server_is_leader', this.#core.role === 'leader' ? 1 : 0],
      ['etcd_server_leader_changes_seen_total', this.#leaderChanges],
      ['etcd_server_proposals_committed_total', commit],
      ['etcd_server_proposals_applied_total', applied],
      ['etcd_server_proposals_pending', this.#proposals.size],
      ['etcd_server_pending_proposal_total', this.#proposals.size],
      ['etcd_wal_last_index_saved', disk.lastSavedIndex],
      ['corral_wal_fsyncs_total', disk.fsyncs],
    ]);
  }

  raftStatus(): Readonly<Record<string, unknown>> {
    const status = this.#core.status();
    const progress = Object.fromEntries(
      [...status.progress].map(([id, { match, next, state }]) => {
        const name = `${state.slice(0, 1).toUpperCase()}${state.slice(1)}`;
        return [id, { match, next, state: `Progress${name}` }];
      }),
    );
    const role = status.role.slice(0, 1).toUpperCase() + status.role.slice(1);
    return {
      id: status.id,
      term: status.term,
      vote: status.vote ?? '0',
      commit: status.commit,
      lead: status.leader ?? '0',
      raftState: `State${role}`,
      progress,
    };
  }

  setLogLevel(level: 'debug' | 'info' | 'warn' | 'error'): void {
    this.#options.setLogLevel(level);
  }

  // HostListener

  beforeTurn(): void {
    if (!this.#holdUntilTick) this.#forwarded.flushProposals();
    this.#reads.flush();
    this.#changes.flush();
  }

  onSoftState(soft: SoftState): void {
    const before = this.#soft;
    this.#soft = soft;
    const { clock, logger } = this.#options;
    if (soft.leader === before.leader && soft.term === before.term) return;
    this.#reads.failAllRounds();
    this.#localReads.clear();
    this.#forwarded.forgetReads();
    if (soft.leader === undefined) {
      this.#leaderlessSince ??= clock.now();
      logger.info('lost leader', { term: soft.term, leader: before.leader });
      return;
    }
    this.#hadLeader = true;
    this.#holdUntilTick = false;
    this.#leaderlessSince = undefined;
    this.#leaderSince = clock.now();
    this.#leaderSinceWallTime = clock.wallTime();
    this.#leaderChanges += 1;
    logger.info('leader elected', { term: soft.term, leader: soft.leader, role: soft.role });
    this.#proposals.requeueAll();
    this.#changes.resend();
    if (soft.leader === this.memberId) this.#startLeading();
    this.#host.schedule();
  }

  onRead(id: number, index: number): void {
    const round = this.#localReads.get(id);
    if (round === undefined) {
      this.#forwarded.answerRead(id, index);
      return;
    }
    this.#localReads.delete(id);
    this.#reads.confirm(round, index);
  }

  onReadFailed(id: number): void {
    const round = this.#localReads.get(id);
    if (round === undefined) {
      this.#forwarded.answerRead(id, undefined);
      return;
    }
    this.#localReads.delete(id);
    this.#reads.fail(round);
  }

  onApplied(): void {
    this.#reads.applied();
  }

  onRestored(): void {
    this.onClusterData();
  }

  onFatal(error: unknown): void {
    if (!this.#stopping) this.#options.onFatal(error);
  }

  // ApplyListener

  onRequest(id: RequestId, result: CommandResult | undefined): void {
    if (id.session === this.#proposals.session) this.#proposals.settle(id.sequence, result);
  }

  onMembership(change: MembershipChange): void {
    this.#options.logger.info('membership changed', { change: change.kind, member: change.node });
    this.onClusterData();
    this.#changes.applied(change);
    if (change.kind === 'remove' && change.node === this.memberId) this.#options.onRemoved();
  }

  /** Names, addresses or membership changed: the transport follows. */
  onClusterData(): void {
    // Called by the applier's own restore too, before the transport exists.
    const transport = this.transport as Transport | undefined;
    if (transport === undefined) return;
    const known: readonly PeerAddress[] =
      this.members().length === 0 ? this.#options.seedPeers : this.members();
    const others = known.filter((member) => member.id !== this.memberId);
    transport.setPeers(others.map(({ id, peerUrls }) => ({ id, peerUrls })));
    transport.setRemoved(this.#applier.members.removed);
  }

  // TransportEvents

  onMessage(message: Message): void {
    this.stats.onReceive(message);
    this.#host.step(message);
  }

  onHostMessage(from: NodeId, message: HostMessage): void {
    this.#forwarded.onHostMessage(from, message);
  }

  onSnapshot(_from: NodeId, message: Message & { readonly kind: 'snapshot' }): void {
    this.#host.step(message);
  }

  onSnapshotSent(to: NodeId, arrived: boolean): void {
    this.#core.reportSnapshot(to, arrived);
    this.#host.schedule();
  }

  onPeerUp(node: NodeId): void {
    this.#options.logger.info('peer is connected', { peer: node });
    this.#campaignEarly();
    this.#host.schedule();
  }

  onPeerDown(node: NodeId, reason: PeerDownReason): void {
    this.#options.logger.info('peer is gone', { peer: node, reason });
    this.stats.onUnreachable(node);
    this.#core.reportUnreachable(node);
    // Its process is gone: whatever it was doing as a leader is over. The core checks that this
    // was the leader; log, term and vote rules stay as they are.
    if (reason === 'refused') this.#core.leaderLost(node);
    this.#host.schedule();
  }

  onRemoved(): void {
    this.#options.onRemoved();
  }

  // own affairs

  #askForRead(round: number): boolean {
    const { leader, role } = this.#core;
    if (leader === undefined) return false;
    if (role !== 'leader') return this.#forwarded.askForRead(leader, round);
    const id = this.#nextReadId;
    this.#nextReadId += 1;
    this.#localReads.set(id, round);
    if (this.#core.requestRead(id).ok) return true;
    this.#localReads.delete(id);
    return false;
  }

  #onTick(): void {
    this.#holdUntilTick = false;
    const situation = { leaderlessSince: this.#leaderlessSince, leaderSince: this.#leaderSince };
    this.#proposals.expire(situation);
    this.#reads.expire(this.#leaderlessSince);
    this.#changes.expire();
    this.#publish();
    this.#expireKeys();
    this.#campaignEarly();
    this.#host.schedule();
  }

  #startLeading(): void {
    this.stats.reset();
    if (this.#applier.members.clusterVersion !== undefined) return;
    void this.#proposals.add(clusterVersionCommand(clusterVersion));
  }

  /** Publishes this member's name and client URLs until the cluster holds them. */
  #publish(): void {
    const { name, advertiseClientUrls: clientUrls, logger } = this.#options;
    const own = this.#applier.members.get(this.memberId);
    if (this.#publishing || this.#core.leader === undefined || own === undefined) return;
    const wanted = [...clientUrls].sort();
    if (own.name === name && own.clientUrls.join() === wanted.join()) return;
    this.#publishing = true;
    const command = publishCommand({ id: this.memberId, name, clientUrls: wanted });
    void this.#proposals.add(command).then((outcome) => {
      this.#publishing = false;
      if (outcome.ok) {
        logger.info(`published {Name:${name} ClientURLs:[${wanted.join(' ')}]} to cluster`, {
          clusterId: this.clusterId,
        });
      }
    });
  }

  /** The leader's clock decides what has expired; the entry says so to everybody. */
  #expireKeys(): void {
    const { clock } = this.#options;
    if (this.#core.role !== 'leader' || this.#expiring) return;
    if (this.store.expiringNodes === 0 || clock.now() - this.#lastExpireAt < expireEveryMs) return;
    this.#lastExpireAt = clock.now();
    this.#expiring = true;
    void this.#proposals.add({ kind: 'expire', now: clock.wallTime() }).then(() => {
      this.#expiring = false;
    });
  }

  /**
   * A cluster that has just started need not wait for an election time-out: the lowest id asks for
   * a pre-vote as soon as it reaches a majority. Where a leader lives, the pre-vote is refused.
   */
  #campaignEarly(): void {
    if (this.#hadLeader || this.#stopping || this.#core.role !== 'follower') return;
    const voters = [...this.#core.voters].sort(compareIds);
    if (voters[0] !== this.memberId) return;
    const reached = voters.filter((id) => id === this.memberId || this.transport.connected(id));
    if (reached.length <= voters.length / 2) return;
    this.#core.campaign();
    this.#host.schedule();
  }
}

function boundTransport(transport: Transport): Transport {
  return {
    send: (messages) => transport.send(messages),
    sendHost: (to, message) => transport.sendHost(to, message),
    setPeers: (peers) => transport.setPeers(peers),
    setRemoved: (ids) => transport.setRemoved(ids),
    connected: (node) => transport.connected(node),
    stats: () => transport.stats(),
    close: () => transport.close(),
  };
}

export type { ChangeRequest, MemberRefusal, RequestFailure };
