// Directed links between members: delay, loss, duplicates, reordering, replay of old packets, and
// cuts in one direction or both.
import type { Prng } from '@corral/kit';
import type { Message, NodeId } from '../../src/index.js';
import type { StoredSnapshot } from './disk.js';
import type { SimOptions } from './options.js';

/** A message; a snapshot's bytes travel along. */
export type Packet = { readonly message: Message; readonly snapshot: StoredSnapshot | undefined };

export type NetworkHost = {
  readonly prng: Prng;
  now(): number;
  at(time: number, run: () => void): void;
  deliver(packet: Packet): void;
};

const rememberedMax = 64;

export class Network {
  readonly #host: NetworkHost;
  readonly #options: SimOptions['network'];
  readonly #cut = new Set<string>();
  readonly #clogged = new Map<string, number>();
  readonly #lastArrival = new Map<string, number>();
  readonly #old: Packet[] = [];
  healed = false;

  constructor(host: NetworkHost, options: SimOptions['network']) {
    this.#host = host;
    this.#options = options;
  }

  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}>${to}`);
  }

  join(from: NodeId, to: NodeId): void {
    this.#cut.delete(`${from}>${to}`);
  }

  /** What is sent until `time` arrives after it, all at once. */
  clog(from: NodeId, to: NodeId, time: number): void {
    this.#clogged.set(`${from}>${to}`, time);
  }

  /** Everything arrives from now on; nothing old comes back. */
  heal(): void {
    this.healed = true;
    this.#cut.clear();
    this.#clogged.clear();
  }

  /** Gives false when the packet will not arrive. */
  send(packet: Packet): boolean {
    const { from, to } = packet.message;
    const link = `${from}>${to}`;
    if (this.#cut.has(link)) return false;
    const { prng } = this.#host;
    if (this.healed) {
      this.#arrive(packet, link, this.#options.delayMs);
      return true;
    }
    const { loss, duplicate, replay } = this.#options;
    if (replay > 0) this.#replay(packet, replay);
    if (loss > 0 && prng.next() < loss) return false;
    this.#arrive(packet, link, this.#delay());
    if (duplicate > 0 && prng.next() < duplicate) this.#arrive(packet, link, this.#delay());
    return true;
  }

  #delay(): number {
    const { delayMs, tailMs } = this.#options;
    const { prng } = this.#host;
    return delayMs * (0.5 + prng.next()) - (tailMs > 0 ? Math.log(1 - prng.next()) * tailMs : 0);
  }

  #arrive(packet: Packet, link: string, delay: number): void {
    const now = this.#host.now();
    let at = Math.max(now, this.#clogged.get(link) ?? 0) + delay;
    if (!this.#options.reorder || this.healed) {
      at = Math.max(at, this.#lastArrival.get(link) ?? 0);
      this.#lastArrival.set(link, at);
    }
    this.#host.at(at, () => {
      // A cut also swallows what is on its way.
      if (!this.#cut.has(link)) this.#host.deliver(packet);
    });
  }

  #replay(packet: Packet, share: number): void {
    const { prng } = this.#host;
    if (this.#old.length < rememberedMax) this.#old.push(packet);
    else if (prng.next() < 0.3) this.#old[prng.below(rememberedMax)] = packet;
    if (prng.next() >= share) return;
    const again = this.#old[prng.below(this.#old.length)]!;
    const { from, to } = again.message;
    const at = this.#host.now() + this.#delay();
    this.#host.at(at, () => {
      if (!this.healed && !this.#cut.has(`${from}>${to}`)) this.#host.deliver(again);
    });
  }
}
