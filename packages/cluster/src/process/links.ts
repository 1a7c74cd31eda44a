// All directed links of a cluster: a relay for what each node dials at each member, and the rules that
// are in force on the bytes from one node to another.
import type { Clock, Prng } from '@corral/kit';
import type { ClusterPlan, NodePlan } from '../plan.js';
import { nodeUrls, portsOf } from '../node-urls.js';
import { passRule } from '../runtime.js';
import type { LinkName, LinkProbe, LinkRule } from '../runtime.js';
import { LinkRelay } from './relay.js';

export class Links {
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #relays = new Map<string, LinkRelay>();
  readonly #rules = new Map<string, LinkRule>();
  /** Nodes whose store serves: dials to them are taken. */
  readonly #up = new Set<string>();
  #plan: ClusterPlan;

  constructor(options: { readonly plan: ClusterPlan; readonly clock: Clock; readonly prng: Prng }) {
    this.#plan = options.plan;
    this.#clock = options.clock;
    this.#prng = options.prng;
    this.#create();
  }

  /** Nodes came or went: every ordered pair of nodes with a member at its end has a relay. */
  async setPlan(plan: ClusterPlan): Promise<void> {
    this.#plan = plan;
    await Promise.all(this.#create().map((link) => this.#apply(link)));
    await Promise.all([...this.#up].map((node) => this.#open(node)));
  }

  /** The store of a node serves, or is gone: dials to it are taken or refused. */
  async setUp(node: string, up: boolean): Promise<void> {
    if (up) {
      this.#up.add(node);
      await this.#open(node);
      return;
    }
    this.#up.delete(node);
    for (const relay of this.#towards(node)) relay.shut();
  }

  /** What is in force on the bytes from `from` to `to`, whoever dialled. */
  async setRule(link: LinkName, rule: LinkRule): Promise<void> {
    if (rule === passRule) this.#rules.delete(keyOf(link));
    else this.#rules.set(keyOf(link), rule);
    await this.#apply(link);
    await this.#apply({ from: link.to, to: link.from });
  }

  /** Resets every connection between the two, whoever dialled. */
  reset({ from, to }: LinkName): void {
    this.#relays.get(keyOf({ from, to }))?.reset();
    this.#relays.get(keyOf({ from: to, to: from }))?.reset();
  }

  /** What a dial meets; over the other node's dials where nobody listens at the link's own end. */
  async probe({ from, to }: LinkName): Promise<LinkProbe> {
    const own = this.#relays.get(keyOf({ from, to }));
    const relay = own ?? this.#relays.get(keyOf({ from: to, to: from }));
    return (await relay?.probe()) ?? 'refused';
  }

  close(): void {
    for (const relay of this.#relays.values()) relay.close();
  }

  /** Makes the relays that are missing, and gives their links; ends those of nodes that are gone. */
  #create(): LinkName[] {
    const made: LinkName[] = [];
    const wanted = new Set<string>();
    for (const target of this.#plan.nodes) {
      if (target.role === 'worker') continue;
      const ports = portsOf(nodeUrls(target));
      for (const source of this.#plan.nodes) {
        if (source.name === target.name) continue;
        const key = keyOf({ from: source.name, to: target.name });
        wanted.add(key);
        if (this.#relays.has(key)) continue;
        this.#relays.set(key, this.#relay(source, target, ports));
        made.push({ from: source.name, to: target.name });
      }
    }
    for (const [key, relay] of this.#relays) {
      if (wanted.has(key)) continue;
      relay.close();
      this.#relays.delete(key);
    }
    return made;
  }

  #towards(node: string): LinkRelay[] {
    return [...this.#relays].filter(([key]) => key.endsWith(`>${node}`)).map(([, relay]) => relay);
  }

  async #open(node: string): Promise<void> {
    await Promise.all(this.#towards(node).map((relay) => relay.open()));
  }

  async #apply({ from, to }: LinkName): Promise<void> {
    const relay = this.#relays.get(keyOf({ from, to }));
    const forward = this.#rules.get(keyOf({ from, to })) ?? passRule;
    const backward = this.#rules.get(keyOf({ from: to, to: from })) ?? passRule;
    await relay?.setRules(forward, backward);
  }

  #relay(source: NodePlan, target: NodePlan, ports: readonly number[]): LinkRelay {
    return new LinkRelay({
      listenHost: `127.${this.#plan.number}.${source.number}.${target.number}`,
      targetHost: target.address,
      ports,
      clock: this.#clock,
      prng: this.#prng.fork(`${source.name}>${target.name}`),
    });
  }
}

function keyOf(link: LinkName): string {
  return `${link.from}>${link.to}`;
}
