// Reading the log back. The question at every bad record is: a tail that a crash tore (legal: it
// was never acknowledged), or damage (acknowledged entries may be gone)? One write is on its way at
// a time and the next begins only after its sync, so a well-formed record behind a bad one proves
// that the bad one had been acknowledged.
import { join } from 'node:path';
import { errorMessage } from '@corral/kit';
import type { Entry, HardState } from '@corral/raft';
import type { Identity } from '../storage.js';
import type { DiskFs } from './disk-fs.js';
import { DiskError } from './errors.js';
import { decodeBatch, decodeMarker, readRecord, recordHeadBytes, recordType } from './record.js';
import type { Marker, WalRecord } from './record.js';
import { decodeSegmentHead, parseSegmentName, segmentHeadBytes, segmentName } from './segment.js';

export type SegmentInfo = {
  readonly name: string;
  readonly number: number;
  readonly firstIndex: number;
};

export type Replay = {
  readonly identity: Identity;
  readonly hardState: HardState;
  /** Gapless; the base is the index before the first one. */
  readonly entries: readonly Entry[];
  readonly baseIndex: number;
  /** Snapshots that took effect, oldest first. */
  readonly markers: readonly Marker[];
  readonly segments: readonly SegmentInfo[];
  readonly tail: {
    readonly offset: number;
    readonly sequence: number;
    readonly crc: number;
    /** Where the last record begins. Its sync may not have been waited for by a former life. */
    readonly lastRecordOffset: number;
  };
  /** Bytes behind the tail that a crash left; they must be cleared before the log is used. */
  readonly torn:
    { readonly path: string; readonly offset: number; readonly bytes: number } | undefined;
};

type State = {
  hardState: HardState;
  entries: Entry[];
  baseIndex: number;
  markers: Marker[];
  sequence: number;
  crc: number;
};

/** Throws DiskError: nothing is changed on the disk here. */
export async function replayLog(fs: DiskFs, folder: string): Promise<Replay> {
  const segments = await listSegments(fs, folder);
  const state: State = {
    hardState: { term: 0, vote: undefined, commit: 0 },
    entries: [],
    baseIndex: (segments[0]?.firstIndex ?? 1) - 1,
    markers: [],
    sequence: 0,
    crc: 0,
  };
  let identity: Identity | undefined;
  let end = { offset: 0, lastRecordOffset: 0, torn: undefined as Replay['torn'] };
  for (const [i, segment] of segments.entries()) {
    const path = join(folder, segment.name);
    const bytes = await fs.readFile(path);
    const head = decodeSegmentHead(bytes, path);
    if (head.number !== segment.number || head.firstIndex !== segment.firstIndex) {
      throw damage(
        path,
        0,
        state,
        `it was written as ${segmentName(head.number, head.firstIndex)}`,
      );
    }
    identity ??= head.identity;
    const same =
      identity.clusterId === head.identity.clusterId &&
      identity.memberId === head.identity.memberId;
    if (!same) {
      throw new DiskError(
        'E_WAL_FOREIGN',
        `${path} belongs to member ${head.identity.memberId} of cluster ` +
          `${head.identity.clusterId}, the segments before it to member ${identity.memberId} of ` +
          `cluster ${identity.clusterId}. Put the right files back`,
      );
    }
    if (i === 0) {
      state.sequence = head.firstSequence;
      state.crc = head.previousCrc;
    } else if (head.previousCrc !== state.crc || head.firstSequence !== state.sequence) {
      throw damage(path, 0, state, 'it does not continue the segment before it');
    }
    end = readSegment(bytes, path, state, i === segments.length - 1);
  }
  if (identity === undefined) {
    throw new DiskError('E_WAL_DAMAGED', `${folder} holds no log segment`);
  }
  return {
    identity,
    hardState: state.hardState,
    entries: state.entries,
    baseIndex: state.baseIndex,
    markers: state.markers,
    segments,
    tail: {
      offset: end.offset,
      sequence: state.sequence,
      crc: state.crc,
      lastRecordOffset: end.lastRecordOffset,
    },
    torn: end.torn,
  };
}

async function listSegments(fs: DiskFs, folder: string): Promise<SegmentInfo[]> {
  const segments: SegmentInfo[] = [];
  for (const name of (await fs.list(folder)).sort()) {
    const parsed = parseSegmentName(name);
    if (parsed !== undefined) segments.push({ name, ...parsed });
  }
  for (const [i, segment] of segments.entries()) {
    const before = segments[i - 1];
    if (before === undefined || segment.number === before.number + 1) continue;
    throw new DiskError(
      'E_WAL_DAMAGED',
      `a segment is missing in ${folder} between ${before.name} and ${segment.name}. Entries that ` +
        'this member acknowledged may be lost, so it does not start. Put the file back, or remove ' +
        'this member from the cluster, delete its data directory, and add it again',
    );
  }
  return segments;
}

function readSegment(
  bytes: Buffer,
  path: string,
  state: State,
  isLast: boolean,
): { offset: number; lastRecordOffset: number; torn: Replay['torn'] } {
  let offset = segmentHeadBytes;
  let lastRecordOffset = 0;
  for (;;) {
    const record = readRecord(bytes, offset);
    const fits = record?.sequence === state.sequence && record.previousCrc === state.crc;
    if (record === undefined || !fits) break;
    try {
      applyRecord(record, state);
    } catch (error) {
      throw damage(path, offset, state, errorMessage(error), error);
    }
    state.sequence += 1;
    state.crc = record.crc;
    lastRecordOffset = offset;
    offset += record.length;
  }
  const rest = bytes.subarray(offset);
  const used = lastNonZero(rest);
  if (used === 0) return { offset, lastRecordOffset, torn: undefined };
  if (!isLast) throw damage(path, offset, state, 'the record there is damaged');
  if (readRecord(bytes, offset) !== undefined) {
    // Whole, but not what belongs here: no crash leaves that.
    throw damage(path, offset, state, 'the record there does not continue the one before it');
  }
  const later = findLaterRecord(rest, state.sequence);
  if (later !== undefined) {
    throw damage(
      path,
      offset,
      state,
      `the record there is damaged, and a good one follows at offset ${offset + later}`,
    );
  }
  return { offset, lastRecordOffset, torn: { path, offset, bytes: used } };
}

function applyRecord(record: WalRecord, state: State): void {
  if (record.type === recordType.snapshotMarker) {
    const marker = decodeMarker(record.payload);
    const last = state.baseIndex + state.entries.length;
    if (marker.index > last) {
      throw new Error(
        `a snapshot of entry ${marker.index} is newer than the log, which ends at ${last}`,
      );
    }
    state.markers.push(marker);
    return;
  }
  const batch = decodeBatch(record.payload);
  if (batch.installed !== undefined) {
    const { index, term } = batch.installed;
    state.markers.push({ index, term });
    state.entries = [];
    state.baseIndex = index;
  }
  for (const run of batch.runs) {
    const first = run[0];
    if (first === undefined) continue;
    const position = Math.max(0, first.index - state.baseIndex - 1);
    if (position > state.entries.length) {
      throw new Error(
        `entry ${first.index} does not follow ${state.baseIndex + state.entries.length}`,
      );
    }
    state.entries.length = position;
    // A conflict may reach below the first segment that is still there; a snapshot covers that.
    for (const entry of run) if (entry.index > state.baseIndex) state.entries.push(entry);
  }
  if (batch.hardState === undefined) return;
  if (batch.hardState.term < state.hardState.term) throw new Error('the term goes backwards');
  state.hardState = batch.hardState;
}

/** The offset of a whole record with a later sequence, which no torn write can have left. */
function findLaterRecord(bytes: Buffer, sequence: number): number | undefined {
  const last = bytes.length - recordHeadBytes;
  const sequenceMax = sequence + bytes.length / recordHeadBytes;
  for (let offset = 1; offset < last; offset += 1) {
    // Quick looks before the checksum: the type, and a sequence that can stand here.
    const type = bytes[offset + 4];
    if (type !== recordType.batch && type !== recordType.snapshotMarker) continue;
    const found = bytes.readUInt32BE(offset + 5) * 4_294_967_296 + bytes.readUInt32BE(offset + 9);
    if (found <= sequence || found > sequenceMax) continue;
    if (readRecord(bytes, offset) !== undefined) return offset;
  }
  return undefined;
}

/** The number of bytes up to and including the last one that is not zero. */
function lastNonZero(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}

function damage(
  path: string,
  offset: number,
  state: State,
  why: string,
  cause?: unknown,
): DiskError {
  const last = state.baseIndex + state.entries.length;
  return new DiskError(
    'E_WAL_DAMAGED',
    `${path} is damaged at offset ${offset}: ${why}. Entries up to ${last} are readable; later ones ` +
      'that this member acknowledged may be lost, so it does not start. Remove this member from ' +
      'the cluster, delete its data directory, and add it again',
    { cause, details: { path, offset, lastReadableIndex: last } },
  );
}
