// The records of a snapshot, one function to write and one to read each. The layout is described
// in ../FORMAT.md; a change of it needs a new version number.
import type { ByteReader, ByteWriter } from './bytes.js';
import type { Action, Event, NodeView } from './event.js';
import type { HistoryRecord } from './event-history.js';
import type { Counters } from './store-stats.js';
import { counterNames, newCounters } from './store-stats.js';
import type { NodeContent } from './tree.js';

/** "CORRALST" and the version. */
export const preamble: readonly number[] = [0x43, 0x4f, 0x52, 0x52, 0x41, 0x4c, 0x53, 0x54, 1];
/** Length and CRC of the payload, four bytes each, little-endian. */
export const frameHeaderBytes = 8;

export const recordTag = { head: 1, event: 2, move: 3, node: 4, end: 5 } as const;

export type HeadRecord = { readonly index: number; readonly counters: Counters };
export type EndRecord = { readonly nodes: number; readonly events: number };
export type NodeRecord = { readonly name: string; readonly content: NodeContent };

export function writeHead(to: ByteWriter, head: HeadRecord): void {
  to.byte(recordTag.head);
  to.integer(head.index);
  to.integer(counterNames.length);
  for (const name of counterNames) to.integer(head.counters[name]);
}

/** Counters that this version does not know are passed over; missing ones are zero. */
export function readHead(from: ByteReader): HeadRecord {
  const index = from.integer();
  const counters = newCounters();
  const count = from.integer();
  for (let at = 0; at < count; at += 1) {
    const value = from.integer();
    const name = counterNames[at];
    if (name !== undefined) counters[name] = value;
  }
  return { index, counters };
}

/** Moves from the directory of the last node to that of the next one. */
export type DirectoryMove = {
  /** How many levels up, first. */
  readonly up: number;
  /** Then down through these. */
  readonly names: readonly string[];
};

export function writeMove(to: ByteWriter, move: DirectoryMove): void {
  to.byte(recordTag.move);
  to.integer(move.up);
  to.integer(move.names.length);
  for (const name of move.names) to.string(name);
}

export function readMove(from: ByteReader): DirectoryMove {
  const up = from.integer();
  const count = from.integer();
  const names: string[] = [];
  for (let at = 0; at < count; at += 1) names.push(from.string());
  return { up, names };
}

export function writeNode(to: ByteWriter, name: string, content: NodeContent): void {
  to.byte(recordTag.node);
  to.byte(flagsOf(content.value, content.expiration));
  to.string(name);
  writeContent(to, content);
}

export function readNode(from: ByteReader): NodeRecord {
  const flags = from.byte();
  const name = from.string();
  return { name, content: readContent(from, flags) };
}

export function writeEvent(to: ByteWriter, { event, vanished }: HistoryRecord): void {
  to.byte(recordTag.event);
  to.byte(actions.indexOf(event.action));
  to.byte(
    (event.refresh ? 1 : 0) |
      (event.created ? 2 : 0) |
      (event.prevNode === undefined ? 0 : 4) |
      (vanished === undefined ? 0 : 8),
  );
  to.integer(event.storeIndex);
  writeView(to, event.node);
  if (event.prevNode !== undefined) writeView(to, event.prevNode);
  if (vanished !== undefined) to.string(vanished);
}

/** Undefined when the action is none that this version knows. */
export function readEvent(from: ByteReader): HistoryRecord | undefined {
  const action = actions[from.byte()];
  if (action === undefined) return undefined;
  const flags = from.byte();
  const storeIndex = from.integer();
  const node = readView(from);
  const prevNode = (flags & 4) === 0 ? undefined : readView(from);
  const vanished = (flags & 8) === 0 ? undefined : from.string();
  const event: Event = {
    action,
    node,
    prevNode,
    storeIndex,
    refresh: (flags & 1) !== 0,
    created: (flags & 2) !== 0,
  };
  return { event, vanished };
}

export function writeEnd(to: ByteWriter, end: EndRecord): void {
  to.byte(recordTag.end);
  to.integer(end.nodes);
  to.integer(end.events);
}

export function readEnd(from: ByteReader): EndRecord {
  const nodes = from.integer();
  return { nodes, events: from.integer() };
}

/** A place in this list is what snapshots hold. Append only. */
const actions: readonly Action[] = [
  'get',
  'set',
  'create',
  'update',
  'compareAndSwap',
  'delete',
  'compareAndDelete',
  'expire',
];

const flag = { value: 1, expiration: 2, dir: 4 } as const;

function flagsOf(value: string | undefined, expiration: number | undefined): number {
  return (value === undefined ? 0 : flag.value) | (expiration === undefined ? 0 : flag.expiration);
}

function writeContent(to: ByteWriter, content: NodeContent): void {
  to.integer(content.createdIndex);
  to.integer(content.modifiedIndex);
  if (content.expiration !== undefined) to.float(content.expiration);
  if (content.value !== undefined) to.string(content.value);
}

function readContent(from: ByteReader, flags: number): NodeContent {
  const createdIndex = from.integer();
  const modifiedIndex = from.integer();
  const expiration = (flags & flag.expiration) === 0 ? undefined : from.float();
  const value = (flags & flag.value) === 0 ? undefined : from.string();
  return { value, createdIndex, modifiedIndex, expiration };
}

function writeView(to: ByteWriter, view: NodeView): void {
  to.byte(flagsOf(view.value, view.expiration) | (view.dir ? flag.dir : 0));
  to.string(view.key);
  writeContent(to, view);
}

function readView(from: ByteReader): NodeView {
  const flags = from.byte();
  const key = from.string();
  const content = readContent(from, flags);
  return {
    key,
    value: content.value,
    dir: (flags & flag.dir) !== 0,
    expiration: content.expiration,
    nodes: undefined,
    modifiedIndex: content.modifiedIndex,
    createdIndex: content.createdIndex,
  };
}
