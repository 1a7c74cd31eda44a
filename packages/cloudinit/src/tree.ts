// YAML 1.1 as a small tree with positions: maps with keys as written, lists, scalars as written and
// as decoded. Sizes, depth and aliases are bounded, so that no input can blow up.
import { LineCounter, isAlias, isMap, isPair, isScalar, isSeq, parseAllDocuments } from 'yaml';
import type { Document, Node as YamlNode, Scalar } from 'yaml';
import { YamlProblem, controlCharacter, goSyntax, libraryProblem } from './yaml-problems.js';
import { plainScalar } from './scalars.js';

export type Position = { readonly line: number; readonly column: number };

export type MapNode = {
  readonly kind: 'map';
  /** In order; a key may come twice. Keys of `<<` come first and only where no own key is. */
  readonly entries: readonly MapEntry[];
  readonly at: Position;
};
export type MapEntry = {
  /** With "_" for every "-". */
  readonly key: string;
  /** As written; undefined for what is no text, which no search finds. */
  readonly written: string | undefined;
  readonly keyAt: Position;
  readonly value: TreeNode;
};
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
  readonly value: string | boolean | number | bigint;
  /** What `!!binary` stands for. */
  readonly bytes?: Buffer;
  readonly at: Position;
};
export type NullNode = { readonly kind: 'null'; readonly at: Position };
export type TreeNode = MapNode | ListNode | ScalarNode | NullNode;

const textBytesMax = 1024 * 1024;
const aliasesMax = 100;
const nodesMax = 100_000;
const depthMax = 100;

export type TreeResult =
  | { readonly ok: true; readonly root: TreeNode }
  | { readonly ok: false; readonly problem: YamlProblem };

/** Reads the first document of `text`; never throws. */
export function readTree(text: string): TreeResult {
  const start = { line: 1, column: 1 };
  if (Buffer.byteLength(text) > textBytesMax) {
    return failed(new YamlProblem(`larger than ${textBytesMax} bytes`, start));
  }
  const control = controlCharacter(text);
  if (control !== undefined) return failed(control);
  const lines = new LineCounter();
  try {
    // Scalars are resolved here, not by the library: its YAML 1.1 knows dates and base 60.
    const [document] = parseAllDocuments(text, {
      version: '1.1',
      schema: 'failsafe',
      lineCounter: lines,
      uniqueKeys: false,
    });
    if (document === undefined) return { ok: true, root: { kind: 'null', at: start } };
    const problem = libraryProblem(document, text, lines);
    if (problem !== undefined) return failed(problem);
    const reader = new TreeReader(document, lines);
    return { ok: true, root: reader.read(document.contents, 0) };
  } catch (error) {
    if (error instanceof YamlProblem) return failed(error);
    // The library recurses: what is nested by the thousand ends in a RangeError.
    const why =
      error instanceof RangeError ? `nested deeper than ${depthMax} levels` : String(error);
    return failed(new YamlProblem(why, start));
  }
}

class TreeReader {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #open = new Set<unknown>();
  #aliases = 0;
  #nodes = 0;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  read(node: unknown, depth: number): TreeNode {
    this.#nodes += 1;
    const at = this.#position(node);
    if (this.#nodes > nodesMax) throw new YamlProblem(`more than ${nodesMax} nodes`, at);
    if (depth > depthMax) throw new YamlProblem(`nested deeper than ${depthMax} levels`, at);
    if (isAlias(node)) return this.#alias(node.source, node.resolve(this.#document), at, depth);
    if (isMap(node) || isSeq(node)) {
      this.#open.add(node);
      const tree: TreeNode = isMap(node)
        ? { kind: 'map', entries: this.#entries(node.items, depth), at }
        : { kind: 'list', items: node.items.map((item) => this.read(item, depth + 1)), at };
      this.#open.delete(node);
      return tree;
    }
    return isScalar(node) ? scalar(node, at) : { kind: 'null', at };
  }

  #alias(name: string, target: unknown, at: Position, depth: number): TreeNode {
    if (target === undefined) throw new YamlProblem(`Unknown anchor '${name}' referenced`, at);
    if (this.#open.has(target)) {
      throw new YamlProblem(`Anchor '${name}' value contains itself`, at);
    }
    this.#aliases += 1;
    if (this.#aliases > aliasesMax) throw new YamlProblem(`more than ${aliasesMax} aliases`, at);
    return this.read(target, depth);
  }

  #entries(items: readonly unknown[], depth: number): MapEntry[] {
    const own: MapEntry[] = [];
    const merged: MapEntry[] = [];
    for (const item of items) {
      if (!isPair(item)) continue;
      const keyAt = this.#position(item.key);
      const value = this.read(item.value, depth + 1);
      if (isScalar(item.key) && item.key.type === 'PLAIN' && item.key.source === '<<') {
        merged.push(...mergedEntries(value, keyAt));
        continue;
      }
      const key = this.read(item.key, depth + 1);
      if (key.kind === 'map' || key.kind === 'list') {
        throw new YamlProblem(`invalid map key: ${goSyntax(key)}`, keyAt);
      }
      own.push({ ...keyName(key), keyAt, value });
    }
    const known = new Set(own.map(({ key }) => key));
    const first = merged.filter(({ key }) => !known.has(key) && known.add(key));
    return [...first, ...own];
  }

  #position(node: unknown): Position {
    const range = (node as YamlNode | null | undefined)?.range;
    if (range === undefined || range === null) return { line: 1, column: 1 };
    const { line, col } = this.#lines.linePos(range[0]);
    return { line, column: col };
  }
}

function mergedEntries(value: TreeNode, at: Position): readonly MapEntry[] {
  const maps = value.kind === 'list' ? value.items : [value];
  return maps.flatMap((one) => {
    if (one.kind === 'map') return one.entries;
    throw new YamlProblem('map merge requires map or sequence of maps as the value', at);
  });
}

/** What is no text is named as Go's Printf does. */
function keyName(key: ScalarNode | NullNode): {
  readonly key: string;
  readonly written: string | undefined;
} {
  if (key.kind === 'null') return { key: '%!s(<nil>)', written: undefined };
  if (key.type === 'string') return { key: key.text.replaceAll('-', '_'), written: key.text };
  const type = key.type === 'float' ? 'float64' : key.type;
  return { key: `%!s(${type}=${String(key.value)})`, written: undefined };
}

function scalar(node: Scalar, at: Position): ScalarNode | NullNode {
  const text = node.source ?? (typeof node.value === 'string' ? node.value : '');
  const tag = /^tag:yaml\.org,2002:(.+)$/.exec(node.tag ?? '')?.[1];
  if (tag === 'binary') return binary(text, at);
  const plain = node.type === 'PLAIN' && (tag === undefined || tag !== 'str');
  const resolved = plain || (tag !== undefined && tag !== 'str') ? plainScalar(text) : undefined;
  if (tag !== undefined && tag !== 'str' && resolved !== undefined) {
    const fits = resolved.type === tag || (tag === 'float' && resolved.type === 'int');
    if (!fits) throw new YamlProblem(`cannot decode !!str \`${text}\` as a !!${tag}`, at);
  }
  if (resolved === undefined) return { kind: 'scalar', text, type: 'string', value: text, at };
  if (resolved.type === 'null') return { kind: 'null', at };
  return { kind: 'scalar', text, type: resolved.type, value: resolved.value, at };
}

function binary(text: string, at: Position): ScalarNode {
  const packed = text.replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(packed) || packed.length % 4 !== 0) {
    throw new YamlProblem('!!binary value contains invalid base64 data', at);
  }
  const bytes = Buffer.from(packed, 'base64');
  const decoded = bytes.toString('utf8');
  return { kind: 'scalar', text: decoded, type: 'string', value: decoded, bytes, at };
}

function failed(problem: YamlProblem): TreeResult {
  return { ok: false, problem };
}
