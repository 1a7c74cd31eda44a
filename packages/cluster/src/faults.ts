// Faults as data, and which are in force. Each has an id, can heal by itself after a while, and undoes
// exactly what it did: two faults on one link or node do not heal each other.
import { errorMessage } from '@corral/kit';
import type { Clock, Logger, Timer } from '@corral/kit';
import { ClusterError } from './errors.js';
import { passRule } from './runtime.js';
import type { LinkName, LinkRule, NodeHandle, NodeRuntime } from './runtime.js';

export type FaultSpec =
  /** Everything on a node: SIGKILL, SIGSTOP, or an orderly end. */
  | { readonly kind: 'kill' | 'pause' | 'stop'; readonly node: string }
  /** The discovery service, as if it had gone from the network. */
  | { readonly kind: 'discovery' }
  /** Bytes stall, or connections are reset and new ones refused. */
  | { readonly kind: 'cut' | 'refuse'; readonly links: readonly LinkName[] }
  /** Resets what is open, once. */
  | { readonly kind: 'reset'; readonly links: readonly LinkName[] }
  | {
      readonly kind: 'slow';
      readonly links: readonly LinkName[];
      readonly delayMs: number;
      readonly jitterMs: number;
      readonly bytesPerSecond?: number | undefined;
    }
  /** A part of the packets is lost, 0 to 1: for runtimes that can; others say why they cannot. */
  | { readonly kind: 'drop'; readonly links: readonly LinkName[]; readonly lossRatio: number }
  /** A wrong clock, a bad disk: likewise. */
  | { readonly kind: 'clock' | 'disk'; readonly on: string };

export type FaultKind = FaultSpec['kind'];

/** A fault in force, as `corral fault ls -o json` prints it. */
export type FaultRecord = {
  readonly id: number;
  readonly spec: FaultSpec;
  /** ISO 8601. */
  readonly since: string;
  readonly until: string | null;
};

type InForce = { record: FaultRecord; readonly timer: Timer | undefined };

export type FaultsOptions = {
  readonly runtime: NodeRuntime;
  /** Throws ClusterError E_UNKNOWN_NODE. */
  readonly handle: (node: string) => NodeHandle;
  /** Starts a node, within the time that a boot may take. */
  readonly start: (node: string) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
};

export class Faults {
  readonly #options: FaultsOptions;
  readonly #inForce = new Map<number, InForce>();
  #lastId = 0;

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  list(): readonly FaultRecord[] {
    return [...this.#inForce.values()].map(({ record }) => record);
  }

  /** What is in force at a node, as words: kill, pause, stop, cut:n1>n2, slow:n1>n2, refuse:n1>n2. */
  wordsOf(node: string): readonly string[] {
    const words = this.list().flatMap(({ spec }): string[] => {
      if ('node' in spec) return spec.node === node ? [spec.kind] : [];
      if (!('links' in spec)) return [];
      return spec.links.filter(touches(node)).map(({ from, to }) => `${spec.kind}:${from}>${to}`);
    });
    return [...new Set(words)];
  }

  /**
   * Resolves when the fault is in force; undefined for one that is over at once. With `forMs` it
   * heals by itself. Throws ClusterError E_FAULT_UNAVAILABLE, E_UNKNOWN_NODE.
   */
  async inject(spec: FaultSpec, forMs: number): Promise<FaultRecord | undefined> {
    const { runtime } = this.#options;
    const why = runtime.unavailable(spec.kind);
    if (why !== undefined) throw unavailableFault(spec.kind, why);
    for (const node of nodesOf(spec)) this.#options.handle(node);
    if (spec.kind === 'reset') {
      for (const link of spec.links) await runtime.resetLink(link);
      return undefined;
    }
    // Only what really happened to a node replaces what was in force there.
    if (!('links' in spec)) await this.#begin(spec);
    if ('node' in spec) this.forgetNode(spec.node);
    const record = this.#register(spec, forMs);
    if (!('links' in spec)) return record;
    try {
      await this.#begin(spec);
    } catch (error) {
      await this.heal(record.id);
      throw error;
    }
    return record;
  }

  /**
   * Undoes one fault; nothing happens when it is not in force any more. What cannot be undone, a node
   * that does not start, stays in force and can be healed again.
   */
  async heal(id: number): Promise<void> {
    const found = this.#inForce.get(id);
    if (found === undefined) return;
    this.#drop(id);
    try {
      await this.#end(found.record.spec);
    } catch (error) {
      this.#inForce.set(id, { record: { ...found.record, until: null }, timer: undefined });
      throw error;
    }
  }

  /** Undoes all faults. */
  async healAll(): Promise<void> {
    await Promise.all([...this.#inForce.keys()].map((id) => this.heal(id)));
  }

  /** Undoes what is in force at a node and on its links. */
  async healNode(node: string): Promise<void> {
    for (const [id, { record }] of [...this.#inForce]) {
      const { spec } = record;
      if ('node' in spec && spec.node === node) await this.heal(id);
      if (!('links' in spec)) continue;
      const healed = spec.links.filter(touches(node));
      if (healed.length === 0) continue;
      this.#keepLinks(id, (link) => !touches(node)(link));
      await this.#applyLinks(healed);
    }
  }

  /** A node was started or ended by hand, or removed: what was done to it is over, not undone. */
  forgetNode(node: string): void {
    for (const [id, { record }] of [...this.#inForce]) {
      if ('node' in record.spec && record.spec.node === node) this.#drop(id);
    }
  }

  /** A node is gone for good, and its links with it. */
  forgetLinks(node: string): void {
    for (const id of [...this.#inForce.keys()]) {
      this.#keepLinks(id, (link) => !touches(node)(link));
    }
  }

  /** Ends the timers; nothing is healed. */
  close(): void {
    for (const { timer } of this.#inForce.values()) timer?.cancel();
  }

  #register(spec: FaultSpec, forMs: number): FaultRecord {
    const { clock, logger } = this.#options;
    this.#lastId += 1;
    const id = this.#lastId;
    const now = clock.wallTime();
    const until = forMs > 0 ? new Date(now + forMs).toISOString() : null;
    const record = { id, spec, since: new Date(now).toISOString(), until };
    const heal = (): void => {
      this.heal(id).catch((error: unknown) => {
        logger.error('a fault did not heal by itself', { id, error: errorMessage(error) });
      });
    };
    const timer = forMs > 0 ? clock.setTimer(forMs, heal) : undefined;
    this.#inForce.set(id, { record, timer });
    return record;
  }

  async #begin(spec: FaultSpec): Promise<void> {
    const { runtime, handle } = this.#options;
    switch (spec.kind) {
      case 'kill':
        return handle(spec.node).kill();
      case 'pause':
        return handle(spec.node).pause();
      case 'stop':
        return handle(spec.node).stop();
      case 'discovery':
        return runtime.discovery.stop();
      case 'refuse':
        await this.#applyLinks(spec.links);
        for (const link of spec.links) await runtime.resetLink(link);
        return this.#verify(spec.links);
      case 'cut':
        await this.#applyLinks(spec.links);
        return this.#verify(spec.links);
      case 'slow':
      case 'drop':
        return this.#applyLinks(spec.links);
      case 'reset':
        return;
      case 'clock':
      case 'disk':
        throw unavailableFault(spec.kind, 'no runtime has it yet');
      default:
        spec satisfies never;
    }
  }

  async #end(spec: FaultSpec): Promise<void> {
    if ('node' in spec) await this.#options.start(spec.node);
    else if ('links' in spec) await this.#applyLinks(spec.links);
    else await this.#options.runtime.discovery.start();
  }

  async #applyLinks(links: readonly LinkName[]): Promise<void> {
    await Promise.all(links.map((link) => this.#options.runtime.setLink(link, this.#ruleOf(link))));
  }

  /** Nothing gets through any more: tried, not believed. */
  async #verify(links: readonly LinkName[]): Promise<void> {
    const { runtime } = this.#options;
    const probes = await Promise.all(links.map((link) => runtime.probeLink(link)));
    const open = links.filter((_, i) => probes[i] === 'passes');
    if (open.length === 0) return;
    const names = open.map(({ from, to }) => `${from}:${to}`).join(' ');
    throw new ClusterError('E_FAILED', `${names} still passes: the fault has no effect`);
  }

  /** What all faults in force make of a link: delays add up, the lowest rate counts, losses follow each other. */
  #ruleOf(link: LinkName): LinkRule {
    let rule = passRule;
    for (const { spec } of this.list()) {
      if (!('links' in spec)) continue;
      if (!spec.links.some(({ from, to }) => from === link.from && to === link.to)) continue;
      if (spec.kind === 'cut') rule = { ...rule, cut: true };
      if (spec.kind === 'refuse') rule = { ...rule, refuse: true };
      // What one lets through the other may still lose.
      if (spec.kind === 'drop') {
        rule = { ...rule, lossRatio: 1 - (1 - rule.lossRatio) * (1 - spec.lossRatio) };
      }
      if (spec.kind !== 'slow') continue;
      const rates = [rule.bytesPerSecond, spec.bytesPerSecond].filter((rate) => rate !== undefined);
      rule = {
        ...rule,
        delayMs: rule.delayMs + spec.delayMs,
        jitterMs: rule.jitterMs + spec.jitterMs,
        bytesPerSecond: rates.length === 0 ? undefined : Math.min(...rates),
      };
    }
    return rule;
  }

  #keepLinks(id: number, keep: (link: LinkName) => boolean): void {
    const found = this.#inForce.get(id);
    if (found === undefined || !('links' in found.record.spec)) return;
    const links = found.record.spec.links.filter(keep);
    if (links.length === 0) this.#drop(id);
    else found.record = { ...found.record, spec: { ...found.record.spec, links } };
  }

  #drop(id: number): void {
    this.#inForce.get(id)?.timer?.cancel();
    this.#inForce.delete(id);
  }
}

/** All links between two groups, in one or both directions. */
export function linksBetween(
  a: readonly string[],
  b: readonly string[],
  options: { readonly oneWay?: boolean } = {},
): readonly LinkName[] {
  return a.flatMap((from) =>
    b.flatMap((to) =>
      options.oneWay === true
        ? [{ from, to }]
        : [
            { from, to },
            { from: to, to: from },
          ],
    ),
  );
}

export function unavailableFault(kind: string, why: string): ClusterError {
  return new ClusterError('E_FAULT_UNAVAILABLE', `fault ${kind} is not available here: ${why}`, {
    details: { fault: kind },
  });
}

function nodesOf(spec: FaultSpec): readonly string[] {
  if ('node' in spec) return [spec.node];
  return 'links' in spec ? spec.links.flatMap(({ from, to }) => [from, to]) : [];
}

function touches(node: string): (link: LinkName) => boolean {
  return ({ from, to }) => from === node || to === node;
}
