// The faults. Each kind has a stream of chance of its own, so that switching one off leaves the
// others as they were.
import type { Prng } from '@corral/kit';
import type { Member } from './member.js';
import { faultKinds } from './options.js';
import type { FaultKind } from './options.js';
import type { World } from './world.js';

const noBytes = new Uint8Array(0);

export class Nemesis {
  readonly #world: World;
  readonly #prngs: Readonly<Record<FaultKind, Prng>>;
  #ended = false;

  constructor(world: World) {
    this.#world = world;
    this.#prngs = Object.fromEntries(
      faultKinds.map((kind) => [kind, world.prng.fork(`fault ${kind}`)]),
    ) as Record<FaultKind, Prng>;
  }

  start(): void {
    for (const kind of faultKinds) {
      const meanMs = this.#world.options.everyMs[kind];
      if (meanMs === Infinity || kind === 'leaderLost') continue;
      const prng = this.#prngs[kind];
      const next = (): void => {
        if (this.#ended) return;
        this.#world.judge.count(`fault ${kind}`);
        this.#inject(kind, prng);
        this.#world.at(this.#world.now + meanMs * 2 * prng.next(), next);
      };
      this.#world.at(meanMs * 2 * prng.next(), next);
    }
  }

  /** Ends all faults: everybody runs, everything arrives. */
  heal(): void {
    this.#ended = true;
    this.#world.network.heal();
    for (const member of this.#world.members) {
      member.disk.slowUntil = 0;
      if (member.paused) member.resume();
      if (member.core === undefined && !member.stopped) member.start();
    }
  }

  #inject(kind: FaultKind, prng: Prng): void {
    const { members, network, leader } = this.#world;
    const victim = members[prng.below(members.length)]!;
    const lasting = 20 + 500 * prng.next() * prng.next();
    switch (kind) {
      case 'crash':
        this.#crash(prng.next() < 0.4 && leader !== undefined ? leader : victim, lasting, prng);
        break;
      case 'crashAll':
        for (const member of members) this.#crash(member, lasting * prng.next(), prng);
        break;
      case 'pause':
        this.#pause(prng.next() < 0.5 && leader !== undefined ? leader : victim, lasting);
        break;
      case 'partition':
        this.#partition(prng, lasting);
        break;
      case 'oneWay': {
        const other = members[prng.below(members.length)]!;
        network.cut(victim.id, other.id);
        this.#later(lasting, () => network.join(victim.id, other.id));
        break;
      }
      case 'isolateLeader':
        if (leader !== undefined) this.#isolate(leader, prng, lasting);
        break;
      case 'slowDisk':
        victim.disk.slowUntil = this.#world.now + lasting;
        break;
      case 'membership':
        this.#changeMembership(prng.next() < 0.25 && leader !== undefined ? leader : victim, prng);
        break;
      case 'transfer':
        leader?.input((core) => void core.transferLeadership(victim.id));
        break;
      case 'falseLeaderLost':
        // No connection was lost: safety must not depend on the hint being true.
        victim.input((core) => core.leaderLost(core.leader ?? victim.id));
        break;
      case 'campaign':
        victim.input((core) => core.campaign());
        break;
      case 'unreachable':
        leader?.input((core) => core.reportUnreachable(victim.id));
        break;
      case 'leaderLost':
        break;
      default:
        kind satisfies never;
    }
  }

  #crash(member: Member, lasting: number, prng: Prng): void {
    if (member.core === undefined) return;
    const { id } = member;
    member.crash();
    this.#later(lasting, () => {
      if (member.core === undefined && !member.stopped) member.start();
    });
    if (this.#world.options.everyMs.leaderLost === Infinity) return;
    // Its connections are reset and dialling it is refused: true evidence, soon after.
    for (const other of this.#world.members) {
      if (other === member) continue;
      this.#later(5 * prng.next(), () => other.input((core) => core.leaderLost(id)));
    }
  }

  #pause(member: Member, lasting: number): void {
    if (member.core === undefined || member.paused) return;
    member.paused = true;
    const { life } = member;
    this.#later(lasting, () => {
      if (member.paused && life === member.life) member.resume();
    });
  }

  #partition(prng: Prng, lasting: number): void {
    const { members, network } = this.#world;
    const side = members.map(() => prng.next() < 0.5);
    const cuts: [Member, Member][] = [];
    for (const [i, from] of members.entries()) {
      for (const [j, to] of members.entries()) if (side[i] !== side[j]) cuts.push([from, to]);
    }
    for (const [from, to] of cuts) network.cut(from.id, to.id);
    this.#later(lasting, () => {
      for (const [from, to] of cuts) network.join(from.id, to.id);
    });
  }

  /** Cuts the leader off, in one direction or both; what it should hear may come late. */
  #isolate(leader: Member, prng: Prng, lasting: number): void {
    const { members, network } = this.#world;
    const others = members.filter((member) => member !== leader && prng.next() < 0.9);
    const mute = prng.next() < 0.7;
    const deaf = prng.next() < 0.5;
    const clogged = !deaf && prng.next() < 0.7;
    for (const { id } of others) {
      // The last heartbeats get out; their answers are what comes late.
      if (mute) this.#later(20 * prng.next(), () => network.cut(leader.id, id));
      if (deaf) network.cut(id, leader.id);
      if (clogged) network.clog(id, leader.id, this.#world.now + lasting * prng.next());
    }
    this.#later(lasting + 20, () => {
      for (const { id } of others) {
        network.join(leader.id, id);
        network.join(id, leader.id);
      }
    });
  }

  #changeMembership(member: Member, prng: Prng): void {
    const { leader, judge } = this.#world;
    const node = member.id;
    leader?.input((core) => {
      const wanted = core.voters.has(node) ? 'remove' : 'add';
      const kind = prng.next() < 0.1 ? 'update' : wanted;
      const answer = core.proposeMembership({ kind, node, context: noBytes });
      if (!answer.ok) judge.count(`refused: ${answer.reason}`);
    });
  }

  #later(delay: number, run: () => void): void {
    this.#world.at(this.#world.now + delay, () => {
      if (!this.#ended) run();
    });
  }
}
