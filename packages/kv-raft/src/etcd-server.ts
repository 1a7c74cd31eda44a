// One member: the replicated state, the core, the loop around it and the requests of clients and
// other members. server.ts hands sockets, files and flags in; the handlers see member-backend.ts.
import type { Clock, Logger, Timer } from '@corral/kit';
import { RaftNode } from '@corral/raft';
import type { MembershipChange, Message, NodeId, RaftConfig, SoftState } from '@corral/raft';
import type { CommandResult } from '@corral/store';
import { Applier } from './applier.js';
import type { ApplyListener } from './applier.js';
import type { Backend } from './backend.js';
import { ForwardedRequests } from './forwarded-requests.js';
import { MemberBackend } from './member-backend.js';
import { MemberChanges } from './member-changes.js';
import { handOver } from './hand-over.js';
import { Housekeeping } from './housekeeping.js';
import { LeaderReads } from './leader-reads.js';
import { Leadership, goesFirst } from './leadership.js';
import { historyMax, pendingBytesMax, timeLimits } from './limits.js';
import { Proposals } from './proposals.js';
import { RaftHost } from './raft-host.js';
import type { HostListener } from './raft-host.js';
import { RaftStats } from './raft-stats.js';
import { ReadBarrier } from './read-barrier.js';
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

export class EtcdServer implements HostListener, TransportEvents, ApplyListener {
  /** What the HTTP handlers work with. */
  readonly backend: Backend;
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
  readonly #leaderReads: LeaderReads;
  readonly #leadership: Leadership;
  readonly #housekeeping: Housekeeping;
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
    this.stats = new RaftStats(clock);
    this.#applier = new Applier(this, { historyMax });
    const { snapshot, hardState, entries } = recovered;
    if (snapshot !== undefined) this.#applier.restore(snapshot.meta, snapshot.chunks);
    this.#core = new RaftNode(
      { ...options.raft, id: this.memberId },
      { hardState, entries, snapshot: snapshot?.meta },
    );
    this.#leadership = new Leadership({
      clock,
      logger,
      soft: { role: 'follower', term: this.#core.term, leader: undefined },
    });
    this.#leaderReads = new LeaderReads({
      core: this.#core,
      reads: () => this.#reads,
      forwarded: () => this.#forwarded,
    });
    this.transport = options.makeTransport(this);
    const electionTimeoutMs = options.raft.electionTicks * tickMs;
    const { timeoutMs, leaderlessMs } = timeLimits(electionTimeoutMs);
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
      firstRound: options.session,
      ask: (round) => this.#leaderReads.ask(round),
      appliedIndex: () => this.#applier.appliedIndex,
    });
    this.#housekeeping = new Housekeeping({
      memberId: this.memberId,
      clusterId: this.clusterId,
      name: options.name,
      advertiseClientUrls: options.advertiseClientUrls,
      applier: this.#applier,
      proposals: this.#proposals,
      clock,
      logger,
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
        core: this.#core,
        voters: () => this.#applier.members.list().map((member) => member.id),
        onFailure: (error) => this.onFatal(error),
      },
      snapshot?.meta.index ?? 0,
    );
    this.#host = new RaftHost({
      core: this.#core,
      storage,
      transport: {
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
      nextReadId: () => this.#leaderReads.takeId(),
      hold: () => {
        this.#holdUntilTick = true;
      },
      schedule,
    });
    this.backend = new MemberBackend({
      options,
      applier: this.#applier,
      core: this.#core,
      proposals: this.#proposals,
      reads: this.#reads,
      changes: this.#changes,
      leadership: this.#leadership,
      stats: this.stats,
      diskFull: () => this.#diskFull,
      schedule,
    });
    storage.onFailure((error) => this.onFatal(error));
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
    await handOver({
      core: this.#core,
      transport: this.transport,
      clock: this.#options.clock,
      schedule: () => this.#host.schedule(),
      withinMs,
    });
  }

  /** Ends everything but the files; requests that are still open fail. */
  async close(): Promise<void> {
    this.#stopping = true;
    this.#timer?.cancel();
    this.#failAll();
    this.#host.close();
    await this.transport.close();
    await this.#snapshotter.close();
  }

  // HostListener

  beforeTurn(): void {
    if (!this.#holdUntilTick) this.#forwarded.flushProposals();
    this.#reads.flush();
    this.#changes.flush();
  }

  onSoftState(soft: SoftState): void {
    const change = this.#leadership.note(soft);
    if (change === undefined) return;
    this.#leaderReads.forget();
    if (change === 'lost') return;
    this.#holdUntilTick = false;
    this.#askAgain();
    if (soft.leader === this.memberId) {
      this.stats.reset();
      this.#housekeeping.startLeading();
    }
    this.#host.schedule();
  }

  onRead(id: number, index: number): void {
    this.#leaderReads.answered(id, index);
  }

  onReadFailed(id: number): void {
    this.#leaderReads.answered(id, undefined);
  }

  onApplied(): void {
    this.#reads.applied();
  }

  onRestored(): void {
    this.onClusterData();
  }

  onFatal(error: unknown): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#host.close();
    this.#options.onFatal(error);
  }

  // ApplyListener

  onRequest(id: RequestId, result: CommandResult | undefined): void {
    if (id.session === this.#proposals.session) this.#proposals.settle(id.sequence, result);
  }

  onMembership(change: MembershipChange): void {
    this.#options.logger.info('membership changed', { change: change.kind, member: change.node });
    this.onClusterData();
    this.#changes.applied(change);
    if (change.kind === 'remove' && change.node === this.memberId) this.onRemoved();
  }

  /** Names, addresses or membership changed: the transport follows. */
  onClusterData(): void {
    // Called by the applier's own restore too, before the transport exists.
    const transport = this.transport as Transport | undefined;
    if (transport === undefined) return;
    const known: readonly PeerAddress[] =
      this.#applier.members.list().length === 0
        ? this.#options.seedPeers
        : this.#applier.members.list();
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
    // What was on its way to the leader may be lost; what is asked twice is applied once.
    if (node === this.#core.leader) this.#askAgain();
    // Its process is gone: whatever it was doing as a leader is over. The core checks that this
    // was the leader; log, term and vote rules stay as they are.
    if (reason === 'refused') this.#core.leaderLost(node);
    this.#host.schedule();
  }

  onRemoved(): void {
    // Nobody will answer for this member any more: who waits is told now.
    this.#failAll();
    this.#options.onRemoved();
  }

  // own affairs

  #onTick(): void {
    this.#holdUntilTick = false;
    this.#proposals.expire(this.#leadership);
    this.#reads.expire(this.#leadership.leaderlessSince);
    this.#changes.expire();
    const hasLeader = this.#core.leader !== undefined;
    this.#housekeeping.tick({ hasLeader, leads: this.#isLeader() });
    this.#campaignEarly();
    this.#host.schedule();
  }

  #failAll(): void {
    const parts = [this.#proposals, this.#reads, this.#changes];
    for (const part of parts) part.failAll('E_RAFT_STOPPED');
  }

  #askAgain(): void {
    this.#proposals.requeueAll();
    this.#changes.resend();
    this.#reads.failAllRounds();
  }

  #isLeader(): boolean {
    return this.#core.role === 'leader';
  }

  #campaignEarly(): void {
    if (this.#leadership.seen || this.#stopping || this.#core.role !== 'follower') return;
    const connected = (id: NodeId): boolean => this.transport.connected(id);
    if (!goesFirst(this.memberId, this.#core.voters, connected)) return;
    this.#core.campaign();
    this.#host.schedule();
  }
}
