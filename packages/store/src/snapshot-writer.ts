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
import { depthOf } from './node.js';
import type { DirectoryMove, HeadRecord } from './snapshot-format.js';
import {
  frameHeaderBytes,
  preamble,
  writeEnd,
  writeEvent,
  writeHead,
  writeMove,
  writeNode,
} from './snapshot-format.js';
import type { ChangeRecorder, Tree } from './tree.js';

/** Passing over a node that needs no writing counts as this many bytes of work. */
const bytesPerSkip = 8;

export class SnapshotWriter implements ChangeRecorder {
  readonly epoch: number;
  readonly #tree: Tree;
  readonly #to = new ByteWriter(frameHeaderBytes);
  readonly #events: readonly HistoryRecord[];
  /** Subtrees to walk; the top of each is looked at first. */
  readonly #subtrees: TreeNode[];
  /** The directories that the walk is in, as far as it has come. */
  readonly #open: Iterator<TreeNode>[] = [];
  #eventsWritten = 0;
  #nodesWritten = 0;
  /** The directory that node records now refer to. */
  #directory: TreeNode;
  #started = false;
  #finished = false;

  /** Starts now: the tree reports to this writer until it has finished or was cancelled. */
  constructor(tree: Tree, head: HeadRecord, events: readonly HistoryRecord[]) {
    tree.epoch += 1;
    this.epoch = tree.epoch;
    this.#tree = tree;
    this.#events = events;
    this.#subtrees = [tree.root];
    this.#directory = tree.root;
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
    this.#write(node);
  }

  saveDetached(node: TreeNode): void {
    this.#subtrees.push(node);
  }

  /** A small piece of work; true when it was the last one. */
  #step(): boolean {
    const record = this.#events[this.#eventsWritten];
    if (record !== undefined) {
      writeEvent(this.#to, record);
      this.#eventsWritten += 1;
      return false;
    }
    const children = this.#open.at(-1);
    if (children !== undefined) {
      const child = children.next();
      if (child.done === true) this.#open.pop();
      else this.#visit(child.value);
      return false;
    }
    const subtree = this.#subtrees.pop();
    if (subtree !== undefined) {
      this.#visit(subtree);
      return false;
    }
    writeEnd(this.#to, { nodes: this.#nodesWritten, events: this.#eventsWritten });
    this.#finish();
    return true;
  }

  #visit(node: TreeNode): void {
    if (node.epoch < this.epoch) this.#write(node);
    if (node.children !== undefined) this.#open.push(node.children.values());
  }

  #write(node: TreeNode): void {
    if (node.parent !== undefined && node.parent !== this.#directory) {
      writeMove(this.#to, moveBetween(this.#directory, node.parent));
      this.#directory = node.parent;
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

/** The way between two directories, of which detached ones still know their parents. */
function moveBetween(from: TreeNode, to: TreeNode): DirectoryMove {
  const names: string[] = [];
  let left: TreeNode | undefined = from;
  let right: TreeNode | undefined = to;
  let up = 0;
  // The usual moves, into a child and into a sibling, need no measuring of depths.
  if (to.parent === from || (to.parent === from.parent && from.parent !== undefined)) {
    return { up: to.parent === from ? 0 : 1, names: [to.name] };
  }
  let depths = depthOf(from) - depthOf(to);
  while (left !== right) {
    if (depths >= 0) {
      left = left?.parent;
      up += 1;
    }
    if (depths <= 0) {
      names.push(right?.name ?? '');
      right = right?.parent;
    }
    depths -= Math.sign(depths);
  }
  return { up, names: names.reverse() };
}
