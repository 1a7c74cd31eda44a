// A whole cluster in one process: members, network, clients and faults over one heap of events on
// virtual time. A seed determines everything. Two phases: faults, during which nothing wrong may
// happen; then all is healed, and everything has to come right within a bounded time.
import { seededPrng } from '@corral/kit';
import type { Prng } from '@corral/kit';
import type { Entry, MembershipChange, NodeId, RaftNode } from '../../src/index.js';
import { EventHeap } from './heap.js';
import { mix } from './hash.js';
import { Judge, Violation } from './judge.js';
import { Member } from './member.js';
import { Nemesis } from './nemesis.js';
import { Network } from './network.js';
import type { Packet } from './network.js';
import { drawOptions } from './options.js';
import type { SimOptions } from './options.js';
import { Workload } from './workload.js';

export type Core = typeof RaftNode;

export type WorldOptions = {
  readonly seed: number;
  /** The core under test: the real one, or one with a planted fault. */
  readonly core: Core;
  /** Settings that replace what the seed drew. */
  readonly change?: (drawn: SimOptions) => SimOptions;
};

const noBytes = new Uint8Array(0);

export class World {
  readonly RaftNode: Core;
  readonly prng: Prng;
  readonly options: SimOptions;
  readonly judge = new Judge();
  readonly network: Network;
  readonly members: readonly Member[];
  readonly workload: Workload;
  readonly nemesis: Nemesis;
  now = 0;
  trace = 0;
  events = 0;
  readonly #heap = new EventHeap();
  readonly #byId = new Map<NodeId, Member>();
  /** Commands that a client was told are done: id to index. */
  readonly #acknowledged = new Map<number, number>();
  #acknowledgedMax = 0;

  constructor({ seed, core, change }: WorldOptions) {
    this.RaftNode = core;
    this.prng = seededPrng(seed);
    const drawn = drawOptions(this.prng.fork('options'));
    this.options = change === undefined ? drawn : change(drawn);
    this.network = new Network(
      {
        prng: this.prng.fork('network'),
        now: () => this.now,
        at: (time, run) => this.at(time, run),
        deliver: (packet) => this.#deliver(packet),
      },
      this.options.network,
    );
    const size = this.options.voters + this.options.spares;
    this.members = Array.from({ length: size }, (_, i) => new Member(this, `n${i + 1}`));
    for (const member of this.members) this.#byId.set(member.id, member);
    this.workload = new Workload(this);
    this.nemesis = new Nemesis(this);
  }

  at(time: number, run: () => void): void {
    this.#heap.add(time, run);
  }

  /** Mixes a fact into the trace, so that two runs of one seed can be compared. */
  note(fact: number): void {
    this.trace = mix(this.trace, fact);
  }

  member(id: NodeId): Member {
    return this.#byId.get(id)!;
  }

  /** The leader of the highest term, as far as anybody leads. */
  get leader(): Member | undefined {
    let best: Member | undefined;
    for (const member of this.members) {
      if (member.leads && (best?.core?.term ?? -1) < member.core!.term) best = member;
    }
    return best;
  }

  acknowledged(id: number, index: number): void {
    this.judge.count('acknowledged');
    this.#acknowledged.set(id, index);
    this.#acknowledgedMax = Math.max(this.#acknowledgedMax, index);
  }

  isAcknowledged(id: number): boolean {
    return this.#acknowledged.has(id);
  }

  membershipApplied(member: Member, { kind, node }: MembershipChange): void {
    const changed = this.member(node);
    if (kind === 'add' && changed.stopped) changed.start();
    if (kind !== 'remove' || member !== changed || !this.options.stopsRemoved) return;
    const { life } = member;
    this.at(this.now + 100 + 3 * this.options.core.electionTicks * this.options.tickMs, () => {
      const voters = this.leader?.core?.voters;
      if (life !== member.life || voters === undefined || voters.has(node)) return;
      member.crash();
      member.stopped = true;
    });
  }

  /** Both phases. Throws Violation. */
  run(): void {
    this.#boot();
    this.workload.start();
    this.nemesis.start();
    this.#runUntil(this.options.faultyMs);
    this.nemesis.heal();
    this.#demandProgress();
  }

  #boot(): void {
    const first = this.members.slice(0, this.options.voters);
    const entries = first.map(({ id }, i): Entry => {
      const change = { kind: 'add', node: id, context: noBytes } as const;
      return { index: i + 1, term: 1, kind: 'membership', data: noBytes, change };
    });
    this.judge.booted(entries);
    for (const member of first) {
      member.disk.hardState = { term: 1, vote: undefined, commit: entries.length };
      member.disk.entries = [...entries];
    }
    for (const member of this.members) member.start();
  }

  #runUntil(time: number): void {
    while (this.now < time) {
      const event = this.#heap.take();
      if (event === undefined) return;
      this.now = event.at;
      this.events += 1;
      event.run();
    }
  }

  #deliver(packet: Packet): void {
    const { message } = packet;
    const member = this.member(message.to);
    this.note(this.now * 1000 + message.kind.length);
    this.note(message.term * 16 + message.to.charCodeAt(1));
    member.receive(packet);
  }

  /** After healing: one leader, all voters equal, everything that is asked gets its answer. */
  #demandProgress(): void {
    const { electionTicks } = this.options.core;
    const timeoutMs = electionTicks * this.options.tickMs;
    // A window of one small message takes a round trip and a sync for each entry.
    const deadline = this.now + 60 * timeoutMs + 1_000 + 120 * this.judge.committed.length;
    const marker = this.workload.startMarker();
    while (this.now < deadline) {
      this.#runUntil(this.now + timeoutMs);
      if (this.#unsettled(marker) === undefined) break;
    }
    const reason = this.#unsettled(marker);
    if (reason !== undefined) throw new Violation('liveness', reason);
    const { term } = this.leader!.core!;
    const { preVote, checkQuorum } = this.options.core;
    // With neither, a removed member that goes on asking for votes may depose any leader (4.2.3).
    if (preVote || checkQuorum) this.#runUntil(this.now + 5 * timeoutMs);
    if (this.leader?.core?.term !== term) {
      throw new Violation('stability', `the leader of term ${term} was deposed without a fault`);
    }
    this.#checkAcknowledged();
  }

  /** What is not as it should be, if anything. */
  #unsettled(marker: () => boolean): string | undefined {
    const leader = this.leader;
    if (leader?.core === undefined) return 'nobody leads';
    const { commit, voters, term } = leader.core;
    if (!voters.has(leader.id)) return `${leader.id} leads and is no voter`;
    if (!marker()) return 'a command is not acknowledged';
    for (const id of voters) {
      const member = this.member(id);
      const core = member.core;
      if (core === undefined) return `${id} is down`;
      if (core.term !== term || core.leader !== leader.id) return `${id} follows nobody`;
      const { lastIndex, stableIndex, applied } = core.status();
      if (lastIndex !== commit || stableIndex !== commit || applied !== commit) {
        return `${id} has ${lastIndex}, durable ${stableIndex}, applied ${applied} of ${commit}`;
      }
    }
    for (const { id, pendingReads } of this.members) {
      if (pendingReads.size > 0) return `${id} holds ${pendingReads.size} reads`;
    }
    const { progress, transferee } = leader.core.status();
    if (transferee !== undefined) return 'a transfer does not end';
    for (const [id, { match }] of progress) {
      if (match !== commit) return `the leader believes that ${id} has ${match} of ${commit}`;
    }
    return undefined;
  }

  #checkAcknowledged(): void {
    const { commit } = this.leader!.core!;
    if (this.#acknowledgedMax > commit) {
      throw new Violation('acknowledged commands stay', `${this.#acknowledgedMax} > ${commit}`);
    }
  }
}
