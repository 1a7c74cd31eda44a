// The validator: rules in the original's order, findings sorted by line. Pure; no file, no network.
import { posix } from 'node:path';
import { decodeContent } from './content.js';
import type { Finding, Severity } from './findings.js';
import { cloudConfigSchema, typeName } from './schema.js';
import type { Schema } from './schema.js';
import type { MapEntry, MapNode, Position, TreeNode } from './tree.js';

export function validateTree(root: TreeNode): Finding[] {
  const findings: Finding[] = [];
  // A scalar or a list as document counts as an empty config in the original.
  if (root.kind === 'map') checkMap(root, cloudConfigSchema, findings);
  else if (root.kind !== 'null') {
    findings.push(
      finding('warning', { line: 0, column: 0 }, 'incorrect type for "" (want struct)'),
    );
  }
  checkFiles(root, findings);
  return findings.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** The entry of a map, by key in underscore form. */
export function entryOf(node: TreeNode | undefined, key: string): MapEntry | undefined {
  return node?.kind === 'map' ? node.entries.find((entry) => entry.key === key) : undefined;
}

function checkMap(node: MapNode, schema: Schema, findings: Finding[]): void {
  if (schema.kind !== 'map') return;
  for (const { key, keyAt, value } of node.entries) {
    const wanted = schema.keys.get(key);
    if (wanted === undefined) {
      const near = nearest(key, [...schema.keys.keys()]);
      findings.push({
        ...finding('warning', keyAt, `unrecognized key "${key}"`),
        hint: near === undefined ? undefined : `did you mean ${near.replaceAll('_', '-')}?`,
        unknownKey: true,
      });
      continue;
    }
    const deprecation = schema.deprecated.get(key);
    if (deprecation !== undefined) {
      findings.push(finding('warning', keyAt, `deprecated key "${key}" (${deprecation})`));
    }
    checkValue(key, keyAt, value, wanted, findings);
  }
}

function checkValue(
  name: string,
  at: Position,
  node: TreeNode,
  schema: Schema,
  findings: Finding[],
): void {
  if (!fits(node, schema)) {
    findings.push(
      finding('warning', at, `incorrect type for "${name}" (want ${typeName(schema)})`),
    );
    return;
  }
  if (schema.kind === 'map' && node.kind === 'map') {
    checkMap(node, schema, findings);
  } else if (schema.kind === 'list' && node.kind === 'list') {
    for (const [i, item] of node.items.entries()) {
      checkValue(`${name}[${i}]`, item.at, item, schema.of, findings);
    }
  } else if (schema.kind === 'string' && node.kind === 'scalar') {
    const { pattern } = schema;
    if (pattern !== undefined && node.text !== '' && !pattern.test(node.text)) {
      findings.push(finding('error', at, `invalid value ${node.text}`));
    }
  }
}

function fits(node: TreeNode, schema: Schema): boolean {
  switch (schema.kind) {
    case 'map':
      return node.kind === 'map';
    case 'list':
      return node.kind === 'list';
    case 'string':
      return node.kind === 'scalar';
    case 'bool':
      return node.kind === 'scalar' && node.type === 'bool';
    case 'int':
      return node.kind === 'scalar' && node.type === 'int';
    case 'float':
      return node.kind === 'scalar' && (node.type === 'int' || node.type === 'float');
    default:
      return schema satisfies never;
  }
}

function checkFiles(root: TreeNode, findings: Finding[]): void {
  const files = entryOf(root, 'write_files')?.value;
  for (const item of files?.kind === 'list' ? files.items : []) {
    const path = entryOf(item, 'path');
    const encoding = entryOf(item, 'encoding');
    const content = entryOf(item, 'content');
    if (encoding?.value.kind === 'scalar') {
      const name = encoding.value.text;
      const text = content?.value.kind === 'scalar' ? content.value.text : '<invalid Value>';
      if (!decodeContent(text, name).ok) {
        const at = content?.keyAt ?? { line: 0, column: 0 };
        findings.push(finding('error', at, `content cannot be decoded as ${JSON.stringify(name)}`));
      }
    }
    if (path?.value.kind !== 'scalar' || !path.value.text.startsWith('/')) continue;
    if (posix.dirname(posix.normalize(path.value.text)).startsWith('/usr')) {
      const message = 'file cannot be written to a read-only filesystem';
      findings.push(finding('error', path.keyAt, message));
    }
  }
  const misplaced = entryOf(entryOf(root, 'coreos')?.value, 'write_files');
  if (misplaced !== undefined) {
    findings.push(finding('info', misplaced.keyAt, "write_files doesn't belong under coreos"));
  }
}

export function finding(severity: Severity, at: Position, message: string): Finding {
  return { severity, ...at, message, hint: undefined, unknownKey: false };
}

/** The known key within two edits, if there is one. */
function nearest(key: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = 3;
  for (const candidate of known) {
    const distance = editDistance(key, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
