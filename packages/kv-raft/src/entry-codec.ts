// The bytes of log entries. One block serves the write-ahead log and every peer: a batch is encoded
// once, and the same Buffer is written and sent. A follower writes the block it received unchanged.
//
//   block   u32 count · u64 first index · entry[count]          (all integers big endian)
//   entry   u8 kind · u64 term · u32 length · data[length]
//   kind    0 empty · 1 command · 2 membership (data = change)
//   change  u8 kind (0 add, 1 remove, 2 update) · u8 length · node id (ASCII) · context (the rest)
import type { Entry, MembershipChange, NodeId } from '@corral/raft';
import { CodedError } from '@corral/kit';

/** Bytes that are no block of entries. */
export class EntryCodecError extends CodedError<'E_ENTRY_BLOCK'> {}

const blockHeadBytes = 12;
const entryHeadBytes = 13;
const entryKinds = ['empty', 'command', 'membership'] as const;
const changeKinds = ['add', 'remove', 'update'] as const;
const noBytes = new Uint8Array(0);

type Cached = { readonly count: number; readonly last: Entry; readonly block: Buffer };
const cache = new WeakMap<Entry, Cached>();

/** The block of `entries` (contiguous, at least one). Memoised by the first entry's identity. */
export function encodeEntries(entries: readonly Entry[]): Buffer {
  const first = entries[0];
  const last = entries.at(-1);
  if (first === undefined || last === undefined) {
    throw new EntryCodecError('E_ENTRY_BLOCK', 'a block holds at least one entry');
  }
  const known = cache.get(first);
  if (known !== undefined && known.count === entries.length && known.last === last) {
    return known.block;
  }
  const block = encodeBlock(entries, first.index);
  cache.set(first, { count: entries.length, last, block });
  return block;
}

/** Remembers that `block` is the encoding of `entries` (bytes received from a peer). */
export function rememberBlock(entries: readonly Entry[], block: Buffer): void {
  const first = entries[0];
  const last = entries.at(-1);
  if (first === undefined || last === undefined) return;
  cache.set(first, { count: entries.length, last, block });
}

/** The entries of a block. Their data are views into `block`, which must not be reused. */
export function decodeEntries(block: Buffer): Entry[] {
  if (block.length < blockHeadBytes) throw malformed(block, 'shorter than its head');
  const count = block.readUInt32BE(0);
  const firstIndex = readUint64(block, 4);
  if (count > (block.length - blockHeadBytes) / entryHeadBytes) {
    throw malformed(block, `${count} entries cannot fit`);
  }
  const entries: Entry[] = [];
  let offset = blockHeadBytes;
  for (let i = 0; i < count; i += 1) {
    if (offset + entryHeadBytes > block.length) throw malformed(block, 'an entry is cut off');
    const kind = entryKinds[block.readUInt8(offset)];
    const term = readUint64(block, offset + 1);
    const length = block.readUInt32BE(offset + 9);
    offset += entryHeadBytes;
    if (kind === undefined) throw malformed(block, 'an entry has an unknown kind');
    if (offset + length > block.length) throw malformed(block, 'an entry is cut off');
    const data = block.subarray(offset, offset + length);
    offset += length;
    entries.push(makeEntry(firstIndex + i, term, kind, data));
  }
  if (offset !== block.length) throw malformed(block, 'bytes follow the last entry');
  return entries;
}

/** Reads an unsigned 64-bit integer that must be a safe integer. */
export function readUint64(bytes: Buffer, offset: number): number {
  const value = bytes.readUInt32BE(offset) * 4_294_967_296 + bytes.readUInt32BE(offset + 4);
  if (!Number.isSafeInteger(value)) {
    throw new EntryCodecError('E_ENTRY_BLOCK', `the number at byte ${offset} is above 2^53`);
  }
  return value;
}

/** Writes a safe integer as an unsigned 64-bit integer; gives the offset behind it. */
export function writeUint64(bytes: Buffer, value: number, offset: number): number {
  bytes.writeUInt32BE(Math.floor(value / 4_294_967_296), offset);
  return bytes.writeUInt32BE(value % 4_294_967_296, offset + 4);
}

function encodeBlock(entries: readonly Entry[], firstIndex: number): Buffer {
  const payloads = entries.map((entry) =>
    entry.change === undefined ? entry.data : encodeChange(entry.change),
  );
  const bodyBytes = payloads.reduce((sum, data) => sum + entryHeadBytes + data.length, 0);
  const block = Buffer.allocUnsafe(blockHeadBytes + bodyBytes);
  block.writeUInt32BE(entries.length, 0);
  let offset = writeUint64(block, firstIndex, 4);
  for (let i = 0; i < entries.length; i += 1) {
    const entry = entries[i];
    const data = payloads[i];
    if (entry === undefined || data === undefined) continue;
    block.writeUInt8(entryKinds.indexOf(entry.kind), offset);
    writeUint64(block, entry.term, offset + 1);
    offset = block.writeUInt32BE(data.length, offset + 9);
    block.set(data, offset);
    offset += data.length;
  }
  return block;
}

function makeEntry(index: number, term: number, kind: Entry['kind'], data: Buffer): Entry {
  if (kind !== 'membership') return { index, term, kind, data, change: undefined };
  return { index, term, kind, data: noBytes, change: decodeChange(data) };
}

function encodeChange(change: MembershipChange): Buffer {
  const id = Buffer.from(change.node, 'ascii');
  return Buffer.concat([
    Buffer.from([changeKinds.indexOf(change.kind), id.length]),
    id,
    change.context,
  ]);
}

function decodeChange(data: Buffer): MembershipChange {
  const kind = changeKinds[data[0] ?? -1];
  const idBytes = data[1] ?? 0;
  if (kind === undefined || data.length < 2 + idBytes) {
    throw new EntryCodecError('E_ENTRY_BLOCK', 'a membership change is malformed');
  }
  const node: NodeId = data.toString('ascii', 2, 2 + idBytes);
  return { kind, node, context: data.subarray(2 + idBytes) };
}

function malformed(block: Buffer, why: string): EntryCodecError {
  return new EntryCodecError('E_ENTRY_BLOCK', `not a block of log entries: ${why}`, {
    details: { bytes: block.length },
  });
}
