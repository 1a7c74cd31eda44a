// The links between containers: rules on their packets, set inside each node's own network name space
// and set again when a node comes back, since they end with it.
import { ClusterError } from '../errors.js';
import { nodeUrls } from '../node-urls.js';
import type { ClusterPlan, NodePlan } from '../plan.js';
import { passRule } from '../runtime.js';
import type { LinkName, LinkProbe, LinkRule } from '../runtime.js';
import type { ExecResult } from './exec.js';
import {
  chain,
  countRules,
  filterTable,
  hookScript,
  isDelayed,
  trafficScript,
} from './packet-filter.js';
import type { NodeRule } from './packet-filter.js';

export type LinksOptions = {
  readonly plan: ClusterPlan;
  /** Runs a script in a running node; undefined where the node does not run. */
  readonly run: (node: string, script: string) => Promise<ExecResult | undefined>;
};

const probeSeconds = 0.5;
/** curl's exit codes. (curl(1)) */
const curlRefused = 7;

export class DockerLinks {
  readonly #options: LinksOptions;
  readonly #rules = new Map<string, LinkRule>();
  /** One setting of a node at a time, and one that waits: it sets whatever holds when it begins. */
  readonly #setting = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, Promise<void>>();
  #plan: ClusterPlan;

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#plan = options.plan;
  }

  setPlan(plan: ClusterPlan): void {
    this.#plan = plan;
    const names = new Set(plan.nodes.map((node) => node.name));
    for (const key of this.#rules.keys()) {
      if (key.split('>').some((name) => !names.has(name))) this.#rules.delete(key);
    }
  }

  /** Throws ClusterError E_FAULT_UNAVAILABLE for what this kernel cannot do. */
  async setRule(link: LinkName, rule: LinkRule): Promise<void> {
    if (isDelayed(rule)) await this.#checkDelay(link.from);
    if (rule === passRule) this.#rules.delete(keyOf(link));
    else this.#rules.set(keyOf(link), rule);
    await Promise.all([this.apply(link.from), this.apply(link.to)]);
  }

  /** Sets everything that is in force at a node; for one that just started, too. */
  apply(node: string): Promise<void> {
    const waiting = this.#waiting.get(node);
    if (waiting !== undefined) return waiting;
    const before = this.#setting.get(node) ?? Promise.resolve();
    const set = before.then(() => {
      this.#waiting.delete(node);
      return this.#set(node);
    });
    this.#waiting.set(node, set);
    this.#setting.set(
      node,
      set.catch(() => undefined),
    );
    return set;
  }

  /** For a node that came up: its last life's rules ended with it. */
  async applyAgain(node: string): Promise<void> {
    const touched = [...this.#rules.keys()].some((key) => key.split('>').includes(node));
    if (touched) await this.apply(node);
  }

  /** Nothing is in force there that this one did not set: a former keeper's rules end. */
  async clear(nodes: readonly NodePlan[]): Promise<void> {
    await Promise.all(nodes.map(({ name }) => this.apply(name)));
  }

  /** Resets every connection between the two, whoever dialled. */
  async reset({ from, to }: LinkName): Promise<void> {
    const ends = [this.#node(from), this.#node(to)] as const;
    await Promise.all(
      ends.map((node, i) =>
        this.#options.run(node.name, `ss -K dst ${ends[1 - i]?.address ?? ''} >/dev/null`),
      ),
    );
  }

  /** What a dial meets, by a dial: to the store at the link's end, else to that at its beginning. */
  async probe({ from, to }: LinkName): Promise<LinkProbe> {
    const [near, far] = [this.#node(from), this.#node(to)];
    const own = storeOf(far);
    if (own !== undefined) return this.#dial(near, own);
    const other = storeOf(near);
    return other === undefined ? 'refused' : this.#dial(far, other);
  }

  async #dial(from: NodePlan, url: string): Promise<LinkProbe> {
    const script = `curl -s -o /dev/null --max-time ${probeSeconds} ${url}/version`;
    const result = await this.#options.run(from.name, script);
    if (result === undefined) return 'silent';
    if (result.code === 0) return 'passes';
    return result.code === curlRefused ? 'refused' : 'silent';
  }

  async #set(name: string): Promise<void> {
    const node = this.#plan.nodes.find((one) => one.name === name);
    if (node === undefined) return;
    const rules = this.#rulesOf(node);
    const script = [
      `iptables-restore -w -n <<'END'\n${filterTable(rules)}END`,
      'filter=$?',
      hookScript,
      `(${trafficScript(rules)})`,
      'traffic=$?',
      '[ $filter = 0 ] && [ $traffic = 0 ] || exit 1',
      // Looked at again: what the kernel has now is what was wanted.
      `[ "$(iptables -w -S ${chain} | grep -c -- ' -j ')" = ${countRules(rules)} ] || exit 2`,
    ].join('\n');
    const result = await this.#options.run(name, script);
    if (result === undefined || result.code === 0) return;
    throw new ClusterError(
      'E_FAILED',
      `the links of ${name} cannot be set: ${result.stderr.trim() || `code ${result.code}`}`,
    );
  }

  #rulesOf(node: NodePlan): NodeRule[] {
    return this.#plan.nodes.flatMap((peer): NodeRule[] => {
      const out = this.#rules.get(keyOf({ from: node.name, to: peer.name }));
      const incoming = this.#rules.get(keyOf({ from: peer.name, to: node.name }));
      if (out === undefined && incoming === undefined) return [];
      return [{ peer: peer.address, out, in: incoming }];
    });
  }

  /** Asked of the kernel itself, on a device of no use. */
  async #checkDelay(node: string): Promise<void> {
    const script =
      'tc qdisc add dev lo root netem delay 1ms 2>&1 && tc qdisc del dev lo root 2>/dev/null';
    const result = await this.#options.run(node, script);
    if (result === undefined || result.code === 0) return;
    throw new ClusterError(
      'E_FAULT_UNAVAILABLE',
      "delay is not available here, because this machine's kernel has no netem " +
        `(${result.stdout.trim().split('\n')[0] ?? ''}); a rate is`,
      {
        details: { fault: 'slow' },
        remedies: [
          'corral fault slow LINK --rate 64kbit',
          'modprobe sch_netem, where the kernel has it as a module',
          'the process runtime has delays: corral up --runtime process',
        ],
      },
    );
  }

  #node(name: string): NodePlan {
    const found = this.#plan.nodes.find((node) => node.name === name);
    if (found !== undefined) return found;
    throw new ClusterError('E_UNKNOWN_NODE', `no node "${name}"`);
  }
}

/** A member's own store: a worker's proxy answers for others. */
function storeOf(node: NodePlan): string | undefined {
  return node.role === 'central' ? nodeUrls(node).client[0] : undefined;
}

function keyOf({ from, to }: LinkName): string {
  return `${from}>${to}`;
}
