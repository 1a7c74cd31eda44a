// All directed links of a cluster, and the rules on them: partitions, isolation, slowness.
import type { Clock, Prng } from '@corral/kit';
import type { ClusterPlan, NodePlan } from '../plan.js';
import { nodeUrls, portsOf } from './node.js';
import { LinkRelay, passRule } from './relay.js';
import type { LinkRule } from './relay.js';

export type LinkName = { readonly from: string; readonly to: string };

export class Links {
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #relays = new Map<string, LinkRelay>();
  readonly #rules = new Map<string, { cut: boolean; delayMs: number; jitterMs: number }>();
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
    this.#create();
    this.#applyAll();
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

  /** Bytes from `from` to `to` do not pass, whoever dialled. */
  cut(link: LinkName, cut: boolean): void {
    this.#change(link, { cut });
  }

  slow(link: LinkName, delayMs: number, jitterMs: number): void {
    this.#change(link, { delayMs, jitterMs });
  }

  healAll(): void {
    this.#rules.clear();
    for (const relay of this.#relays.values()) relay.setRule(passRule);
  }

  heal(node: string): void {
    for (const key of [...this.#rules.keys()]) {
      const [from, to] = key.split('>');
      if (from === node || to === node) this.#rules.delete(key);
    }
    this.#applyAll();
  }

  /** What is in force at a node, in words. */
  faultsOf(node: string): readonly string[] {
    const words = new Set<string>();
    for (const [key, rule] of this.#rules) {
      const [from = '', to = ''] = key.split('>');
      if (from !== node && to !== node) continue;
      if (rule.cut) words.add(`cut:${from}>${to}`);
      if (rule.delayMs > 0) words.add(`slow:${from}>${to}`);
    }
    return [...words];
  }

  close(): void {
    for (const relay of this.#relays.values()) relay.close();
  }

  #create(): void {
    const wanted = new Set<string>();
    for (const target of this.#plan.nodes) {
      if (target.role === 'worker') continue;
      const ports = portsOf(nodeUrls(target));
      for (const source of this.#plan.nodes) {
        if (source.name === target.name) continue;
        const key = keyOf({ from: source.name, to: target.name });
        wanted.add(key);
        if (!this.#relays.has(key)) this.#relays.set(key, this.#relay(source, target, ports));
      }
    }
    for (const [key, relay] of this.#relays) {
      if (wanted.has(key)) continue;
      relay.close();
      this.#relays.delete(key);
    }
  }

  #towards(node: string): LinkRelay[] {
    return [...this.#relays].filter(([key]) => key.endsWith(`>${node}`)).map(([, relay]) => relay);
  }

  async #open(node: string): Promise<void> {
    await Promise.all(this.#towards(node).map((relay) => relay.open()));
  }

  #change(
    link: LinkName,
    change: Partial<{ cut: boolean; delayMs: number; jitterMs: number }>,
  ): void {
    const key = keyOf(link);
    const rule = { cut: false, delayMs: 0, jitterMs: 0, ...this.#rules.get(key), ...change };
    if (!rule.cut && rule.delayMs === 0 && rule.jitterMs === 0) this.#rules.delete(key);
    else this.#rules.set(key, rule);
    this.#applyAll();
  }

  #applyAll(): void {
    for (const [key, relay] of this.#relays) {
      const [from = '', to = ''] = key.split('>');
      const forward = this.#rules.get(keyOf({ from, to }));
      const backward = this.#rules.get(keyOf({ from: to, to: from }));
      const rule: LinkRule = {
        cutForward: forward?.cut === true,
        cutBackward: backward?.cut === true,
        delayMs: Math.max(forward?.delayMs ?? 0, backward?.delayMs ?? 0),
        jitterMs: Math.max(forward?.jitterMs ?? 0, backward?.jitterMs ?? 0),
      };
      relay.setRule(rule);
    }
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
