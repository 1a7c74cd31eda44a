// The programs of ours that `corral dev` can put into a running cluster: what they are made of, what
// their file is called on a node, and what has to happen there for them to run anew. Pure.
import { ClusterError } from '../errors.js';
import type { NodeStatus } from '../status.js';

export type ComponentName = 'kv-raft' | 'discovery-service' | 'cloudinit' | 'etcd-client';

/**
 * What makes a node run new code: its unit is started again; it boots again, since the program runs
 * at boot; or nothing, since the program is started anew each time. `cluster` is on no node.
 */
export type Renewal =
  | { readonly by: 'unit'; readonly unit: string }
  | { readonly by: 'boot' }
  | { readonly by: 'nothing' }
  | { readonly by: 'cluster' };

export type Component = {
  readonly name: ComponentName;
  /** The program; its code lies on a node as PROGRAM.mjs. */
  readonly program: string;
  /** The file that is started, below the working tree. */
  readonly entry: string;
  /** What else the bundle exports, for those who load it instead of starting it. */
  readonly library: string | undefined;
  /** Other words for it: its program, and parts that run nowhere else. */
  readonly aliases: readonly string[];
  readonly renewal: Renewal;
};

export const components: readonly Component[] = [
  {
    name: 'kv-raft',
    program: 'etcd2',
    entry: 'packages/kv-raft/src/main.ts',
    library: undefined,
    aliases: ['etcd2', 'proxy', 'raft', 'store'],
    renewal: { by: 'unit', unit: 'etcd2.service' },
  },
  {
    name: 'discovery-service',
    program: 'discovery-service',
    entry: 'packages/discovery-service/src/main.ts',
    library: 'packages/discovery-service/src/index.ts',
    aliases: ['discovery'],
    renewal: { by: 'cluster' },
  },
  {
    name: 'cloudinit',
    program: 'coreos-cloudinit',
    entry: 'packages/cloudinit/src/main.ts',
    library: 'packages/cloudinit/src/index.ts',
    aliases: ['coreos-cloudinit'],
    renewal: { by: 'boot' },
  },
  {
    name: 'etcd-client',
    program: 'etcdctl',
    entry: 'packages/etcd-client/src/etcdctl/main.ts',
    library: undefined,
    aliases: ['etcdctl'],
    renewal: { by: 'nothing' },
  },
];

/** A component by its name or another word for it. */
export function componentOf(word: string): Component | undefined {
  return components.find(({ name, aliases }) => name === word || aliases.includes(word));
}

/** Throws ClusterError E_USAGE that lists what there is. */
export function findComponent(word: string): Component {
  const found = componentOf(word);
  if (found !== undefined) return found;
  const list = components.map(({ name, aliases }) => `${name} (${aliases.join(', ')})`).join(', ');
  throw new ClusterError('E_USAGE', `no component "${word}". Components: ${list}`);
}

/** True where the component is at work on a node, or would be. */
export function runsOn({ renewal }: Component, { units }: Pick<NodeStatus, 'units'>): boolean {
  if (renewal.by === 'cluster') return false;
  if (renewal.by !== 'unit') return true;
  return units.some(({ name, state }) => name === renewal.unit && state !== 'skipped');
}
