// Three members and workers in memory, whose stores obey what their code says in its comments:
// "lags" never applies anything again, "dies" ends a moment after it came up, "splits" takes the
// leader away from everybody, "process.exit(1)" does not come up at all.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@corral/kit/testing';
import { onTestFinished } from 'vitest';
import { findComponent } from '../../src/dev/components.js';
import { stampCode } from '../../src/dev/code-files.js';
import { rollCode } from '../../src/dev/roll.js';
import type { RollEvent, RollReport, RollWorld } from '../../src/dev/roll.js';
import { makePlan } from '../../src/plan.js';
import type { NodePlan } from '../../src/plan.js';
import type { NodeFacts } from '../../src/runtime.js';
import { judge } from '../../src/status.js';
import type { ClusterStatus, NodeStatus } from '../../src/status.js';
import { MemoryNode } from '../memory-runtime.js';

/** Time passes as soon as somebody waits. */
class EagerClock extends ManualClock {
  override sleep(delayMs: number): Promise<void> {
    return this.advance(delayMs);
  }
}

class FakeNode extends MemoryNode {
  override readonly clientUrls = ['http://store'];
  /** Told of every start and stop. */
  onEvent: (event: string) => void = () => undefined;
  /** Its store ended, and is down until its unit is restarted. */
  crashed = false;
  #looks = 0;

  override async start(): Promise<void> {
    this.onEvent(`start ${this.plan.name}`);
    await super.start();
  }

  override async stop(): Promise<void> {
    this.onEvent(`stop ${this.plan.name}`);
    await super.stop();
  }

  override async restartUnit(unit: string): Promise<void> {
    this.onEvent(`restart ${unit} ${this.plan.name}`);
    this.#looks = 0;
    this.crashed = false;
    await super.restartUnit(unit);
  }

  override async inspect(): Promise<NodeFacts> {
    const facts = await super.inspect();
    this.#looks += 1;
    const isDead = this.code?.includes('dies') === true && this.#looks > 1;
    return isDead ? { ...facts, pid: null } : facts;
  }
}

export class FakeCluster {
  readonly events: string[] = [];
  readonly told: RollEvent[] = [];
  readonly clock = new EagerClock();
  readonly #nodes: readonly FakeNode[];
  readonly #stop = new AbortController();
  leader = 'n1';
  /** Workers of which the store does not answer. */
  readonly silent = new Set<string>();

  private constructor(nodes: readonly FakeNode[]) {
    this.#nodes = nodes;
  }

  static async start(central = 3, workers = 2): Promise<FakeCluster> {
    const home = mkdtempSync(join(tmpdir(), 'corral-roll-'));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    const given = { number: 7, discoveryPort: 4000, token: 't', createdAt: '' };
    const spec = { name: 'm', central, workers, cloudConfigs: {}, ignoreUnknown: false };
    const { plan } = makePlan(spec, given);
    const nodes = plan.nodes.map((node: NodePlan) => new FakeNode(node, home));
    const cluster = new FakeCluster(nodes);
    for (const node of nodes) {
      await node.start();
      node.onEvent = (event) => cluster.#onEvent(node, event);
    }
    return cluster;
  }

  node(name: string): FakeNode {
    const found = this.#nodes.find(({ plan }) => plan.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  /** The node has this code, and runs it. */
  async give(name: string, code: string): Promise<void> {
    await this.roll(code, [name]);
    this.events.length = 0;
    this.told.length = 0;
  }

  /** Rolls code of kv-raft; undefined takes it away. */
  roll(
    code: string | undefined,
    names?: readonly string[],
    component = 'kv-raft',
  ): Promise<RollReport> {
    const world: RollWorld = {
      handle: (name) => this.node(name),
      status: () => this.status(),
      look: () => this.status(),
      serves: ({ plan }) => Promise.resolve(!this.silent.has(plan.name)),
      emit: (event) => this.told.push(event),
      clock: this.clock,
      signal: this.#stop.signal,
    };
    const text = code === undefined ? undefined : stampCode(code).text;
    return rollCode({ component: findComponent(component), text, names }, world);
  }

  interrupt(): void {
    this.#stop.abort();
  }

  async status(): Promise<ClusterStatus> {
    const nodes = await Promise.all(this.#nodes.map((node) => this.#nodeStatus(node)));
    const split = this.#nodes.some(({ code }) => code?.includes('splits'));
    const leads = !split && nodes.some((node) => node.raft?.role === 'leader');
    return {
      schema: 1,
      name: 'm',
      runtime: 'process',
      ...judge(nodes),
      leader: leads ? this.leader : null,
      discovery: null,
      nodes,
      timings: { total: 0, steps: [] },
    };
  }

  /** A leader that stops hands over to the next member. */
  #onEvent(node: FakeNode, event: string): void {
    this.events.push(event);
    if (node.plan.name !== this.leader || event.startsWith('start')) return;
    const members = this.#nodes.filter(({ plan }) => plan.role === 'central');
    this.leader = members[(members.indexOf(node) + 1) % members.length]?.plan.name ?? '';
  }

  async #nodeStatus(node: FakeNode): Promise<NodeStatus> {
    const { plan, code } = node;
    const facts = await MemoryNode.prototype.inspect.call(node);
    const isUp = facts.pid !== null && facts.state === 'running' && !node.crashed;
    const isMember = plan.role === 'central' && isUp;
    const split = this.#nodes.some((one) => one.code?.includes('splits'));
    const role = split ? 'candidate' : plan.name === this.leader ? 'leader' : 'follower';
    const applied = code?.includes('lags') === true ? 3 : 40;
    return {
      name: plan.name,
      role: plan.role,
      state: facts.state,
      address: plan.address,
      clientUrls: node.clientUrls,
      peerUrls: [],
      memberId: null,
      pid: facts.pid,
      container: null,
      hostname: plan.hostname,
      root: null,
      raft: isMember ? { role, term: 2, commit: 40, applied } : null,
      units: [{ name: 'etcd2.service', state: facts.pid === null ? 'failed' : 'active' }],
      faults: [],
      dev: {},
    };
  }
}
