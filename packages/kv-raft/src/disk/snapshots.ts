// Snapshot files: written chunk by chunk under a temporary name, valid only as a whole. The layout
// is in FORMAT.md.
import { basename, join } from 'node:path';
import { systemErrorCode } from '@corral/kit';
import type { SnapshotMeta } from '@corral/raft';
import { extendCrc } from '../checksum.js';
import type { Identity, SnapshotWriter } from '../storage.js';
import type { DiskFile, DiskFs } from './disk-fs.js';
import { DiskError, NoSpaceError } from './errors.js';

const magic = Buffer.from('CRLS0001', 'ascii');
const chunkHeadBytes = 9;
const chunkType = { meta: 1, data: 2, end: 3 } as const;
const chunkBytesMax = 64 * 1024 * 1024;

/** etcd's form of name: term and index. */
export function snapshotName(meta: { readonly term: number; readonly index: number }): string {
  const hex = (value: number): string => value.toString(16).padStart(16, '0');
  return `${hex(meta.term)}-${hex(meta.index)}.snap`;
}

export function parseSnapshotName(
  name: string,
): { readonly term: number; readonly index: number } | undefined {
  const match = /^([0-9a-f]{16})-([0-9a-f]{16})\.snap$/.exec(name);
  if (match === null) return undefined;
  return { term: parseInt(match[1] ?? '', 16), index: parseInt(match[2] ?? '', 16) };
}

export async function createSnapshotFile(options: {
  readonly fs: DiskFs;
  readonly folder: string;
  readonly identity: Identity;
  readonly meta: SnapshotMeta;
  /** Tells two writers of one snapshot apart. */
  readonly token: string;
}): Promise<SnapshotWriter> {
  const { fs, folder, identity, meta, token } = options;
  const name = snapshotName(meta);
  const temporary = join(folder, `${name}.${token}.tmp`);
  const file = await fs.open(temporary, 'create').catch(spaceError);
  const writer = new ChunkWriter(file);
  let open = true;
  const abandon = async (): Promise<void> => {
    if (open) await file.close().catch(() => undefined);
    open = false;
    await fs.remove(temporary);
  };
  try {
    await writer.start({ identity, meta });
  } catch (error) {
    await abandon().catch(() => undefined);
    spaceError(error);
  }
  return {
    write: (chunk) => writer.chunk(chunkType.data, chunk).catch(spaceError),
    async finish() {
      await writer.chunk(chunkType.end, Buffer.alloc(0)).catch(spaceError);
      await file.sync().catch(spaceError);
      await file.close();
      open = false;
      await fs.rename(temporary, join(folder, name)).catch(spaceError);
      await fs.syncDirectory(folder);
    },
    abandon,
  };
}

/** Reads and checks a whole snapshot; throws DiskError on damage. */
export async function* readSnapshotFile(
  fs: DiskFs,
  path: string,
  identity: Identity,
): AsyncGenerator<{ readonly meta: SnapshotMeta } | { readonly chunk: Buffer }, void, undefined> {
  const file = await fs.open(path, 'existing');
  try {
    const start = await file.readAt(magic.length, 0);
    if (!start.equals(magic)) throw damaged(path, 'it does not begin like a snapshot');
    let offset = magic.length;
    let crc = extendCrc(0, magic);
    for (;;) {
      const head = await file.readAt(chunkHeadBytes, offset);
      if (head.length < chunkHeadBytes) throw damaged(path, 'it ends too early');
      const length = head.readUInt32BE(0);
      const type = head.readUInt8(8);
      if (length > chunkBytesMax) throw damaged(path, `a chunk of ${length} bytes is not allowed`);
      const body = await file.readAt(length, offset + chunkHeadBytes);
      crc = extendCrc(extendCrc(crc, head.subarray(8)), body);
      if (body.length < length || crc !== head.readUInt32BE(4)) {
        throw damaged(path, `the checksum at offset ${offset} does not match`);
      }
      offset += chunkHeadBytes + length;
      if (type === chunkType.end) return;
      if (type === chunkType.meta) yield { meta: readMeta(path, body, identity) };
      else yield { chunk: body };
    }
  } finally {
    await file.close();
  }
}

class ChunkWriter {
  readonly #file: DiskFile;
  #offset = 0;
  #crc = 0;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  async start(content: {
    readonly identity: Identity;
    readonly meta: SnapshotMeta;
  }): Promise<void> {
    await this.#file.writeAt(magic, 0);
    this.#offset = magic.length;
    this.#crc = extendCrc(0, magic);
    await this.chunk(chunkType.meta, Buffer.from(JSON.stringify(content)));
  }

  async chunk(type: number, body: Uint8Array): Promise<void> {
    const bytes = Buffer.allocUnsafe(chunkHeadBytes + body.length);
    bytes.writeUInt32BE(body.length, 0);
    bytes.writeUInt8(type, 8);
    bytes.set(body, chunkHeadBytes);
    this.#crc = extendCrc(extendCrc(this.#crc, bytes.subarray(8, 9)), body);
    bytes.writeUInt32BE(this.#crc, 4);
    await this.#file.writeAt(bytes, this.#offset);
    this.#offset += bytes.length;
  }
}

function readMeta(path: string, body: Buffer, identity: Identity): SnapshotMeta {
  let content: { readonly identity: Identity; readonly meta: SnapshotMeta };
  try {
    content = JSON.parse(body.toString('utf8')) as typeof content;
  } catch {
    throw damaged(path, 'its description is not readable');
  }
  if (content.identity.clusterId !== identity.clusterId) {
    throw new DiskError(
      'E_WAL_FOREIGN',
      `${path} belongs to cluster ${content.identity.clusterId}, not to ${identity.clusterId}`,
    );
  }
  if (basename(path) !== snapshotName(content.meta)) {
    throw damaged(path, `it was written as ${snapshotName(content.meta)}`);
  }
  return content.meta;
}

function damaged(path: string, why: string): DiskError {
  return new DiskError('E_WAL_DAMAGED', `${path} is damaged: ${why}`, { details: { path } });
}

function spaceError(error: unknown): never {
  const code = systemErrorCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
  throw new NoSpaceError('E_NO_SPACE', 'no space left for a snapshot', { cause: error });
}
