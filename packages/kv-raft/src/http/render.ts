// Events as the v2 API shows them: field order and spacing are etcd's, keys lose the store's own
// prefix. (etcd 2.3 documentation, api.md)
import type { Event, NodeView } from '@corral/store';
import { keysPrefix } from '../backend.js';
import { goString } from './json.js';

/** `{"action":…,"node":…,"prevNode":…}` and a newline. `now` is epoch milliseconds. */
export function renderEvent(event: Event, now: number): string {
  const node = renderNode(event.node, now);
  if (event.prevNode === undefined) return `{"action":"${event.action}","node":${node}}\n`;
  const prevNode = renderNode(event.prevNode, now);
  return `{"action":"${event.action}","node":${node},"prevNode":${prevNode}}\n`;
}

/** A store path as clients know it. */
export function trimKey(path: string): string {
  if (path === keysPrefix) return '/';
  return path.startsWith(`${keysPrefix}/`) ? path.slice(keysPrefix.length) : path;
}

function renderNode(node: NodeView, now: number): string {
  const fields: string[] = [];
  // The root has no key, no indexes, and never a value.
  const key = node.key === keysPrefix ? '' : trimKey(node.key);
  if (key !== '' && key !== '/') fields.push(`"key":${goString(key)}`);
  if (node.value !== undefined && !node.dir) fields.push(`"value":${goString(node.value)}`);
  if (node.dir) fields.push('"dir":true');
  if (node.expiration !== undefined) {
    fields.push(`"expiration":"${renderTime(node.expiration)}"`);
    const ttl = Math.ceil((node.expiration - now) / 1000);
    if (ttl !== 0) fields.push(`"ttl":${ttl}`);
  }
  if (node.nodes !== undefined && node.nodes.length > 0) {
    fields.push(`"nodes":[${node.nodes.map((child) => renderNode(child, now)).join(',')}]`);
  }
  if (node.key !== keysPrefix) {
    if (node.modifiedIndex !== 0) fields.push(`"modifiedIndex":${node.modifiedIndex}`);
    if (node.createdIndex !== 0) fields.push(`"createdIndex":${node.createdIndex}`);
  }
  return `{${fields.join(',')}}`;
}

/** RFC 3339 in UTC; the fraction without trailing zeros. */
export function renderTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.?0+Z$/, 'Z');
}
