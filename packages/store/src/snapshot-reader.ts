// Reads a snapshot into fresh structures and checks everything on the way: preamble, version,
// lengths, checksums, that the tree hangs together, that the history has no hole, the end mark and
// its counts. Any doubt throws StoreSnapshotError; nothing that exists is touched.
import { ByteReader } from './bytes.js';
import { crc32 } from './crc32.js';
import { StoreSnapshotError } from './errors.js';
import type { HistoryRecord } from './event-history.js';
import { EventHistory } from './event-history.js';
import type { TreeNode } from './node.js';
import type { DirectoryMove, HeadRecord } from './snapshot-format.js';
import {
  frameHeaderBytes,
  preamble,
  readEnd,
  readEvent,
  readHead,
  readMove,
  readNode,
  recordTag,
} from './snapshot-format.js';
import type { Counters } from './store-stats.js';
import { Tree } from './tree.js';

export type StoreContent = {
  readonly index: number;
  readonly counters: Counters;
  readonly tree: Tree;
  readonly history: EventHistory;
};

export type ContentOptions = {
  readonly namespaces: readonly string[];
  readonly historyMax: number;
  /** The epoch that the new tree starts with. */
  readonly epoch: number;
};

/** The content that a snapshot holds; the chunks may be cut anywhere. */
export function readSnapshot(chunks: Iterable<Uint8Array>, options: ContentOptions): StoreContent {
  const source = new ChunkSource(chunks);
  const start = source.take(preamble.length);
  if (start === undefined) return damaged('it ends within its first bytes');
  const magicBytes = preamble.length - 1;
  if (preamble.some((byte, at) => at < magicBytes && start[at] !== byte)) {
    return damaged('it does not start like a snapshot of the store');
  }
  if (start[magicBytes] !== preamble[magicBytes]) {
    return damaged(`version ${start[magicBytes] ?? 0} is not known here`);
  }
  const builder = new ContentBuilder(options);
  while (!builder.ended) {
    const header = source.take(frameHeaderBytes);
    if (header === undefined) return damaged('it has no end');
    const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
    const payload = source.take(view.getUint32(0, true));
    if (payload === undefined) return damaged('a frame is cut off');
    if (crc32(payload, 0, payload.length) !== view.getUint32(4, true)) {
      return damaged('the checksum of a frame does not match');
    }
    const reader = new ByteReader(payload, 0, payload.length, damaged);
    while (!reader.atEnd) builder.read(reader);
  }
  if (source.take(1) !== undefined) return damaged('there is more after its end');
  return builder.content();
}

/** Gives any number of bytes at a time from chunks of any size. */
class ChunkSource {
  readonly #chunks: Iterator<Uint8Array>;
  #current: Uint8Array = new Uint8Array(0);

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.iterator]();
  }

  /** Exactly `count` bytes, or undefined when there are fewer. */
  take(count: number): Uint8Array | undefined {
    const parts: Uint8Array[] = [];
    let missing = count;
    while (missing > this.#current.length) {
      missing -= this.#current.length;
      parts.push(this.#current);
      const next = this.#chunks.next();
      if (next.done === true) return undefined;
      this.#current = next.value;
    }
    const last = this.#current.subarray(0, missing);
    this.#current = this.#current.subarray(missing);
    if (parts.length === 0) return last;
    parts.push(last);
    const whole = new Uint8Array(count);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}

class ContentBuilder {
  readonly #tree: Tree;
  readonly #history: EventHistory;
  #head: HeadRecord | undefined;
  #directory: TreeNode;
  /** Directories that were made for their children and whose own record has yet to come. */
  readonly #awaited = new Set<TreeNode>();
  #nodes = 0;
  #events = 0;
  #ended = false;

  constructor(options: ContentOptions) {
    this.#tree = new Tree(options.namespaces, options.epoch);
    this.#history = new EventHistory(options.historyMax);
    this.#directory = this.#tree.root;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Takes in one record. */
  read(from: ByteReader): void {
    const tag = from.byte();
    if (this.#ended) return damaged('there is a record after its end');
    if ((tag === recordTag.head) !== (this.#head === undefined)) {
      return damaged('its head is not where it should be');
    }
    switch (tag) {
      case recordTag.head:
        this.#head = readHead(from);
        return;
      case recordTag.event:
        this.#addEvent(readEvent(from));
        return;
      case recordTag.move:
        this.#move(readMove(from));
        return;
      case recordTag.node:
        this.#addNode(from);
        return;
      case recordTag.end:
        this.#end(from);
        return;
      default:
        return damaged(`it holds a record of unknown kind ${tag}`);
    }
  }

  content(): StoreContent {
    if (this.#head === undefined) return damaged('it has no head');
    const { index, counters } = this.#head;
    return { index, counters, tree: this.#tree, history: this.#history };
  }

  #addEvent(record: HistoryRecord | undefined): void {
    if (record === undefined) return damaged('an event has an unknown action');
    const follows = record.event.storeIndex === this.#history.lastIndex + 1;
    if (!follows && !this.#history.isEmpty) return damaged('its history has a hole');
    this.#history.add(record);
    this.#events += 1;
  }

  #move({ up, names }: DirectoryMove): void {
    let at = this.#directory;
    for (let level = 0; level < up; level += 1) {
      if (at.parent === undefined) return damaged('it climbs above the root');
      at = at.parent;
    }
    for (const name of names) {
      at = at.children?.get(name) ?? this.#awaitDirectory(at, name);
      if (at.children === undefined) return damaged(`a file has children: ${name}`);
    }
    this.#directory = at;
  }

  #awaitDirectory(parent: TreeNode, name: string): TreeNode {
    checkName(name);
    const node = this.#tree.add(parent, name, undefined, 0);
    this.#awaited.add(node);
    return node;
  }

  #addNode(from: ByteReader): void {
    const { name, content } = readNode(from);
    checkName(name);
    this.#nodes += 1;
    const present = this.#directory.children?.get(name);
    if (present === undefined) {
      this.#tree.load(this.#directory, name, content);
      return;
    }
    if (!this.#awaited.delete(present)) return damaged(`a node is there twice: ${name}`);
    if (content.value !== undefined) return damaged(`a file has children: ${name}`);
    this.#tree.fill(present, content);
  }

  #end(from: ByteReader): void {
    const { nodes, events } = readEnd(from);
    if (nodes !== this.#nodes || events !== this.#events) return damaged('its counts are wrong');
    if (this.#awaited.size > 0) return damaged('directories are missing');
    if (this.#history.lastIndex !== this.#head?.index) {
      return damaged('its history does not end at its index');
    }
    this.#ended = true;
  }
}

function checkName(name: string): void {
  if (name === '' || name.includes('/')) damaged('a node has an impossible name');
}

function damaged(reason: string): never {
  throw new StoreSnapshotError(
    'E_SNAPSHOT_DAMAGED',
    `cannot restore the store from a snapshot: ${reason}; take another snapshot`,
    { reason },
  );
}
