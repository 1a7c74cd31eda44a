// The clients: they propose commands and ask for linearizable reads, mostly at the leader.
import type { Prng } from '@corral/kit';
import type { Member } from './member.js';
import type { World } from './world.js';

export class Workload {
  readonly #world: World;
  readonly #prng: Prng;
  #lastId = 0;
  #ended = false;

  constructor(world: World) {
    this.#world = world;
    this.#prng = world.prng.fork('workload');
  }

  start(): void {
    const { proposeEveryMs, readEveryMs } = this.#world.options;
    this.#every(proposeEveryMs, () => this.#propose());
    this.#every(readEveryMs, () => this.#target()?.read(this.#nextId()));
  }

  /**
   * From now on one command and one read at a time, until the command is acknowledged. Gives a
   * function that tells whether it is.
   */
  startMarker(): () => boolean {
    this.#ended = true;
    const tried: number[] = [];
    const isDone = (): boolean => tried.some((id) => this.#world.isAcknowledged(id));
    const again = (): void => {
      if (isDone()) return;
      tried.push(this.#propose());
      this.#world.leader?.read(this.#nextId());
      this.#world.at(this.#world.now + 100, again);
    };
    again();
    return isDone;
  }

  #every(meanMs: number, run: () => void): void {
    const next = (): void => {
      if (this.#ended) return;
      run();
      this.#world.at(this.#world.now + meanMs * 2 * this.#prng.next(), next);
    };
    this.#world.at(meanMs * this.#prng.next(), next);
  }

  #target(): Member | undefined {
    const { members } = this.#world;
    // Several members may believe that they lead; each has clients that believe it.
    const leading = members.filter((member) => member.leads);
    if (this.#prng.next() < 0.8 && leading.length > 0) {
      return leading[this.#prng.below(leading.length)];
    }
    return members[this.#prng.below(members.length)];
  }

  #propose(): number {
    const id = this.#nextId();
    const data = new Uint8Array(this.#world.options.commandBytes);
    new DataView(data.buffer).setUint32(0, id);
    this.#target()?.propose(id, data);
    return id;
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}
