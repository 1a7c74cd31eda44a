// What clients and watchers get to see of nodes: plain values, cut loose from the tree.
import type { NodeView } from './event.js';
import type { TreeNode } from './node.js';
import { childKey, compareNames, isHiddenName } from './path.js';

type MutableView = { -readonly [Field in keyof NodeView]: NodeView[Field] };

/** A node without its children. */
export function viewOf(node: TreeNode, key: string): NodeView {
  return {
    key,
    value: node.value,
    dir: node.children !== undefined,
    expiration: node.ttl === undefined ? undefined : node.ttl.expiration,
    nodes: undefined,
    modifiedIndex: node.modifiedIndex,
    createdIndex: node.createdIndex,
  };
}

/** The node of a delete or expire event: no value, no expiration. */
export function goneView(
  key: string,
  dir: boolean,
  modifiedIndex: number,
  createdIndex: number,
): NodeView {
  return {
    key,
    value: undefined,
    dir,
    expiration: undefined,
    nodes: undefined,
    modifiedIndex,
    createdIndex,
  };
}

/**
 * A node with its visible children, one level deep or the whole tree. Works without recursion,
 * because a key may have thousands of segments.
 */
export function listingOf(
  node: TreeNode,
  key: string,
  options: { readonly recursive: boolean; readonly sorted: boolean },
): NodeView {
  const top: MutableView = viewOf(node, key);
  if (node.children === undefined) return top;
  const open: { readonly node: TreeNode; readonly view: MutableView }[] = [{ node, view: top }];
  for (let frame = open.pop(); frame !== undefined; frame = open.pop()) {
    const nodes: NodeView[] = [];
    for (const child of visibleChildren(frame.node, options.sorted)) {
      const view: MutableView = viewOf(child, childKey(frame.view.key, child.name));
      nodes.push(view);
      if (options.recursive && child.children !== undefined) open.push({ node: child, view });
    }
    frame.view.nodes = nodes;
  }
  return top;
}

function visibleChildren(node: TreeNode, sorted: boolean): TreeNode[] {
  const visible: TreeNode[] = [];
  if (node.children === undefined) return visible;
  for (const child of node.children.values()) if (!isHiddenName(child.name)) visible.push(child);
  return sorted ? visible.sort((a, b) => compareNames(a.name, b.name)) : visible;
}
