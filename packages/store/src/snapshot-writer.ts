// Writes a picture of the store in slices while commands go on. Copy on write by epochs: the tree
// announces each change, and a node that the picture still lacks is written right then, as it was.
//
//   - A node whose epoch is below the snapshot's belongs to the picture and is not written yet.
//     Writing it raises its epoch; nodes made meanwhile are born with the snapshot's epoch.
//   - A removed directory is handed over whole: its nodes never change again, so the walk may come
//     to them later.
//   - Walking a live Map is sound: entries that are removed were handed over before, entries that
//     are added have the new epoch and are passed over.
//
// Hence every node of the moment of beginning is written exactly once, in no particular order.
import { ByteWriter } from './bytes.js';
import { crc32 } from './crc32.js';
import type { HistoryRecord } from './event-history.js';
import type { TreeNode } from './node.js';
import { keyOf } from './node.js';
import { childKey, parentPath } from './path.js';
import type { HeadRecord } from './snapshot-format.js';
import {
  frameHeaderBytes,
  preamble,
  writeDirectory,
  writeEnd,
  writeEvent,
  writeHead,
  writeNode,
} from './snapshot-format.js';
import type { ChangeRecorder, Tree } from './tree.js';

/** A subtree to walk; `node` itself is looked at first. */
type Subtree = { readonly node: TreeNode; readonly key: string };
type OpenDirectory = { readonly key: string; readonly children: Iterator<TreeNode> };

/** Passing over a node that needs no writing counts as this many bytes of work. */
const bytesPerSkip = 8;

export class SnapshotWriter implements ChangeRecorder {
  readonly epoch: number;
  readonly #tree: Tree;
  readonly #to = new ByteWriter(frameHeaderBytes);
  readonly #events: readonly HistoryRecord[];
  readonly #subtrees: Subtree[];
  readonly #open: OpenDirectory[] = [];
  #eventsWritten = 0;
  #nodesWritten = 0;
  /** The directory that node records now refer to. */
  #directory = '';
  #started = false;
  #finished = false;

  /** Starts now: the tree reports to this writer until it has finished or was cancelled. */
  constructor(tree: Tree, head: HeadRecord, events: readonly HistoryRecord[]) {
    tree.epoch += 1;
    this.epoch = tree.epoch;
    this.#tree = tree;
    this.#events = events;
    this.#subtrees = [{ node: tree.root, key: '/' }];
    writeHead(this.#to, head);
    tree.recorder = this;
  }

  /** The next chunk, after about `maxBytes` of work; undefined when there is no more. */
  next(maxBytes: number): Uint8Array | undefined {
    if (this.#finished) return undefined;
    let skipped = 0;
    for (let more = true; more;) {
      const before = this.#to.length;
      const ended = this.#step();
      if (this.#to.length === before) skipped += 1;
      more = !ended && this.#to.length + skipped * bytesPerSkip < maxBytes;
    }
    return this.#takeFrame();
  }

  /** Gives up; the tree reports no longer. */
  cancel(): void {
    this.#finish();
    this.#subtrees.length = 0;
    this.#open.length = 0;
  }

  saveNode(node: TreeNode): void {
    this.#write(node, parentPath(keyOf(node)));
  }

  saveDetached(node: TreeNode, key: string): void {
    this.#subtrees.push({ node, key });
  }

  /** A small piece of work; true when it was the last one. */
  #step(): boolean {
    const record = this.#events[this.#eventsWritten];
    if (record !== undefined) {
      writeEvent(this.#to, record);
      this.#eventsWritten += 1;
      return false;
    }
    const directory = this.#open.at(-1);
    if (directory !== undefined) {
      const child = directory.children.next();
      if (child.done === true) this.#open.pop();
      else this.#visit(child.value, directory.key);
      return false;
    }
    const subtree = this.#subtrees.pop();
    if (subtree !== undefined) {
      this.#enter(subtree.node, subtree.key);
      if (subtree.node.epoch < this.epoch) this.#write(subtree.node, parentPath(subtree.key));
      return false;
    }
    writeEnd(this.#to, { nodes: this.#nodesWritten, events: this.#eventsWritten });
    this.#finish();
    return true;
  }

  #visit(node: TreeNode, parentKey: string): void {
    if (node.epoch < this.epoch) this.#write(node, parentKey);
    if (node.children !== undefined) this.#enter(node, childKey(parentKey, node.name));
  }

  #enter(node: TreeNode, key: string): void {
    if (node.children !== undefined) this.#open.push({ key, children: node.children.values() });
  }

  #write(node: TreeNode, parentKey: string): void {
    if (this.#directory !== parentKey) {
      writeDirectory(this.#to, parentKey);
      this.#directory = parentKey;
    }
    writeNode(this.#to, node.name, {
      value: node.value,
      createdIndex: node.createdIndex,
      modifiedIndex: node.modifiedIndex,
      expiration: node.ttl?.expiration,
    });
    node.epoch = this.epoch;
    this.#nodesWritten += 1;
  }

  #finish(): void {
    this.#finished = true;
    if (this.#tree.recorder === this) this.#tree.recorder = undefined;
  }

  /** The payload so far as one frame, the preamble before the first one. */
  #takeFrame(): Uint8Array {
    const frame = this.#to.take();
    const view = new DataView(frame.buffer);
    view.setUint32(0, frame.length - frameHeaderBytes, true);
    view.setUint32(4, crc32(frame, frameHeaderBytes, frame.length), true);
    if (this.#started) return frame;
    this.#started = true;
    const first = new Uint8Array(preamble.length + frame.length);
    first.set(preamble);
    first.set(frame, preamble.length);
    return first;
  }
}
