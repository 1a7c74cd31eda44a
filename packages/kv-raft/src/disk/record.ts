// Records of the log: bytes in, bytes out. The layout is in FORMAT.md. A record carries the
// checksum of the one before it, so none can be moved, dropped, or taken from another file; and it
// can be recognised on its own, which tells a torn tail from damage in the middle.
import { crc32 } from 'node:zlib';
import type { Entry, HardState, SnapshotMeta } from '@corral/raft';
import {
  decodeEntries,
  encodeEntries,
  readUint64,
  rememberBlock,
  writeUint64,
} from '../entry-codec.js';
import type { SaveBatch } from '../storage.js';

/** length u32 · type u8 · sequence u64 · previous checksum u32 */
export const recordHeadBytes = 17;
export const recordTailBytes = 4;
/** One batch: bounded by what the core may hold uncommitted, with room to spare. */
const recordBytesMax = 512 * 1024 * 1024;

export const recordType = { batch: 1, snapshotMarker: 2 } as const;

export type WalRecord = {
  readonly type: number;
  readonly sequence: number;
  readonly previousCrc: number;
  readonly payload: Buffer;
  readonly crc: number;
  /** Bytes that the record takes. */
  readonly length: number;
};

export type Marker = { readonly index: number; readonly term: number };

export type BatchContent = {
  readonly hardState: HardState | undefined;
  readonly installed: SnapshotMeta | undefined;
  readonly runs: readonly (readonly Entry[])[];
};

/** The bytes of a record around `parts`. */
export function encodeRecord(
  type: number,
  sequence: number,
  previousCrc: number,
  parts: readonly Uint8Array[],
): { readonly bytes: Buffer; readonly crc: number } {
  let payloadBytes = 0;
  for (const part of parts) payloadBytes += part.length;
  const bytes = Buffer.allocUnsafe(recordHeadBytes + payloadBytes + recordTailBytes);
  bytes.writeUInt32BE(payloadBytes, 0);
  bytes.writeUInt8(type, 4);
  writeUint64(bytes, sequence, 5);
  bytes.writeUInt32BE(previousCrc, 13);
  let offset = recordHeadBytes;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  const crc = crc32(bytes.subarray(0, offset));
  bytes.writeUInt32BE(crc, offset);
  return { bytes, crc };
}

/** The record at `offset`, if a whole and undamaged one stands there. */
export function readRecord(bytes: Buffer, offset: number): WalRecord | undefined {
  if (offset + recordHeadBytes + recordTailBytes > bytes.length) return undefined;
  const payloadBytes = bytes.readUInt32BE(offset);
  const type = bytes.readUInt8(offset + 4);
  if (payloadBytes > recordBytesMax || !isKnownType(type)) return undefined;
  const end = offset + recordHeadBytes + payloadBytes;
  if (end + recordTailBytes > bytes.length) return undefined;
  const crc = crc32(bytes.subarray(offset, end));
  if (crc !== bytes.readUInt32BE(end)) return undefined;
  return {
    type,
    sequence: readUint64(bytes, offset + 5),
    previousCrc: bytes.readUInt32BE(offset + 13),
    payload: bytes.subarray(offset + recordHeadBytes, end),
    crc,
    length: end + recordTailBytes - offset,
  };
}

/** The parts of a batch record. */
export function encodeBatch(batch: Omit<SaveBatch, 'sync'>): readonly Uint8Array[] {
  const runs = batch.runs.filter((run) => run.length > 0).map(encodeEntries);
  const head = Buffer.from(
    JSON.stringify({ hardState: batch.hardState, installed: batch.installed }),
  );
  const sizes = Buffer.allocUnsafe(8 + 4 * runs.length);
  sizes.writeUInt32BE(head.length, 0);
  sizes.writeUInt32BE(runs.length, 4);
  for (const [i, run] of runs.entries()) sizes.writeUInt32BE(run.length, 8 + 4 * i);
  return [sizes, head, ...runs];
}

export function decodeBatch(payload: Buffer): BatchContent {
  const headBytes = payload.readUInt32BE(0);
  const count = payload.readUInt32BE(4);
  let offset = 8 + 4 * count;
  const head = JSON.parse(payload.toString('utf8', offset, offset + headBytes)) as Partial<
    Pick<SaveBatch, 'hardState' | 'installed'>
  >;
  offset += headBytes;
  const runs: (readonly Entry[])[] = [];
  for (let i = 0; i < count; i += 1) {
    const length = payload.readUInt32BE(8 + 4 * i);
    const block = Buffer.from(payload.subarray(offset, offset + length));
    const entries = decodeEntries(block);
    rememberBlock(entries, block);
    runs.push(entries);
    offset += length;
  }
  const { hardState, installed } = head;
  return {
    hardState: hardState === undefined ? undefined : { ...hardState, vote: hardState.vote },
    installed,
    runs,
  };
}

export function encodeMarker(marker: Marker): readonly Uint8Array[] {
  const bytes = Buffer.allocUnsafe(16);
  writeUint64(bytes, marker.index, 0);
  writeUint64(bytes, marker.term, 8);
  return [bytes];
}

export function decodeMarker(payload: Buffer): Marker {
  return { index: readUint64(payload, 0), term: readUint64(payload, 8) };
}

function isKnownType(type: number): boolean {
  return type === recordType.batch || type === recordType.snapshotMarker;
}
