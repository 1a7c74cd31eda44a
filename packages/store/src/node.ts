// One node of the tree, a file or a directory. A single class with every field set in the
// constructor keeps all nodes of one shape. Only tree.ts changes nodes, since changes have to be
// told to a running snapshot first.
import type { TtlEntry } from './ttl-heap.js';

export type Children = Map<string, TreeNode>;

/** Epoch of nodes that no snapshot writes: the root and the namespace roots. */
export const epochNever = 2 ** 30;

export class TreeNode {
  readonly name: string;
  readonly parent: TreeNode | undefined;
  /** Undefined for directories. */
  value: string | undefined;
  /** Undefined for files. */
  children: Children | undefined;
  createdIndex: number;
  modifiedIndex: number;
  /** Its place among the nodes that expire; undefined = permanent. */
  ttl: TtlEntry | undefined;
  /** The last snapshot that has dealt with this node, or did not contain it. */
  epoch: number;

  constructor(
    name: string,
    parent: TreeNode | undefined,
    value: string | undefined,
    index: number,
    epoch: number,
  ) {
    this.name = name;
    this.parent = parent;
    this.value = value;
    this.children = value === undefined ? new Map<string, TreeNode>() : undefined;
    this.createdIndex = index;
    this.modifiedIndex = index;
    this.ttl = undefined;
    this.epoch = epoch;
  }
}

/** The full key of a node that is in the tree. */
export function keyOf(node: TreeNode): string {
  if (node.parent === undefined) return '/';
  let key = '';
  for (let at = node; at.parent !== undefined; at = at.parent) key = `/${at.name}${key}`;
  return key;
}

/** How many ancestors a node has. */
export function depthOf(node: TreeNode): number {
  let depth = 0;
  for (let at = node.parent; at !== undefined; at = at.parent) depth += 1;
  return depth;
}
