// One simulated member: a core, its disk, its state machine (a hash), and the host's loop in the
// order that ready.ts demands.
import type { Prng } from '@corral/kit';
import type { Entry, Message, NodeId, RaftNode, Ready, SnapshotMeta } from '../../src/index.js';
import { Disk } from './disk.js';
import type { StoredSnapshot } from './disk.js';
import { extend } from './hash.js';
import type { View } from './judge.js';
import { Violation, expect } from './judge.js';
import type { Packet } from './network.js';
import type { World } from './world.js';

/** Where a read was asked for, and what had been answered to clients by then. */
type PendingRead = { readonly floor: number };

const snapshotsKept = 8;

export class Member {
  readonly id: NodeId;
  readonly disk: Disk;
  readonly pendingReads = new Map<number, PendingRead>();
  /** Commands that this member proposed as leader: index to term. */
  readonly pendingProposals = new Map<number, { readonly term: number; readonly id: number }>();
  core: RaftNode | undefined;
  view: View | undefined;
  /** Switched off for good, until it is added again. */
  stopped = false;
  life = 0;
  paused = false;
  removed = false;
  readonly #world: World;
  readonly #prng: Prng;
  #held: (() => void)[] = [];
  #turnPlanned = false;
  #state = 0;
  #voters: Set<NodeId> = new Set();
  #sinceSnapshot = 0;
  #snapshotting = false;
  #snapshots = new Map<number, StoredSnapshot>();

  constructor(world: World, id: NodeId) {
    this.id = id;
    this.#world = world;
    this.#prng = world.prng.fork(`member ${id}`);
    this.disk = new Disk({
      prng: world.prng.fork(`disk ${id}`),
      options: world.options.disk,
      now: () => world.now,
      at: (time, run) => world.at(time, run),
      onSaved: (number, messages) => this.#onSaved(number, messages),
    });
  }

  get leads(): boolean {
    return this.core?.role === 'leader' && !this.paused;
  }

  start(): void {
    const world = this.#world;
    this.life += 1;
    this.stopped = false;
    const random = world.prng.fork(`core ${this.id} ${this.life}`);
    const { snapshot } = this.disk;
    this.core = new world.RaftNode(
      { ...world.options.core, id: this.id, random },
      this.disk.recovered(),
    );
    this.view = world.judge.started(this.id, this.disk, this.core);
    this.#state = snapshot?.state ?? 0;
    this.#voters = new Set(snapshot?.meta.voters ?? []);
    this.#snapshots = new Map(snapshot === undefined ? [] : [[snapshot.meta.index, snapshot]]);
    this.#sinceSnapshot = 0;
    this.#snapshotting = false;
    this.#turnPlanned = false;
    this.#held = [];
    this.#planTick();
    this.#turn();
  }

  crash(): void {
    this.core = undefined;
    this.life += 1;
    this.paused = false;
    this.#held = [];
    this.pendingReads.clear();
    this.pendingProposals.clear();
    this.disk.crash();
  }

  /** Something happens to the core; the host's turn follows. A paused member sees it later. */
  input(run: (core: RaftNode) => void): void {
    const { core, life } = this;
    if (core === undefined) return;
    if (this.paused) {
      this.#held.push(() => {
        if (life === this.life) this.input(run);
      });
      return;
    }
    run(core);
    this.#world.judge.looked(this.view!, core);
    const { turnDelayMs } = this.#world.options;
    if (turnDelayMs === 0) this.#turn();
    else this.#planTurn(this.#prng.next() * turnDelayMs);
  }

  /** Goes on after a pause: with what waited first, or (a careless host) with a tick first. */
  resume(): void {
    this.paused = false;
    const held = this.#held;
    this.#held = [];
    if (this.#prng.next() < 0.3) this.input((core) => core.tick());
    for (const run of held) run();
  }

  receive(packet: Packet): void {
    const { snapshot } = packet;
    this.input((core) => {
      if (snapshot !== undefined) this.#keep(snapshot);
      core.step(packet.message);
    });
  }

  propose(id: number, data: Uint8Array): void {
    this.input((core) => {
      const answer = core.propose(data);
      if (!answer.ok) this.#world.judge.count(`refused: ${answer.reason}`);
      else this.pendingProposals.set(answer.index, { term: answer.term, id });
    });
  }

  read(id: number): void {
    const floor = this.#world.judge.appliedMax;
    this.input((core) => {
      if (core.requestRead(id).ok) this.pendingReads.set(id, { floor });
    });
  }

  #planTick(): void {
    const { tickMs } = this.#world.options;
    const { life } = this;
    // Clocks of members differ a little, and none is in step with another.
    const rate = 0.8 + 0.4 * this.#prng.next();
    const next = (): void => {
      if (life !== this.life) return;
      if (!this.paused) this.input((core) => core.tick());
      this.#world.at(this.#world.now + tickMs * rate, next);
    };
    this.#world.at(this.#world.now + tickMs * this.#prng.next(), next);
  }

  #planTurn(delay: number): void {
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    const { life } = this;
    this.#world.at(this.#world.now + delay, () => {
      if (life !== this.life) return;
      this.#turnPlanned = false;
      if (this.paused) this.#held.push(() => this.#turn());
      else this.#turn();
    });
  }

  #turn(): void {
    let readys = 0;
    while (this.core?.hasReady() === true) {
      readys += 1;
      if (readys > 10_000) throw new Violation('the host gets rest', `${this.id} is never ready`);
      this.#handle(this.core, this.core.ready());
    }
  }

  #handle(core: RaftNode, ready: Ready): void {
    const { judge } = this.#world;
    judge.looked(this.view!, core);
    judge.readied(this.view!, core, ready);
    this.#world.note(ready.number);
    const snapshot = ready.snapshot === undefined ? undefined : this.#restore(ready.snapshot);
    this.#send(ready.messages);
    const saved = this.disk.save(ready, snapshot);
    for (const entry of ready.committed) this.#apply(entry);
    for (const { id, index } of ready.reads) {
      judge.read(this.id, index, this.pendingReads.get(id)?.floor ?? Infinity);
      this.pendingReads.delete(id);
    }
    for (const { id } of ready.failedReads) {
      expect(this.pendingReads.delete(id), 'a read ends once', `${this.id}: read ${id}`);
    }
    if (ready.wake !== undefined) this.#planWake(ready.wake.afterMs, ready.wake.token);
    if (!saved) return;
    core.saved(ready.number);
    this.#send(ready.messagesAfterSave);
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#world.judge.sent(this.view!, message);
      const isSnapshot = message.kind === 'snapshot';
      const snapshot = isSnapshot ? this.#snapshots.get(message.meta.index) : undefined;
      if (isSnapshot) {
        expect(snapshot !== undefined, 'a snapshot that is sent exists', this.id);
      }
      const arrived = this.#world.network.send({ message, snapshot });
      if (isSnapshot) this.#planReport(message.to, arrived);
    }
  }

  #onSaved(number: number, messages: readonly Message[]): void {
    // Also a paused member's disk goes on; its answer waits.
    this.input((core) => {
      core.saved(number);
      this.#send(messages);
    });
  }

  #planReport(to: NodeId, arrived: boolean): void {
    const { life } = this;
    const lies = !this.#world.network.healed && this.#prng.next() < 0.1;
    this.#world.at(this.#world.now + 40 * this.#prng.next(), () => {
      if (life === this.life) this.input((core) => core.reportSnapshot(to, arrived !== lies));
    });
  }

  #planWake(afterMs: number, token: number): void {
    const { life } = this;
    this.#world.at(this.#world.now + afterMs, () => {
      if (life === this.life) this.input((core) => core.wake(token));
    });
  }

  #keep(snapshot: StoredSnapshot): void {
    this.#snapshots.set(snapshot.meta.index, snapshot);
    if (this.#snapshots.size <= snapshotsKept) return;
    for (const index of this.#snapshots.keys()) {
      if (index === this.disk.snapshot?.meta.index || index === snapshot.meta.index) continue;
      this.#snapshots.delete(index);
      return;
    }
  }

  #restore(meta: SnapshotMeta): StoredSnapshot {
    const snapshot = this.#snapshots.get(meta.index);
    if (snapshot === undefined) throw new Violation('snapshots come with bytes', this.id);
    this.#state = snapshot.state;
    this.#voters = new Set(meta.voters);
    this.#sinceSnapshot = 0;
    this.#world.judge.appliedMax = Math.max(this.#world.judge.appliedMax, meta.index);
    return snapshot;
  }

  #apply(entry: Entry): void {
    const { judge } = this.#world;
    this.#state = extend(this.#state, entry);
    judge.applied(this.view!, entry, this.#state);
    const pending = this.pendingProposals.get(entry.index);
    this.pendingProposals.delete(entry.index);
    if (pending?.term === entry.term) this.#world.acknowledged(pending.id, entry.index);
    if (entry.change?.kind === 'add') this.#voters.add(entry.change.node);
    if (entry.change?.kind === 'remove') this.#voters.delete(entry.change.node);
    if (entry.change !== undefined) this.#world.membershipApplied(this, entry.change);
    this.#sinceSnapshot += 1;
    if (this.#sinceSnapshot >= this.#world.options.snapshotEvery) this.#takeSnapshot(entry);
  }

  #takeSnapshot({ index, term }: Entry): void {
    if (this.#snapshotting) return;
    this.#snapshotting = true;
    this.#sinceSnapshot = 0;
    const meta = { index, term, voters: [...this.#voters].sort() };
    const snapshot = { meta, state: this.#state };
    const { life } = this;
    this.#world.at(this.#world.now + 30 * this.#prng.next(), () => {
      if (life !== this.life) return;
      this.#snapshotting = false;
      if ((this.disk.snapshot?.meta.index ?? 0) >= index || this.#newestKnown() > index) return;
      const keepFrom = Math.max(1, index - this.#world.options.keepEntries + 1);
      this.disk.compact(snapshot, keepFrom);
      this.#keep(snapshot);
      this.input((core) => core.compact(meta, keepFrom));
    });
  }

  /** An installed snapshot may be newer and still on its way to the disk. */
  #newestKnown(): number {
    return Math.max(0, this.core?.status().firstIndex ?? 0);
  }
}
