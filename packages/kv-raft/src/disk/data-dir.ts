// A data directory from the outside: what it holds, who uses it, how a member begins in it and how
// it starts again. The layout is etcd's: member/wal and member/snap, 0700.
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorMessage, systemErrorCode } from '@corral/kit';
import type { Clock, Logger } from '@corral/kit';
import type { Entry, HardState, SnapshotMeta } from '@corral/raft';
import type { Identity, RecoveredState } from '../storage.js';
import { lockDirectory, lockName } from './dir-lock.js';
import type { DiskFile, DiskFs } from './disk-fs.js';
import { realDiskFs } from './disk-fs.js';
import { DiskError } from './errors.js';
import { FileStorage } from './file-storage.js';
import { encodeBatch, encodeRecord, recordType } from './record.js';
import { replayLog } from './replay.js';
import type { Replay } from './replay.js';
import { encodeSegmentHead, parseSegmentName, segmentName } from './segment.js';
import { parseSnapshotName, readSnapshotFile } from './snapshots.js';
import { Wal } from './wal.js';

export type DataDirOptions = {
  readonly dataDir: string;
  /** Log files elsewhere (--wal-dir); default member/wal. */
  readonly walDir?: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pid: number;
  readonly segmentBytes?: number;
  /** Kept free for a full disk. */
  readonly reserveBytes?: number;
  readonly maxSnapshots?: number;
  readonly maxWals?: number;
  readonly fs?: DiskFs;
};

export type DataDirContent = 'empty' | 'member' | 'proxy' | 'both';

const defaultSegmentBytes = 8 * 1024 * 1024;
/**
 * The first segment is small: a new member serves before 8 MiB are written, and the next segment is
 * prepared meanwhile.
 */
const firstSegmentBytesMax = 256 * 1024;
const defaultReserveBytes = 4 * 1024 * 1024;

/** What a directory holds, by its folders; a missing directory is empty. */
export function inspectDataDir(dataDir: string): {
  readonly content: DataDirContent;
  /** Names that belong to neither a member nor a proxy. */
  readonly foreign: readonly string[];
} {
  let names: string[] = [];
  try {
    names = readdirSync(dataDir);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw access('access', dataDir, error);
  }
  const member = names.includes('member');
  const proxy = names.includes('proxy');
  const known = ['member', 'proxy', 'member.tmp', 'discovery.json'];
  const foreign = names.filter((name) => !known.includes(name) && !name.startsWith(lockName));
  const content = member && proxy ? 'both' : member ? 'member' : proxy ? 'proxy' : 'empty';
  return { content, foreign };
}

/** Makes the directory (0700) and takes its lock. Throws DiskError. */
export function lockDataDir(options: DataDirOptions): { release(): void } {
  const { dataDir, logger, pid } = options;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw access('create', dataDir, error);
  }
  const { mode } = statSync(dataDir);
  if ((mode & 0o077) !== 0) {
    const found = (mode & 0o777).toString(8);
    logger.warn('the data directory is open to others; 0700 is advised', { dataDir, mode: found });
  }
  try {
    return lockDirectory(dataDir, pid);
  } catch (error) {
    if (error instanceof DiskError) throw error;
    throw access('write to', dataDir, error);
  }
}

/**
 * Begins a new member: its log holds `bootstrap`. Built under another name and renamed, so that
 * member/ is there only when it is whole. Throws DiskError.
 */
export async function createMember(options: DataDirOptions, member: NewMember): Promise<void> {
  try {
    await buildMember(options, member);
  } catch (error) {
    if (error instanceof DiskError) throw error;
    throw access('begin a member in', options.dataDir, error);
  }
}

export type NewMember = {
  readonly identity: Identity;
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
};

async function buildMember(options: DataDirOptions, member: NewMember): Promise<void> {
  const { dataDir, fs = realDiskFs, segmentBytes = defaultSegmentBytes } = options;
  const building = join(dataDir, 'member.tmp');
  await fs.remove(building);
  await fs.makeDirectory(join(building, 'snap'));
  const walFolder = options.walDir ?? join(building, 'wal');
  await fs.makeDirectory(walFolder);
  if (options.walDir !== undefined) await refuseOtherLog(fs, options.walDir, member);
  const { identity, hardState, entries } = member;
  const head = { identity, number: 0, firstIndex: 1, previousCrc: 0, firstSequence: 0 };
  const runs = entries.length === 0 ? [] : [entries];
  const batch = encodeBatch({ hardState, installed: undefined, runs });
  const { bytes } = encodeRecord(recordType.batch, 0, 0, batch);
  const temporary = join(walFolder, 'first.tmp');
  await fs.remove(temporary);
  const file = await fs.open(temporary, 'create');
  const begin = Buffer.concat([encodeSegmentHead(head), bytes]);
  const firstBytes = Math.max(begin.length, Math.min(segmentBytes, firstSegmentBytesMax));
  await file.writeAt(Buffer.concat([begin, Buffer.alloc(firstBytes - begin.length)]), 0);
  await file.sync();
  await file.close();
  await fs.rename(temporary, join(walFolder, segmentName(0, 1)));
  await fs.syncDirectory(walFolder);
  await fs.syncDirectory(building);
  await fs.rename(building, join(dataDir, 'member'));
  await fs.syncDirectory(dataDir);
  await fs.syncDirectory(dirname(dataDir));
}

/**
 * A log folder of its own (--wal-dir) may hold what an interrupted beginning of this very member
 * left, which is removed; a log that has lived is somebody's and stays.
 */
async function refuseOtherLog(fs: DiskFs, folder: string, member: NewMember): Promise<void> {
  const segments = (await fs.list(folder)).filter((name) => parseSegmentName(name) !== undefined);
  if (segments.length === 0) return;
  const { identity, entries, tail, torn } = await replayLog(fs, folder);
  const own =
    identity.clusterId === member.identity.clusterId &&
    identity.memberId === member.identity.memberId;
  const untouched = tail.sequence === 1 && torn === undefined;
  if (!own || !untouched || entries.length !== member.entries.length) {
    throw new DiskError(
      'E_WAL_FOREIGN',
      `the log folder ${folder} holds the log of member ${identity.memberId} of cluster ` +
        `${identity.clusterId}, but the data directory holds no member. Give back the data ` +
        'directory that belongs to this log, or name an empty log folder',
      { details: { folder } },
    );
  }
  for (const name of segments) await fs.remove(join(folder, name));
}

/** Opens a member's directory: everything that was acknowledged, or a DiskError that says why not. */
export async function openMember(
  options: DataDirOptions,
  release: () => void,
): Promise<{ readonly recovered: RecoveredState; readonly storage: FileStorage }> {
  try {
    return await openFiles(options, release);
  } catch (error) {
    if (error instanceof DiskError) throw error;
    throw access('read', options.dataDir, error);
  }
}

async function openFiles(
  options: DataDirOptions,
  release: () => void,
): Promise<{ readonly recovered: RecoveredState; readonly storage: FileStorage }> {
  const { dataDir, clock, logger, fs = realDiskFs } = options;
  const segmentBytes = options.segmentBytes ?? defaultSegmentBytes;
  const reserveBytes = options.reserveBytes ?? defaultReserveBytes;
  const memberFolder = join(dataDir, 'member');
  const folder = options.walDir ?? join(memberFolder, 'wal');
  const snapFolder = join(memberFolder, 'snap');
  const replay = await replayLog(fs, folder);
  const { identity, tail, torn, hardState, markers, segments } = replay;
  if (torn !== undefined) await clearTornTail(fs, torn, logger);
  await removeUnfinished(fs, snapFolder);
  const snapshot = await newestSnapshot(fs, snapFolder, replay, logger);
  const base = snapshot?.meta.index ?? 0;
  if (snapshot === undefined && replay.baseIndex > 0)
    throw snapshotMissing(folder, snapFolder, replay);
  const file = await openLastSegment(fs, folder, replay);
  let storage: FileStorage | undefined = undefined;
  const reserve = join(memberFolder, 'reserve');
  const wal = new Wal({
    fs,
    folder,
    identity,
    clock,
    segmentBytes,
    file,
    segments,
    tail,
    lastIndex: Math.max(base, replay.baseIndex + replay.entries.length),
    hardState,
    markers,
    reserveBytes,
    onSpace: (state) => storage?.reportSpace(state),
    onFailure: (failure) => storage?.reportFailure(failure),
    async releaseReserve() {
      if (!(await fs.exists(reserve))) return false;
      await fs.remove(reserve);
      return true;
    },
  });
  storage = new FileStorage({
    fs,
    wal,
    snapFolder,
    identity,
    clock,
    logger,
    maxSnapshots: options.maxSnapshots ?? 5,
    maxWals: options.maxWals ?? 5,
    markers,
    fillReserve: () => fillReserve(fs, memberFolder, reserveBytes),
    release,
  });
  storage.fillReserve();
  const { entries } = replay;
  const recovered: RecoveredState = {
    identity,
    hardState: { ...hardState, commit: Math.max(hardState.commit, base) },
    snapshot,
    entries: (entries.at(-1)?.index ?? 0) >= base ? entries : [],
  };
  return { recovered, storage };
}

/**
 * Makes the last record durable before anybody relies on it. A former life may have died between
 * its write and its sync, or of a failing sync, after which the system shows bytes that the disk
 * lacks and a second sync says yes at once: only writing them again makes that sync mean something.
 */
async function openLastSegment(fs: DiskFs, folder: string, replay: Replay): Promise<DiskFile> {
  const file = await fs.open(join(folder, replay.segments.at(-1)?.name ?? ''), 'existing');
  const { lastRecordOffset, offset } = replay.tail;
  await file.writeAt(
    await file.readAt(offset - lastRecordOffset, lastRecordOffset),
    lastRecordOffset,
  );
  await file.sync();
  await fs.syncDirectory(folder);
  return file;
}

/** What a crash left of snapshots that were being written or received. */
async function removeUnfinished(fs: DiskFs, folder: string): Promise<void> {
  for (const name of await fs.list(folder)) {
    if (name.endsWith('.tmp')) await fs.remove(join(folder, name));
  }
}

function snapshotMissing(folder: string, snapFolder: string, replay: Replay): DiskError {
  return new DiskError(
    'E_SNAPSHOT_MISSING',
    `the log in ${folder} starts at entry ${replay.baseIndex + 1} and no valid snapshot in ` +
      `${snapFolder} covers what came before. This member does not start: remove it from the ` +
      'cluster, delete its data directory, and add it again',
    { details: { folder, snapFolder, baseIndex: replay.baseIndex } },
  );
}

/** Keeps a copy of the torn bytes, then clears them: a crash in mid-write is no damage. */
async function clearTornTail(
  fs: DiskFs,
  torn: NonNullable<Replay['torn']>,
  logger: Logger,
): Promise<void> {
  const { path, offset, bytes } = torn;
  await fs.copy(path, `${path}.broken`);
  const file = await fs.open(path, 'existing');
  await file.writeAt(Buffer.alloc(bytes), offset);
  await file.sync();
  await file.close();
  logger.warn('cleared the torn tail of the log; it was never acknowledged', {
    path,
    offset,
    bytes,
    copy: `${path}.broken`,
  });
}

/** The newest snapshot that took effect, is whole, and is followed by a gapless log. */
async function newestSnapshot(
  fs: DiskFs,
  folder: string,
  replay: Replay,
  logger: Logger,
): Promise<RecoveredState['snapshot']> {
  const marked = new Set(replay.markers.map(({ index, term }) => `${term}-${index}`));
  const found = (await fs.list(folder))
    .map((name) => ({ name, parsed: parseSnapshotName(name) }))
    .filter(({ parsed }) => parsed !== undefined && marked.has(`${parsed.term}-${parsed.index}`))
    .sort((a, b) => (b.parsed?.index ?? 0) - (a.parsed?.index ?? 0));
  for (const { name, parsed } of found) {
    const path = join(folder, name);
    if ((parsed?.index ?? 0) < replay.baseIndex) continue;
    try {
      const snapshot = await readWhole(fs, path, replay.identity);
      if (snapshot !== undefined) return snapshot;
    } catch (error) {
      if (!(error instanceof DiskError) || error.code === 'E_WAL_FOREIGN') throw error;
      await fs.rename(path, `${path}.broken`);
      logger.error('a snapshot is damaged; trying the one before', {
        path,
        error: errorMessage(error),
      });
    }
  }
  return undefined;
}

async function readWhole(
  fs: DiskFs,
  path: string,
  identity: Identity,
): Promise<RecoveredState['snapshot']> {
  let meta: SnapshotMeta | undefined;
  const chunks: Buffer[] = [];
  for await (const part of readSnapshotFile(fs, path, identity)) {
    if ('meta' in part) meta = part.meta;
    else chunks.push(part.chunk);
  }
  return meta === undefined ? undefined : { meta, chunks };
}

/** The reserve is made again where it was given up; without space for it the member goes on. */
async function fillReserve(fs: DiskFs, memberFolder: string, bytes: number): Promise<void> {
  if (bytes === 0 || (await fs.exists(join(memberFolder, 'reserve')))) return;
  await writeReserve(fs, memberFolder, bytes).catch(() => undefined);
}

async function writeReserve(fs: DiskFs, folder: string, bytes: number): Promise<void> {
  if (bytes === 0) return;
  const temporary = join(folder, 'reserve.tmp');
  await fs.remove(temporary);
  try {
    const file = await fs.open(temporary, 'create');
    try {
      await file.writeAt(Buffer.alloc(bytes), 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(temporary, join(folder, 'reserve'));
  } catch (error) {
    await fs.remove(temporary).catch(() => undefined);
    throw error;
  }
}

function access(what: string, path: string, error: unknown): DiskError {
  return new DiskError(
    'E_DATA_DIR_ACCESS',
    `cannot ${what} data directory ${path}: ${errorMessage(error)}`,
    { cause: error, details: { path } },
  );
}
