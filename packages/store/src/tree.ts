// The tree of nodes and the only place that changes it. Every change of a node that a running
// snapshot has yet to write is announced to the snapshot first (copy on write); nobody else may
// touch a node's fields. Rules of the commands are in writes.ts.
import { TreeNode, epochNever } from './node.js';
import { childKey, ownCopy, segmentsOf } from './path.js';
import { TtlHeap } from './ttl-heap.js';

/** What a snapshot holds of a node besides its place. */
export type NodeContent = {
  /** Undefined for directories. */
  readonly value: string | undefined;
  readonly createdIndex: number;
  readonly modifiedIndex: number;
  readonly expiration: number | undefined;
};

/** What a running snapshot wants to hear of. */
export interface ChangeRecorder {
  /** Nodes with a lower epoch belong to the picture and are not written yet. */
  readonly epoch: number;
  /** `node` is about to change in place. */
  saveNode(node: TreeNode): void;
  /** `node`, a directory, has left the tree with all below it. Parents stay readable. */
  saveDetached(node: TreeNode): void;
}

export class Tree {
  readonly root: TreeNode;
  readonly expiring = new TtlHeap();
  /** The highest epoch of snapshots so far; new nodes are born with it. */
  epoch: number;
  recorder: ChangeRecorder | undefined;
  readonly #permanent = new Set<TreeNode>();

  /** `namespaces` are directories that always exist and cannot be written themselves. */
  constructor(namespaces: readonly string[], epoch: number) {
    this.epoch = epoch;
    this.recorder = undefined;
    this.root = new TreeNode('', undefined, undefined, 0, epochNever);
    this.#permanent.add(this.root);
    for (const path of namespaces) {
      let at = this.root;
      for (const name of segmentsOf(path)) {
        at = at.children?.get(name) ?? this.#attach(at, name, undefined, 0, epochNever);
        this.#permanent.add(at);
      }
    }
  }

  isReadOnly(node: TreeNode): boolean {
    return node.epoch === epochNever && this.#permanent.has(node);
  }

  /** The node at a clean path, or undefined; `blockage` tells why. */
  find(path: string): TreeNode | undefined {
    if (path === '/') return this.root;
    let at: TreeNode | undefined = this.root;
    let from = 1;
    for (;;) {
      const slash = path.indexOf('/', from);
      if (slash < 0) return at.children?.get(path.slice(from));
      at = at.children?.get(path.slice(from, slash));
      if (at === undefined) return undefined;
      from = slash + 1;
    }
  }

  /** Why nothing is at `path`: a file is in the way, or this is the first missing part. */
  blockage(path: string): { readonly code: 100 | 104; readonly cause: string } {
    let at = this.root;
    let key = '/';
    for (const name of segmentsOf(path)) {
      if (at.children === undefined) return { code: 104, cause: key };
      key = childKey(key, name);
      const child = at.children.get(name);
      if (child === undefined) return { code: 100, cause: key };
      at = child;
    }
    return { code: 100, cause: path };
  }

  /** Makes what is missing of a directory's path; undefined when a file is in the way. */
  makeDirectories(path: string, index: number): TreeNode | undefined {
    const found = this.find(path);
    if (found !== undefined) return found.children === undefined ? undefined : found;
    if (this.blockage(path).code === 104) return undefined;
    let at = this.root;
    for (const name of segmentsOf(path)) {
      at = at.children?.get(name) ?? this.#attach(at, name, undefined, index, this.epoch);
    }
    return at;
  }

  /** Adds a node that is not there yet; a value of undefined makes a directory. */
  add(parent: TreeNode, name: string, value: string | undefined, index: number): TreeNode {
    return this.#attach(parent, name, value, index, this.epoch);
  }

  /** Puts in a node of a snapshot. */
  load(parent: TreeNode, name: string, content: NodeContent): TreeNode {
    const node = this.#attach(parent, name, content.value, content.createdIndex, this.epoch);
    this.fill(node, content);
    return node;
  }

  /** Gives a directory of a snapshot, made ahead for its children, what belongs to itself. */
  fill(node: TreeNode, content: NodeContent): void {
    node.createdIndex = content.createdIndex;
    node.modifiedIndex = content.modifiedIndex;
    this.setExpiration(node, content.expiration);
  }

  /** Turns a file into a new file, or a directory, of the same name. */
  replace(node: TreeNode, value: string | undefined, index: number): void {
    this.#beforeChange(node);
    node.value = value;
    if (value === undefined) node.children = new Map<string, TreeNode>();
    node.createdIndex = index;
    node.modifiedIndex = index;
    if (node.ttl !== undefined) this.expiring.reorder(node.ttl);
  }

  /** Writes a file's value; createdIndex stays. */
  write(node: TreeNode, value: string, index: number): void {
    this.#beforeChange(node);
    node.value = value;
    node.modifiedIndex = index;
  }

  /** Undefined makes the node permanent. */
  setExpiration(node: TreeNode, expiration: number | undefined): void {
    if (expiration === undefined && node.ttl === undefined) return;
    this.#beforeChange(node);
    if (expiration === undefined) {
      if (node.ttl !== undefined) this.expiring.remove(node.ttl);
      node.ttl = undefined;
    } else if (node.ttl === undefined) {
      node.ttl = this.expiring.add(node, expiration);
    } else {
      node.ttl.expiration = expiration;
      this.expiring.reorder(node.ttl);
    }
  }

  /**
   * Takes a node and all below it out of the tree. The detached nodes are never changed again.
   * For a directory that was not empty, gives the names that vanished below it, packed (see
   * `packedNamesInclude`), which history needs to answer watches on them.
   */
  detach(node: TreeNode): string | undefined {
    const { recorder } = this;
    if (recorder !== undefined) {
      if (node.children === undefined) this.#beforeChange(node);
      else recorder.saveDetached(node);
    }
    node.parent?.children?.delete(node.name);
    if (node.ttl !== undefined) this.expiring.remove(node.ttl);
    if (node.children === undefined || node.children.size === 0) return undefined;
    return this.#retireBelow(node);
  }

  /** Takes all below a detached directory out of the heap and packs the names. */
  #retireBelow(top: TreeNode): string {
    const packed: string[] = [];
    const open: Iterator<TreeNode>[] = [];
    if (top.children !== undefined) open.push(top.children.values());
    for (let children = open.at(-1); children !== undefined; children = open.at(-1)) {
      const next = children.next();
      if (next.done === true) {
        open.pop();
        packed.push('');
        continue;
      }
      const child = next.value;
      packed.push(child.name);
      if (child.ttl !== undefined) this.expiring.remove(child.ttl);
      if (child.children === undefined) packed.push('');
      else open.push(child.children.values());
    }
    return packed.join('/');
  }

  #beforeChange(node: TreeNode): void {
    const { recorder } = this;
    if (recorder !== undefined && node.epoch < recorder.epoch) recorder.saveNode(node);
  }

  #attach(
    parent: TreeNode,
    name: string,
    value: string | undefined,
    index: number,
    epoch: number,
  ): TreeNode {
    const own = ownCopy(name);
    const node = new TreeNode(own, parent, value, index, epoch);
    parent.children?.set(own, node);
    return node;
  }
}

/**
 * True when a relative path is among packed names. Packed names are a walk through a subtree, each
 * name followed by what is below it and then an empty name, parted by slashes: linear in size
 * however deep the subtree is, which a list of paths would not be.
 */
export function packedNamesInclude(packed: string, path: string): boolean {
  const wanted = path.split('/');
  let depth = 0;
  let matched = 0;
  for (const name of packed.split('/')) {
    if (name === '') {
      depth -= 1;
      matched = Math.min(matched, depth);
    } else {
      if (matched === depth && wanted[depth] === name) matched += 1;
      if (matched === wanted.length) return true;
      depth += 1;
    }
  }
  return false;
}
