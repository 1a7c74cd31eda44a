// The validator: rules in the original's order, findings sorted by line. Pure; no file, no network.
// (coreos-cloudinit 1.9.3, config/validate)
import { posix } from 'node:path';
import { decodeContent } from './content.js';
import type { Finding, Severity } from './findings.js';
import { ReferenceLines } from './reference-lines.js';
import type { PathPart } from './reference-lines.js';
import { isRequestUri } from './request-uri.js';
import { cloudConfigSchema, typeName } from './schema.js';
import type { Schema } from './schema.js';
import type { MapEntry, MapNode, Position, TreeNode } from './tree.js';

/** Hints cost time; a text with more unknown keys than this is no typing error. */
const hintsMax = 100;
const keyLengthMax = 64;

type Place = { readonly at: Position; readonly path: readonly PathPart[] };

/** All findings about a document; one that is no map counts as an empty config. */
export function validateTree(root: TreeNode, text: string): Finding[] {
  const validator = new Validator(new ReferenceLines(text));
  if (root.kind === 'map') validator.checkMap(root, cloudConfigSchema, []);
  validator.checkDiscovery(root);
  validator.checkFiles(root);
  validator.checkMisplaced(root);
  return validator.findings.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** The last entry of a map with this key in underscore form. */
export function entryOf(node: TreeNode | undefined, key: string): MapEntry | undefined {
  return node?.kind === 'map' ? node.entries.findLast((entry) => entry.key === key) : undefined;
}

class Validator {
  readonly findings: Finding[] = [];
  readonly #lines: ReferenceLines;

  constructor(lines: ReferenceLines) {
    this.#lines = lines;
  }

  checkMap(node: MapNode, schema: Schema, path: readonly PathPart[]): void {
    if (schema.kind !== 'map') return;
    for (const { key, written, keyAt, value } of node.entries) {
      const place = { at: keyAt, path: [...path, written] };
      const wanted = schema.keys.get(key);
      if (wanted === undefined) {
        this.#unknownKey(key, place, schema.keys);
        continue;
      }
      const deprecation = schema.deprecated.get(key);
      if (deprecation !== undefined) {
        this.#add('warning', place, `deprecated key "${key}" (${deprecation})`);
      }
      this.#checkValue(key, place, value, wanted);
    }
  }

  #unknownKey(key: string, place: Place, known: ReadonlyMap<string, Schema>): void {
    const near = this.findings.length > hintsMax ? undefined : nearest(key, [...known.keys()]);
    this.findings.push({
      ...this.#finding('warning', place, `unrecognized key "${key}"`),
      hint: near === undefined ? undefined : `did you mean ${near.replaceAll('_', '-')}?`,
      unknownKey: true,
    });
  }

  #checkValue(name: string, place: Place, node: TreeNode, schema: Schema): void {
    if (!fits(node, schema)) {
      this.#add('warning', place, `incorrect type for "${name}" (want ${typeName(schema)})`);
      return;
    }
    if (schema.kind === 'map' && node.kind === 'map') {
      this.checkMap(node, schema, place.path);
    } else if (schema.kind === 'list' && node.kind === 'list') {
      for (const [i, item] of node.items.entries()) {
        const at = { at: item.at, path: [...place.path, i] };
        this.#checkValue(`${name}[${i}]`, at, item, schema.of);
      }
    } else if (schema.kind === 'string' && node.kind === 'scalar') {
      const { pattern } = schema;
      if (pattern !== undefined && node.text !== '' && !pattern.test(node.text)) {
        this.#add('error', place, `invalid value ${node.text}`);
      }
    }
  }

  /** Of the etcd section only, as in the original. */
  checkDiscovery(root: TreeNode): void {
    const coreos = entryOf(root, 'coreos');
    const etcd = entryOf(coreos?.value, 'etcd');
    const discovery = entryOf(etcd?.value, 'discovery');
    if (discovery === undefined || discovery.value.kind === 'null') return;
    const { value } = discovery;
    if (value.kind === 'scalar' && value.type === 'string' && isRequestUri(value.text)) return;
    const path = [coreos?.written, etcd?.written, discovery.written];
    this.#add('warning', { at: discovery.keyAt, path }, 'discovery URL is not valid');
  }

  checkFiles(root: TreeNode): void {
    const files = entryOf(root, 'write_files');
    const items = files?.value.kind === 'list' ? files.value.items : [];
    for (const [i, item] of items.entries()) this.#checkFile(item, [files?.written, i]);
  }

  #checkFile(item: TreeNode, path: readonly PathPart[]): void {
    const target = entryOf(item, 'path');
    const encoding = entryOf(item, 'encoding');
    const content = entryOf(item, 'content');
    if (encoding?.value.kind === 'scalar') {
      const name = encoding.value.text;
      const bytes =
        content?.value.kind === 'scalar'
          ? (content.value.bytes ?? Buffer.from(content.value.text))
          : Buffer.from('<invalid Value>');
      if (!decodeContent(bytes, name).ok) {
        const place = { at: (content ?? encoding).keyAt, path: [...path, content?.written] };
        this.#add('error', place, `content cannot be decoded as ${JSON.stringify(name)}`);
      }
    }
    if (target?.value.kind !== 'scalar' || !target.value.text.startsWith('/')) return;
    // Go's path.Clean knows no "//" at the beginning.
    const clean = posix.normalize(target.value.text).replace(/^\/+/, '/');
    if (!posix.dirname(clean).startsWith('/usr')) return;
    const message = 'file cannot be written to a read-only filesystem';
    this.#add('error', { at: target.keyAt, path: [...path, target.written] }, message);
  }

  checkMisplaced(root: TreeNode): void {
    const coreos = entryOf(root, 'coreos');
    const misplaced = entryOf(coreos?.value, 'write_files');
    if (misplaced === undefined) return;
    const place = { at: misplaced.keyAt, path: [coreos?.written, misplaced.written] };
    this.#add('info', place, "write_files doesn't belong under coreos");
  }

  #add(severity: Severity, place: Place, message: string): void {
    this.findings.push(this.#finding(severity, place, message));
  }

  #finding(severity: Severity, { at, path }: Place, message: string): Finding {
    const referenceLine = this.#lines.lineOf(path);
    return { severity, ...at, referenceLine, message, hint: undefined, unknownKey: false };
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

/** The known key within two edits, if there is one. */
function nearest(key: string, known: readonly string[]): string | undefined {
  if (key.length > keyLengthMax) return undefined;
  let best: string | undefined;
  let bestDistance = 3;
  for (const candidate of known) {
    if (Math.abs(candidate.length - key.length) >= bestDistance) continue;
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
