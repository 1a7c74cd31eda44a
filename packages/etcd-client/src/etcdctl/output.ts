// What etcdctl prints for an answer: simple, extended, json.
import type { EtcdNode, KeyResponse } from '../answers.js';

export type Form = 'simple' | 'extended' | 'json';

/** The whole text with its newline; empty for commands that say nothing. */
export function renderResponse(
  form: string,
  response: KeyResponse,
  simple: (response: KeyResponse) => string,
): { readonly stdout: string; readonly stderr: string } {
  switch (form) {
    case 'simple':
      return { stdout: simple(response), stderr: '' };
    case 'extended':
      return { stdout: renderExtended(response), stderr: '' };
    case 'json':
      return { stdout: `${renderJson(response)}\n`, stderr: '' };
    default:
      return { stdout: '', stderr: `Unsupported output format: ${form}\n` };
  }
}

/** The node's value (none after an expiry: an empty line); a removal shows what was there. */
export function renderSimple(response: KeyResponse): string {
  const { action, node, prevNode } = response;
  if (node.dir) return '';
  if (action === 'delete') return `PrevNode.Value: ${prevNode?.value ?? ''}\n`;
  return `${node.value ?? ''}\n`;
}

function renderExtended(response: KeyResponse): string {
  const { node, prevNode, etcdIndex } = response;
  const lines = [
    `Key: ${node.key}`,
    `Created-Index: ${node.createdIndex}`,
    `Modified-Index: ${node.modifiedIndex}`,
  ];
  if (prevNode !== undefined) lines.push(`PrevNode.Value: ${prevNode.value ?? ''}`);
  lines.push(`TTL: ${node.ttl ?? 0}`, `Index: ${etcdIndex}`);
  if (response.action !== 'delete') lines.push('', node.value ?? '');
  return `${lines.join('\n')}\n`;
}

function renderJson(response: KeyResponse): string {
  const node = renderNode(response.node);
  const prevNode = response.prevNode === undefined ? 'null' : renderNode(response.prevNode);
  return `{"action":${JSON.stringify(response.action)},"node":${node},"prevNode":${prevNode}}`;
}

function renderNode(node: EtcdNode): string {
  const nodes = node.nodes.length === 0 ? 'null' : `[${node.nodes.map(renderNode).join(',')}]`;
  const fields = [
    `"key":${JSON.stringify(node.key)}`,
    ...(node.dir ? ['"dir":true'] : []),
    `"value":${JSON.stringify(node.value ?? '')}`,
    `"nodes":${nodes}`,
    `"createdIndex":${node.createdIndex}`,
    `"modifiedIndex":${node.modifiedIndex}`,
    ...(node.expiration === undefined ? [] : [`"expiration":${JSON.stringify(node.expiration)}`]),
    ...(node.ttl === undefined ? [] : [`"ttl":${node.ttl}`]),
  ];
  return `{${fields.join(',')}}`;
}

/** Keys of a listing, one a line; directories with a slash when asked for. */
export function renderListing(node: EtcdNode, slash: boolean): string {
  if (!node.dir) return `${node.key}\n`;
  const lines: string[] = [];
  const visit = (children: readonly EtcdNode[]): void => {
    for (const child of children) {
      lines.push(child.dir && slash ? `${child.key}/` : child.key);
      visit(child.nodes);
    }
  };
  visit(node.nodes);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
