// YAML 1.1 as a small tree with positions: maps with "-" in keys turned into "_", lists, scalars as
// written and as decoded. Sizes and aliases are bounded, so that no input can blow up.
import { LineCounter, isAlias, isMap, isPair, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Node as YamlNode } from 'yaml';
import type { Finding } from './findings.js';

export type Position = { readonly line: number; readonly column: number };

export type MapNode = {
  readonly kind: 'map';
  readonly entries: readonly MapEntry[];
  readonly at: Position;
};
export type MapEntry = { readonly key: string; readonly keyAt: Position; readonly value: TreeNode };
export type ListNode = {
  readonly kind: 'list';
  readonly items: readonly TreeNode[];
  readonly at: Position;
};
export type ScalarNode = {
  readonly kind: 'scalar';
  /** As written, without quotes. */
  readonly text: string;
  readonly type: 'string' | 'bool' | 'int' | 'float';
  readonly value: string | boolean | number;
  readonly at: Position;
};
export type NullNode = { readonly kind: 'null'; readonly at: Position };
export type TreeNode = MapNode | ListNode | ScalarNode | NullNode;

const textBytesMax = 1024 * 1024;
const aliasesMax = 100;
const nodesMax = 100_000;

export type TreeResult =
  | { readonly ok: true; readonly root: TreeNode }
  | { readonly ok: false; readonly finding: Finding };

export function readTree(text: string): TreeResult {
  if (Buffer.byteLength(text) > textBytesMax) {
    return failed({ line: 1, column: 1 }, `larger than ${textBytesMax} bytes`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.1',
    lineCounter: lines,
    uniqueKeys: false,
    merge: true,
    keepSourceTokens: false,
    strict: true,
  });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    return failed({ line, column: col }, `yaml: ${error.message.split('\n')[0] ?? ''}`);
  }
  const reader = new TreeReader(document, lines);
  try {
    return { ok: true, root: reader.read(document.contents) };
  } catch (cause) {
    return failed({ line: 1, column: 1 }, cause instanceof Error ? cause.message : String(cause));
  }
}

class TreeReader {
  readonly #document: Document;
  readonly #lines: LineCounter;
  #aliases = 0;
  #nodes = 0;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  read(node: unknown): TreeNode {
    this.#nodes += 1;
    if (this.#nodes > nodesMax) throw new Error('too many nodes');
    const at = this.#position(node);
    if (isAlias(node)) {
      this.#aliases += 1;
      if (this.#aliases > aliasesMax) throw new Error(`more than ${aliasesMax} aliases`);
      return this.read(node.resolve(this.#document));
    }
    if (isMap(node)) return { kind: 'map', entries: this.#entries(node.items), at };
    if (isSeq(node)) return { kind: 'list', items: node.items.map((item) => this.read(item)), at };
    if (!isScalar(node) || node.value === null || node.value === undefined) {
      return { kind: 'null', at };
    }
    return scalar(node.value, node.source, node.type === 'PLAIN', at);
  }

  #entries(items: readonly unknown[]): MapEntry[] {
    const entries = new Map<string, MapEntry>();
    for (const item of items) {
      if (!isPair(item)) continue;
      const raw = isScalar(item.key) ? (item.key.source ?? String(item.key.value)) : '';
      const keyAt = this.#position(item.key);
      if (raw === '<<') {
        for (const merged of this.#merged(item.value)) {
          if (!entries.has(merged.key)) entries.set(merged.key, merged);
        }
        continue;
      }
      const key = raw.replaceAll('-', '_');
      entries.set(key, { key, keyAt, value: this.read(item.value) });
    }
    return [...entries.values()];
  }

  #merged(value: unknown): readonly MapEntry[] {
    const node = this.read(value);
    if (node.kind === 'map') return node.entries;
    if (node.kind !== 'list') return [];
    return node.items.flatMap((item) => (item.kind === 'map' ? item.entries : []));
  }

  #position(node: unknown): Position {
    const range = (node as YamlNode | null | undefined)?.range;
    if (range === undefined || range === null) return { line: 1, column: 1 };
    const { line, col } = this.#lines.linePos(range[0]);
    return { line, column: col };
  }
}

function scalar(
  value: unknown,
  source: string | undefined,
  plain: boolean,
  at: Position,
): ScalarNode {
  const text = source ?? String(value);
  if (typeof value === 'boolean' && plain) return { kind: 'scalar', text, type: 'bool', value, at };
  if (typeof value === 'number' && plain && !text.includes(':')) {
    const type = Number.isInteger(value) && !/[.eE]/.test(text) ? 'int' : 'float';
    return { kind: 'scalar', text, type, value, at };
  }
  if (typeof value === 'bigint') {
    return { kind: 'scalar', text, type: 'int', value: Number(value), at };
  }
  if (value instanceof Uint8Array) {
    // !!binary: bytes, kept one to one as Latin-1 so that gzip content survives.
    const bytes = Buffer.from(value).toString('latin1');
    return { kind: 'scalar', text: bytes, type: 'string', value: bytes, at };
  }
  const plainText = typeof value === 'string' ? value : text;
  return { kind: 'scalar', text: plainText, type: 'string', value: plainText, at };
}

function failed(at: Position, message: string): TreeResult {
  const finding = {
    severity: 'error',
    ...at,
    message,
    hint: undefined,
    unknownKey: false,
  } as const;
  return { ok: false, finding };
}
