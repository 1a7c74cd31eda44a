// Segments: names, heads, and the next one prepared in the background. A segment is written full of
// zeros before it is used, so that appending later overwrites blocks that exist already and a sync
// has no file system metadata to write.
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { errorMessage, systemErrorCode } from '@corral/kit';
import type { Identity } from '../storage.js';
import { readUint64, writeUint64 } from '../entry-codec.js';
import type { DiskFile, DiskFs } from './disk-fs.js';
import { DiskError } from './errors.js';

export const segmentHeadBytes = 56;
const segmentMagic = 0x43524c57;
const formatVersion = 1;
const zeroStepBytes = 1024 * 1024;

export type SegmentHead = {
  readonly identity: Identity;
  readonly number: number;
  /** The first entry index that the segment can hold. */
  readonly firstIndex: number;
  /** The checksum of the last record of the segment before. */
  readonly previousCrc: number;
  /** The sequence of the first record. */
  readonly firstSequence: number;
};

/** etcd's form of name: sequence number and first index, 16 hex digits each. */
export function segmentName(number: number, firstIndex: number): string {
  const hex = (value: number): string => value.toString(16).padStart(16, '0');
  return `${hex(number)}-${hex(firstIndex)}.wal`;
}

export function parseSegmentName(
  name: string,
): { readonly number: number; readonly firstIndex: number } | undefined {
  const match = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/.exec(name);
  if (match === null) return undefined;
  return { number: parseInt(match[1] ?? '', 16), firstIndex: parseInt(match[2] ?? '', 16) };
}

export function encodeSegmentHead(head: SegmentHead): Buffer {
  const bytes = Buffer.alloc(segmentHeadBytes);
  bytes.writeUInt16BE(segmentMagic >>> 16, 0);
  bytes.writeUInt16BE(segmentMagic & 0xffff, 2);
  bytes.writeUInt32BE(formatVersion, 4);
  bytes.writeBigUInt64BE(BigInt(`0x${head.identity.clusterId}`), 8);
  bytes.writeBigUInt64BE(BigInt(`0x${head.identity.memberId}`), 16);
  writeUint64(bytes, head.number, 24);
  writeUint64(bytes, head.firstIndex, 32);
  bytes.writeUInt32BE(head.previousCrc, 40);
  writeUint64(bytes, head.firstSequence, 44);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 52)), 52);
  return bytes;
}

/** Throws DiskError when the head is damaged or of another format. */
export function decodeSegmentHead(bytes: Buffer, path: string): SegmentHead {
  if (bytes.length < segmentHeadBytes || bytes.readUInt32BE(0) !== segmentMagic) {
    throw damaged(path, 'it does not begin like a segment');
  }
  const version = bytes.readUInt32BE(4);
  if (version !== formatVersion) {
    throw new DiskError(
      'E_WAL_VERSION',
      `${path} has format ${version}; this server reads format ${formatVersion}. Use the server ` +
        'that wrote it',
    );
  }
  if (crc32(bytes.subarray(0, 52)) !== bytes.readUInt32BE(52)) {
    throw damaged(path, 'the checksum of its head does not match');
  }
  return {
    identity: {
      clusterId: bytes.readBigUInt64BE(8).toString(16),
      memberId: bytes.readBigUInt64BE(16).toString(16),
    },
    number: readUint64(bytes, 24),
    firstIndex: readUint64(bytes, 32),
    previousCrc: bytes.readUInt32BE(40),
    firstSequence: readUint64(bytes, 44),
  };
}

function damaged(path: string, why: string): DiskError {
  return new DiskError(
    'E_WAL_DAMAGED',
    `${path} is damaged: ${why}. Entries that this member acknowledged may be lost, so it does ` +
      'not start. Remove this member from the cluster, delete its data directory, and add it again',
  );
}

/**
 * Prepares the segment after the current one; knows whether there is space for it. One preparation
 * runs at a time: a second one would remove the file that the first is about to hand out.
 */
export class SegmentPipeline {
  readonly #fs: DiskFs;
  readonly #folder: string;
  readonly #bytes: number;
  readonly #onSpace: (state: 'full' | 'ok') => void;
  readonly #onFailure: (error: unknown) => void;
  #ready: Promise<DiskFile | undefined> = Promise.resolve(undefined);
  #full = false;

  constructor(options: {
    readonly fs: DiskFs;
    readonly folder: string;
    readonly segmentBytes: number;
    readonly onSpace: (state: 'full' | 'ok') => void;
    /** The disk failed in a way that is final. */
    readonly onFailure: (error: unknown) => void;
  }) {
    this.#fs = options.fs;
    this.#folder = options.folder;
    this.#bytes = options.segmentBytes;
    this.#onSpace = options.onSpace;
    this.#onFailure = options.onFailure;
    this.begin();
  }

  static temporaryName = 'next.tmp';

  /**
   * The prepared file; tries again when there was no space before, in `bytesMax` bytes if that is
   * given. Undefined: there is none. Rejects when the disk failed.
   */
  async take(bytesMax = this.#bytes): Promise<DiskFile | undefined> {
    const file = (await this.#ready) ?? (await this.#attempt(Math.min(bytesMax, this.#bytes)));
    this.#ready = Promise.resolve(undefined);
    return file;
  }

  /** Begins the next preparation. */
  begin(): void {
    this.#attempt(this.#bytes).catch(this.#onFailure);
  }

  /** Looks whether there is space again. */
  async retry(): Promise<void> {
    if (!this.#full) return;
    this.begin();
    await this.#ready.catch(() => undefined);
  }

  async close(): Promise<void> {
    const file = await this.#ready;
    await file?.close();
  }

  #attempt(bytes: number): Promise<DiskFile | undefined> {
    this.#ready = this.#ready.then((file) => file ?? this.#prepare(bytes));
    return this.#ready;
  }

  async #prepare(bytes: number): Promise<DiskFile | undefined> {
    const path = join(this.#folder, SegmentPipeline.temporaryName);
    let file: DiskFile | undefined;
    try {
      await this.#fs.remove(path);
      file = await this.#fs.open(path, 'create');
      const zeros = Buffer.alloc(Math.min(zeroStepBytes, bytes));
      for (let offset = 0; offset < bytes; offset += zeros.length) {
        await file.writeAt(zeros.subarray(0, Math.min(zeros.length, bytes - offset)), offset);
      }
      await file.sync();
      this.#report(bytes === this.#bytes ? 'ok' : 'full');
      return file;
    } catch (error) {
      await file?.close().catch(() => undefined);
      await this.#fs.remove(path).catch(() => undefined);
      const code = systemErrorCode(error);
      if (code !== 'ENOSPC' && code !== 'EDQUOT') {
        throw new Error(`cannot prepare the segment ${path}: ${errorMessage(error)}`, {
          cause: error,
        });
      }
      this.#report('full');
      return undefined;
    }
  }

  #report(state: 'full' | 'ok'): void {
    const full = state === 'full';
    if (full === this.#full) return;
    this.#full = full;
    this.#onSpace(state);
  }
}
