// Puts code into running nodes, one at a time: lays the file, makes the node run it, waits until the
// node is as good as before and the cluster, too. A step that makes it worse is taken back, and is
// the last.
import { errorMessage } from '@corral/kit';
import type { Clock } from '@corral/kit';
import { storeUnit } from '../boot-failure.js';
import { ClusterError } from '../errors.js';
import type { NodeHandle } from '../runtime.js';
import type { ClusterStatus, NodeStatus } from '../status.js';
import { hashOf, readCode, removeCode, writeCode } from './code-files.js';
import type { Component } from './components.js';
import {
  chooseNodes,
  committedIn,
  describeLoss,
  inOrder,
  isAsWell,
  isJudgeable,
  lagOf,
} from './rolling.js';
import type { Choice } from './rolling.js';

/** A member that starts with new code catches up within this, or the code is to blame. */
const healthyMs = 10_000;
/** Code that dies of its first heartbeats is not healthy. */
const steadyMs = 100;
const lookMs = 10;

export type RollEvent =
  | { readonly kind: 'step'; readonly name: string; readonly state: 'started' }
  | {
      readonly kind: 'step';
      readonly name: string;
      readonly state: 'done';
      readonly ms: number;
      readonly text: string;
    }
  | { readonly kind: 'warning'; readonly text: string };

/** What a roll has to do with. */
export type RollWorld = {
  readonly handle: (name: string) => NodeHandle;
  readonly status: () => Promise<ClusterStatus>;
  /**
   * The same, with the stores asked anew and all else as the last `status` told it: to ask a runtime
   * takes long where nodes are containers.
   */
  readonly look: () => Promise<ClusterStatus>;
  /** Its store answers a read; for workers, whose state Raft does not tell. */
  readonly serves: (node: NodeHandle) => Promise<boolean>;
  readonly emit: (event: RollEvent) => void;
  readonly clock: Clock;
  /** Aborted, no further node is begun; the one under way is finished. */
  readonly signal: AbortSignal;
};

/** A hash, or null for the code that is installed. */
export type CodeName = string | null;

export type RolledNode = {
  readonly node: string;
  readonly was: CodeName;
  readonly now: CodeName;
  /** From the file to a healthy node; 0 where it had this code already. */
  readonly ms: number;
};

export type RollReport = {
  readonly component: Component['name'];
  readonly program: string;
  readonly code: CodeName;
  /** In the order in which they got it. */
  readonly nodes: readonly RolledNode[];
  readonly skipped: readonly { readonly node: string; readonly why: string }[];
  readonly ms: number;
};

export type RollRequest = {
  readonly component: Component;
  /** The stamped text; undefined takes code away. */
  readonly text: string | undefined;
  /** Undefined: all that run the component. */
  readonly names: readonly string[] | undefined;
};

/** Throws ClusterError E_FAILED or E_NO_QUORUM before, E_DEV_WORSE after a node was touched. */
export async function rollCode(request: RollRequest, world: RollWorld): Promise<RollReport> {
  const { component, text, names } = request;
  const { clock, emit, signal } = world;
  const begun = clock.now();
  const before = await world.status();
  const { nodes, skipped } =
    text === undefined ? chooseForReset(before, names) : chooseNodes(before, component, names);
  for (const { node, why } of skipped) emit({ kind: 'warning', text: `${node} ${why}: left out` });
  const roll = new Roll(request, world, before);
  const changed = nodes.filter((node) => roll.changes(node));
  warnOfGap(before, changed, request, emit);
  for (const node of nodes) {
    if (signal.aborted) break;
    if (changed.includes(node)) await roll.step(node);
    else roll.pass(node);
  }
  return {
    component: component.name,
    program: component.program,
    code: nameOf(text),
    nodes: roll.done,
    skipped,
    ms: Math.round(clock.now() - begun),
  };
}

/** Code can be taken away from every node, however it is. */
function chooseForReset(before: ClusterStatus, names: readonly string[] | undefined): Choice {
  const nodes = before.nodes.filter((node) => names?.includes(node.name) ?? true);
  return { nodes: inOrder(nodes, before.leader), skipped: [] };
}

function warnOfGap(
  before: ClusterStatus,
  nodes: readonly NodeStatus[],
  { component }: RollRequest,
  emit: (event: RollEvent) => void,
): void {
  const isRestarted = component.renewal.by === 'unit' || component.renewal.by === 'boot';
  const central = before.nodes.filter((node) => node.role === 'central').length;
  if (!isRestarted || before.tolerates > 0 || !nodes.some((node) => node.role === 'central'))
    return;
  const why = central < 3 ? `${central} central` : 'only just enough central';
  emit({ kind: 'warning', text: `${why} nodes: writes wait while one of them restarts` });
}

class Roll {
  readonly done: RolledNode[] = [];
  readonly #request: RollRequest;
  readonly #world: RollWorld;
  readonly #before: ClusterStatus;
  /** What the nodes that were touched had. */
  readonly #had = new Map<string, string | undefined>();

  constructor(request: RollRequest, world: RollWorld, before: ClusterStatus) {
    this.#request = request;
    this.#world = world;
    this.#before = before;
  }

  /** Not so where the node has this code already. */
  changes({ name }: NodeStatus): boolean {
    return this.#codeOf(name) !== this.#request.text;
  }

  pass({ name }: NodeStatus): void {
    const code = nameOf(this.#request.text);
    this.done.push({ node: name, was: code, now: code, ms: 0 });
  }

  async step({ name, state }: NodeStatus): Promise<void> {
    const { component, text } = this.#request;
    const { clock, emit } = this.#world;
    const handle = this.#world.handle(name);
    const was = this.#codeOf(name);
    const names = { node: name, was: nameOf(was), now: nameOf(text) };
    emit({ kind: 'step', name, state: 'started' });
    const begun = clock.now();
    this.#had.set(name, was);
    let how: string;
    try {
      put(handle, component, text);
      how = state === 'running' ? await this.#renew(handle) : state;
    } catch (error) {
      throw await this.#takeBack(handle, error);
    }
    const ms = Math.round(clock.now() - begun);
    this.done.push({ ...names, ms });
    const change = `${names.was ?? 'installed code'} → ${names.now ?? 'installed code'}`;
    emit({ kind: 'step', name, state: 'done', ms, text: `${change} · ${how}` });
  }

  #codeOf(name: string): string | undefined {
    return readCode(this.#world.handle(name).devFolder, this.#request.component.program);
  }

  /** Makes the node run what lies there now. */
  async #restart(handle: NodeHandle): Promise<void> {
    const { renewal } = this.#request.component;
    if (renewal.by === 'unit') await handle.restartUnit(renewal.unit);
    if (renewal.by !== 'boot') return;
    await handle.stop();
    await handle.start();
  }

  /** Restarts, and waits; gives how the node is then, in a few words. */
  async #renew(handle: NodeHandle): Promise<string> {
    const { renewal, program } = this.#request.component;
    if (renewal.by === 'nothing') return `from the next start of ${program}`;
    await this.#restart(handle);
    // Without a quorum nothing can be waited for; code is only taken away then.
    if (!isJudgeable(this.#before)) return 'restarted';
    const settled = await this.#settled(handle);
    const raft = settled.nodes.find((one) => one.name === handle.plan.name)?.raft ?? undefined;
    if (raft === undefined) return 'serves';
    return `${raft.role}, term ${raft.term}, applied ${raft.applied}`;
  }

  /** Waits until the node, and the cluster with it, is as well as before, and stays so. */
  async #settled(handle: NodeHandle): Promise<ClusterStatus> {
    const { clock, look } = this.#world;
    const deadline = clock.now() + healthyMs;
    const [first, { pid }] = await Promise.all([look(), handle.inspect()]);
    const mark = committedIn(first);
    let since: number | undefined;
    for (let now = first; ; now = await look()) {
      const why = await this.#complaint(handle, now, mark);
      if (why === undefined) since ??= clock.now();
      else since = undefined;
      const isSteady = since !== undefined && clock.now() - since >= steadyMs;
      // Whoever answers all the while need not be looked at meanwhile.
      if (why !== undefined || isSteady) await this.#checkLife(handle, pid);
      if (isSteady) return now;
      if (why !== undefined && clock.now() >= deadline) {
        throw new Error(`${why} after ${healthyMs / 1000} s`);
      }
      await clock.sleep(lookMs);
    }
  }

  /** The store is the very process that it was. */
  async #checkLife(handle: NodeHandle, pid: number | null): Promise<void> {
    const facts = await handle.inspect({ units: true, fresh: true });
    if (facts.pid === pid && (pid !== null || handle.clientUrls.length === 0)) return;
    const reason = facts.units.find(({ name }) => name === storeUnit)?.reason;
    throw new Error(`its store ended again (${reason ?? 'it was started anew'})`);
  }

  async #complaint(
    handle: NodeHandle,
    now: ClusterStatus,
    mark: number,
  ): Promise<string | undefined> {
    const { name, role } = handle.plan;
    const lag = lagOf(now, name, mark);
    if (lag !== undefined) return `it ${lag}`;
    const hasStore = role === 'worker' && handle.clientUrls.length > 0;
    if (hasStore && !(await this.#world.serves(handle))) return 'its store does not answer';
    return isAsWell(this.#before, now) ? undefined : describeLoss(this.#before, now);
  }

  /** Gives back the code it had to the node, and to others of this roll that went down meanwhile. */
  async #takeBack(handle: NodeHandle, cause: unknown): Promise<ClusterError> {
    const { component, text } = this.#request;
    const { name } = handle.plan;
    const log = await handle.lastLogLines(10);
    const now = await this.#world.status();
    const down = [...this.#had.keys()].filter(
      (other) => other === name || lagOf(now, other, 0) !== undefined,
    );
    const told = await this.#restore(down);
    const kept = this.done.filter((one) => one.was !== one.now && !down.includes(one.node));
    const has =
      kept.length === 0 ? '' : `; ${kept.map((one) => one.node).join(' ')} kept the new code`;
    const code = nameOf(text) ?? 'the installed code';
    return new ClusterError(
      'E_DEV_WORSE',
      `${component.name} ${code} makes ${name} worse: ${errorMessage(cause)}. ${told}${has}`,
      {
        cause,
        details: { node: name, log },
        remedies: [`corral logs ${name}`, 'corral status -o wide'],
      },
    );
  }

  /** All of them first, since none is well while another is not. */
  async #restore(names: readonly string[]): Promise<string> {
    const { component } = this.#request;
    const problems = new Map<string, string>();
    const each = async (act: (handle: NodeHandle) => Promise<unknown>): Promise<void> => {
      for (const name of names) {
        if (problems.has(name)) continue;
        await act(this.#world.handle(name)).catch((error: unknown) => {
          problems.set(name, errorMessage(error));
        });
      }
    };
    await each((handle) => {
      put(handle, component, this.#had.get(handle.plan.name));
      return this.#restart(handle);
    });
    if (component.renewal.by !== 'nothing') await each((handle) => this.#settled(handle));
    const told = names.map((name) => {
      const why = problems.get(name);
      const what = `${name} has ${nameOf(this.#had.get(name)) ?? 'the installed code'} again`;
      return why === undefined ? what : `${what}, but is not well: ${why}`;
    });
    return told.join(', ');
  }
}

function put({ devFolder }: NodeHandle, { program }: Component, text: string | undefined): void {
  if (text === undefined) removeCode(devFolder, program);
  else writeCode(devFolder, program, text);
}

function nameOf(text: string | undefined): CodeName {
  return text === undefined ? null : (hashOf(text) ?? 'unknown');
}
