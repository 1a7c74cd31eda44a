// The seam to where nodes live: plain processes today, containers next, memory in tests. What a
// cluster does with its nodes (controller.ts) and how it is broken (faults.ts) is written against
// these interfaces alone; every implementation passes test/runtime.contract.ts.
import type { ClusterPlan, NodePlan } from './plan.js';

export type RuntimeKind = 'process' | 'docker';

export type NodeState = 'running' | 'killed' | 'paused' | 'stopped';

/** A unit of a node, in systemd's words; `skipped` and `failed` ones carry the reason. */
export type UnitFacts = {
  readonly name: string;
  /** systemd's ActiveState (org.freedesktop.systemd1(5)), or `skipped`: it cannot run here. */
  readonly state: string;
  /**
   * What the state leaves open. `done`: an inactive oneshot did its work and was not stopped.
   * `restarting`: an activating service failed and is started again (systemd's auto-restart).
   */
  readonly detail?: 'done' | 'restarting' | undefined;
  readonly reason?: string | undefined;
};

/** What a runtime knows of a node without asking its store. */
export type NodeFacts = {
  readonly state: NodeState;
  /** Of the store's process, as the node itself counts; null where it has none now. */
  readonly pid: number | null;
  readonly container: string | null;
  readonly root: string | null;
  readonly units: readonly UnitFacts[];
};

export type InspectOptions = {
  readonly units: boolean;
  /** Nothing of what was read a moment ago. */
  readonly fresh?: boolean;
};

/** One node. Every promise resolves when it is so, not when it was asked for. */
export interface NodeHandle {
  readonly plan: NodePlan;
  /** As reached from the machine that runs Corral; empty where the node has no store. */
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
  /**
   * A folder of this machine, made when it is needed. What lies there as NAME.mjs is run by the node
   * for our program NAME (etcd2, etcdctl ...) from that program's next start on; see dev/.
   */
  readonly devFolder: string;
  /**
   * Applies the cloud-config and boots; a paused node goes on instead. Resolves when the store
   * serves, or when the config starts none. Throws ClusterError E_FAILED with the end of its log.
   */
  start(): Promise<void>;
  /** Ends everything on it in order; a paused node goes on first. */
  stop(): Promise<void>;
  /** SIGKILL to everything on it; it stays down until started. */
  kill(): Promise<void>;
  /** SIGSTOP to everything on it. */
  pause(): Promise<void>;
  /**
   * Stops and starts one unit in order, however often. Resolves when it is active again. Throws
   * ClusterError E_FAILED, with the end of the store's log, when it does not come up; when the node
   * does not run; and when it has no such unit.
   */
  restartUnit(unit: string): Promise<void>;
  /**
   * Without `units` (who waits for something else asks often) units and pid may be left out, where
   * they cost something.
   */
  inspect(options?: InspectOptions): Promise<NodeFacts>;
  /** The end of the store's log, oldest line first. */
  lastLogLines(count: number): Promise<readonly string[]>;
}

/** A directed link: what travels from one node to another, whoever dialled. */
export type LinkName = { readonly from: string; readonly to: string };

export type LinkRule = {
  /** Bytes stall, ends are held back; all of it arrives after healing. */
  readonly cut: boolean;
  /** New connections are refused. */
  readonly refuse: boolean;
  readonly delayMs: number;
  /** A random part on top of the delay; never reorders. */
  readonly jitterMs: number;
  /** Undefined = as fast as it goes. */
  readonly bytesPerSecond: number | undefined;
  /** The part of packets that is lost, 0 to 1. */
  readonly lossRatio: number;
};

export const passRule: LinkRule = {
  cut: false,
  refuse: false,
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: undefined,
  lossRatio: 0,
};

export type LinkProbe = 'passes' | 'silent' | 'refused';

/** The cluster's discovery service; it keeps tokens and registrations over stops. */
export interface DiscoveryHandle {
  /** Without token; undefined while it is stopped. */
  readonly url: string | undefined;
  /** As NodeHandle's; undefined where its code cannot be changed. */
  readonly devFolder?: string | undefined;
  /** Nodes may start before it answers: they find it at its place later, and ask again until then. */
  readonly mayLag: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** The nodes of one cluster and the links between them. */
export interface NodeRuntime {
  readonly kind: RuntimeKind;
  readonly discovery: DiscoveryHandle;
  /** Why a kind of fault cannot be made here; undefined when it can. */
  unavailable(fault: string): string | undefined;
  /** A node that is to be added, with what only the runtime can choose for it. */
  place(node: NodePlan): Promise<NodePlan>;
  /** The handle of a planned node; nothing is started. */
  create(node: NodePlan): NodeHandle;
  /** Ends a node and removes all that is its own. */
  remove(node: NodeHandle): Promise<void>;
  /** Nodes came or went: there is a link between every two of them. */
  setPlan(plan: ClusterPlan): Promise<void>;
  setLink(link: LinkName, rule: LinkRule): Promise<void>;
  /** Resets every connection that a link belongs to. */
  resetLink(link: LinkName): Promise<void>;
  /** What a dial over a link meets now: the store at its end answers, silence, or a refusal. */
  probeLink(link: LinkName): Promise<LinkProbe>;
  /** Takes over what a keeper that is gone has left running; nothing where nothing outlives one. */
  adopt(): Promise<void>;
  /**
   * Ends links and discovery; nodes are ended by then. With `remove` nothing of the cluster stays but
   * its folder.
   */
  close(remove: boolean): Promise<void>;
}
