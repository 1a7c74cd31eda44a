// The rules of the writing commands, as etcd 2.3 has them (Documentation/api.md and what the
// server really does). Each takes the tree and the next index and gives what happened, or a
// refusal; a refused command leaves the tree as it was.
import type { Command } from './commands.js';
import type { StoreErrorCode } from './errors.js';
import type { Action, Event, NodeView } from './event.js';
import type { TreeNode } from './node.js';
import { keyOf } from './node.js';
import { childKey, cleanPath, lastName, parentPath } from './path.js';
import type { Tree } from './tree.js';
import { goneView, viewOf } from './views.js';

/** A command that answers one client; expiry is apart. */
export type WriteCommand = Exclude<Command, { readonly kind: 'expire' }>;
type Of<Kind extends WriteCommand['kind']> = Extract<WriteCommand, { readonly kind: Kind }>;

export type Change = {
  readonly kind: 'change';
  readonly event: Event;
  /** The directory that left the tree, when watchers below it have to be told. */
  readonly detached: TreeNode | undefined;
  /** The names that vanished below it, packed. */
  readonly vanished: string | undefined;
};
export type Refusal = {
  readonly kind: 'refusal';
  readonly code: StoreErrorCode;
  readonly cause: string;
};
export type Outcome = Change | Refusal;

/** Runs one command; `index` is the index that it takes if it succeeds. */
export function write(tree: Tree, index: number, command: WriteCommand): Outcome {
  switch (command.kind) {
    case 'set':
      return set(tree, index, command);
    case 'create':
      return create(tree, index, command);
    case 'update':
      return update(tree, index, command);
    case 'compareAndSwap':
      return compareAndSwap(tree, index, command);
    case 'delete':
      return remove(tree, index, command);
    case 'compareAndDelete':
      return compareAndDelete(tree, index, command);
    default:
      return command satisfies never;
  }
}

/** Removes a node whose time has come; a directory goes with all below it, as one event. */
export function expireNode(tree: Tree, index: number, node: TreeNode): Change {
  return takeAway(tree, index, node, keyOf(node), 'expire');
}

/** Replaces a file or makes a new node. A refresh keeps the value and needs something there. */
function set(tree: Tree, index: number, command: Of<'set'>): Outcome {
  const key = cleanPath(command.path);
  const node = tree.find(key);
  if (node === undefined) {
    const { code, cause } = tree.blockage(key);
    if (code === 104 || command.refresh) return refusal(code, cause);
    return make(tree, index, key, 'set', command);
  }
  if (tree.isReadOnly(node)) return refusal(107, key);
  if (node.value === undefined) return refusal(102, key);
  const before = viewOf(node, key);
  const kept = command.refresh ? node.value : command.value;
  tree.replace(node, command.dir ? undefined : kept, index);
  tree.setExpiration(node, command.expiration);
  return change('set', viewOf(node, key), before, index, command.refresh, false);
}

function create(tree: Tree, index: number, command: Of<'create'>): Outcome {
  let key = cleanPath(command.path);
  if (command.unique) {
    key = childKey(key, String(index).padStart(20, '0'));
  }
  const node = tree.find(key);
  if (node !== undefined) return refusal(tree.isReadOnly(node) ? 107 : 105, key);
  return make(tree, index, key, 'create', command);
}

/**
 * Changes value and expiration of a file, or the expiration of a directory. The stored directory
 * keeps its modifiedIndex although the answer shows a new one, as in etcd.
 */
function update(tree: Tree, index: number, command: Of<'update'>): Outcome {
  const key = cleanPath(command.path);
  const node = tree.find(key);
  if (node === undefined) return missing(tree, key);
  if (tree.isReadOnly(node)) return refusal(107, key);
  const before = viewOf(node, key);
  if (node.value === undefined) {
    if (command.value !== '') return refusal(102, key);
    tree.setExpiration(node, command.expiration);
    const after = { ...viewOf(node, key), modifiedIndex: index };
    return change('update', after, before, index, command.refresh, false);
  }
  tree.write(node, command.refresh ? node.value : command.value, index);
  tree.setExpiration(node, command.expiration);
  return change('update', viewOf(node, key), before, index, command.refresh, false);
}

function compareAndSwap(tree: Tree, index: number, command: Of<'compareAndSwap'>): Outcome {
  const key = cleanPath(command.path);
  const node = tree.find(key);
  if (node === undefined) return missing(tree, key);
  if (tree.isReadOnly(node)) return refusal(107, key);
  if (node.value === undefined) return refusal(102, key);
  const difference = differenceTo(node, command);
  if (difference !== undefined) return refusal(101, difference);
  const before = viewOf(node, key);
  tree.write(node, command.refresh ? node.value : command.value, index);
  tree.setExpiration(node, command.expiration);
  return change('compareAndSwap', viewOf(node, key), before, index, command.refresh, false);
}

function remove(tree: Tree, index: number, command: Of<'delete'>): Outcome {
  const key = cleanPath(command.path);
  const node = tree.find(key);
  if (node === undefined) return missing(tree, key);
  if (tree.isReadOnly(node)) return refusal(107, key);
  if (node.children !== undefined) {
    if (!command.dir && !command.recursive) return refusal(102, key);
    if (node.children.size > 0 && !command.recursive) return refusal(108, key);
  }
  return takeAway(tree, index, node, key, 'delete');
}

function compareAndDelete(tree: Tree, index: number, command: Of<'compareAndDelete'>): Outcome {
  const key = cleanPath(command.path);
  const node = tree.find(key);
  if (node === undefined) return missing(tree, key);
  // etcd names no cause for its root here, because the key below its prefix is empty.
  if (node.value === undefined) return refusal(102, tree.isReadOnly(node) ? '' : key);
  const difference = differenceTo(node, command);
  if (difference !== undefined) return refusal(101, difference);
  return takeAway(tree, index, node, key, 'compareAndDelete');
}

/** Adds a node where nothing is, with the directories that it needs (same index, no event). */
function make(
  tree: Tree,
  index: number,
  key: string,
  action: 'set' | 'create',
  command: Of<'set'> | Of<'create'>,
): Outcome {
  const parent = tree.makeDirectories(parentPath(key), index);
  if (parent === undefined) return missing(tree, key);
  const node = tree.add(parent, lastName(key), command.dir ? undefined : command.value, index);
  tree.setExpiration(node, command.expiration);
  return change(action, viewOf(node, key), undefined, index, false, true);
}

function takeAway(
  tree: Tree,
  index: number,
  node: TreeNode,
  key: string,
  action: 'delete' | 'compareAndDelete' | 'expire',
): Change {
  const before = viewOf(node, key);
  const vanished = tree.detach(node);
  const after = goneView(key, before.dir, index, before.createdIndex);
  return {
    kind: 'change',
    event: eventOf(action, after, before, index, false, false),
    detached: before.dir ? node : undefined,
    vanished,
  };
}

/** What is not as wanted, value first, or undefined when all compares hold. */
function differenceTo(
  node: TreeNode,
  wanted: { readonly prevValue: string | undefined; readonly prevIndex: number },
): string | undefined {
  const parts: string[] = [];
  if (wanted.prevValue !== undefined && wanted.prevValue !== node.value) {
    parts.push(`[${wanted.prevValue} != ${node.value ?? ''}]`);
  }
  if (wanted.prevIndex !== 0 && wanted.prevIndex !== node.modifiedIndex) {
    parts.push(`[${wanted.prevIndex} != ${node.modifiedIndex}]`);
  }
  return parts.length === 0 ? undefined : parts.join(' ');
}

function missing(tree: Tree, key: string): Refusal {
  const { code, cause } = tree.blockage(key);
  return refusal(code, cause);
}

function refusal(code: StoreErrorCode, cause: string): Refusal {
  return { kind: 'refusal', code, cause };
}

function change(
  action: Action,
  node: NodeView,
  prevNode: NodeView | undefined,
  index: number,
  refresh: boolean,
  created: boolean,
): Change {
  return {
    kind: 'change',
    event: eventOf(action, node, prevNode, index, refresh, created),
    detached: undefined,
    vanished: undefined,
  };
}

function eventOf(
  action: Action,
  node: NodeView,
  prevNode: NodeView | undefined,
  storeIndex: number,
  refresh: boolean,
  created: boolean,
): Event {
  return { action, node, prevNode, storeIndex, refresh, created };
}
