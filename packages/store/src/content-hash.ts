// A 128-bit hash of what a store holds, to find out whether members have diverged. It detects
// accidents, not attacks: whoever chooses keys and values can make collisions.
//
// Each node is hashed with its key and fields; the hashes are added up lane by lane. Addition does
// not care for order, so the order in which a directory came to its children does not matter and
// nothing has to be sorted.
import type { TreeNode } from './node.js';

/** 32 hex digits over the store index and all nodes. */
export function contentHash(root: TreeNode, index: number): string {
  const sum = new Uint32Array(4);
  const lanes = new Uint32Array(4);
  const scratch = new DataView(new ArrayBuffer(8));
  mixNumber(start(lanes), index, scratch);
  addTo(sum, finish(lanes));
  // The state after a directory's key is where its children's keys go on, so that deep trees do
  // not hash the same beginnings over and over.
  const open = [{ directory: root, state: start(new Uint32Array(4)) }];
  for (let frame = open.pop(); frame !== undefined; frame = open.pop()) {
    for (const node of frame.directory.children?.values() ?? []) {
      lanes.set(frame.state);
      mixString(lanes, node.name);
      if (node.children !== undefined) open.push({ directory: node, state: lanes.slice() });
      mixFields(lanes, node, scratch);
      addTo(sum, finish(lanes));
    }
  }
  return Array.from(sum, (lane) => lane.toString(16).padStart(8, '0')).join('');
}

/** The flags keep an empty file and a directory, and "no TTL" and "TTL 0", apart. */
function mixFields(lanes: Uint32Array, node: TreeNode, scratch: DataView): void {
  mixWord(lanes, (node.value === undefined ? 1 : 2) + (node.ttl === undefined ? 4 : 8));
  mixString(lanes, node.value ?? '');
  mixNumber(lanes, node.createdIndex, scratch);
  mixNumber(lanes, node.modifiedIndex, scratch);
  mixNumber(lanes, node.ttl?.expiration ?? 0, scratch);
}

function start(lanes: Uint32Array): Uint32Array {
  lanes[0] = 0x6a09e667;
  lanes[1] = 0xbb67ae85;
  lanes[2] = 0x3c6ef372;
  lanes[3] = 0xa54ff53a;
  return lanes;
}

/** Each lane takes up the word and leans on its neighbour, so the four are not one hash thrice. */
function mixWord(lanes: Uint32Array, word: number): void {
  const [a = 0, b = 0, c = 0, d = 0] = [lanes[0], lanes[1], lanes[2], lanes[3]];
  const first = b ^ Math.imul(a ^ word, 0x239b961b);
  lanes[0] = first;
  lanes[1] = c ^ Math.imul(b ^ word, 0xab0e9789);
  lanes[2] = d ^ Math.imul(c ^ word, 0x38b34ae5);
  lanes[3] = first ^ Math.imul(d ^ word, 0xa1e38b93);
}

/** The length goes first, which parts neighbouring strings. Two UTF-16 units make a word. */
function mixString(lanes: Uint32Array, text: string): void {
  mixWord(lanes, text.length);
  let at = 0;
  for (; at + 1 < text.length; at += 2) {
    mixWord(lanes, text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16));
  }
  if (at < text.length) mixWord(lanes, text.charCodeAt(at));
}

function mixNumber(lanes: Uint32Array, value: number, scratch: DataView): void {
  scratch.setFloat64(0, value, true);
  mixWord(lanes, scratch.getUint32(0, true));
  mixWord(lanes, scratch.getUint32(4, true));
}

/** Spreads every bit over its lane (the finaliser of MurmurHash3) after a last round of mixing. */
function finish(lanes: Uint32Array): Uint32Array {
  for (let round = 0; round < 4; round += 1) mixWord(lanes, round);
  for (let lane = 0; lane < 4; lane += 1) {
    let bits = lanes[lane] ?? 0;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    lanes[lane] = bits ^ (bits >>> 16);
  }
  return lanes;
}

function addTo(sum: Uint32Array, lanes: Uint32Array): void {
  for (let lane = 0; lane < 4; lane += 1) sum[lane] = (sum[lane] ?? 0) + (lanes[lane] ?? 0);
}
