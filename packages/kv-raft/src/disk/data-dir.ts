// A data directory from the outside: what it holds, who uses it, how a member begins in it and how
// it starts again. The layout is etcd's: member/wal and member/snap, 0700.
import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorMessage, systemErrorCode } from '@corral/kit';
import type { Clock, Logger } from '@corral/kit';
import type { Entry, HardState, SnapshotMeta } from '@corral/raft';
import type { Identity, RecoveredState } from '../storage.js';
import { lockDirectory, lockName } from './dir-lock.js';
import type { DiskFs } from './disk-fs.js';
import { realDiskFs } from './disk-fs.js';
import { DiskError } from './errors.js';
import { FileStorage } from './file-storage.js';
import { encodeBatch, encodeRecord, recordType } from './record.js';
import { replayLog } from './replay.js';
import type { Replay } from './replay.js';
import { encodeSegmentHead, segmentHeadBytes, segmentName } from './segment.js';
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
 * member/ is there only when it is whole.
 */
export async function createMember(
  options: DataDirOptions,
  member: {
    readonly identity: Identity;
    readonly hardState: HardState;
    readonly entries: readonly Entry[];
  },
): Promise<void> {
  const { dataDir, fs = realDiskFs, segmentBytes = defaultSegmentBytes } = options;
  const building = join(dataDir, 'member.tmp');
  await fs.remove(building);
  await fs.makeDirectory(join(building, 'snap'));
  const walFolder = options.walDir ?? join(building, 'wal');
  await fs.makeDirectory(walFolder);
  const { identity, hardState, entries } = member;
  const head = { identity, number: 0, firstIndex: 1, previousCrc: 0, firstSequence: 0 };
  const runs = entries.length === 0 ? [] : [entries];
  const batch = encodeBatch({ hardState, installed: undefined, runs });
  const { bytes } = encodeRecord(recordType.batch, 0, 0, batch);
  const path = join(walFolder, segmentName(0, 1));
  if (options.walDir !== undefined) await fs.remove(path);
  const file = await fs.open(path, 'create');
  await file.writeAt(Buffer.alloc(segmentBytes), 0);
  await file.writeAt(encodeSegmentHead(head), 0);
  await file.writeAt(bytes, segmentHeadBytes);
  await file.sync();
  await file.close();
  await writeReserve(fs, building, options.reserveBytes ?? defaultReserveBytes);
  await fs.syncDirectory(walFolder);
  await fs.syncDirectory(building);
  await fs.rename(building, join(dataDir, 'member'));
  await fs.syncDirectory(dataDir);
  await fs.syncDirectory(dirname(dataDir));
}

/** Opens a member's directory: everything that was acknowledged, or a DiskError that says why not. */
export async function openMember(
  options: DataDirOptions,
  release: () => void,
): Promise<{ readonly recovered: RecoveredState; readonly storage: FileStorage }> {
  const { dataDir, clock, logger, fs = realDiskFs } = options;
  const segmentBytes = options.segmentBytes ?? defaultSegmentBytes;
  const memberFolder = join(dataDir, 'member');
  const folder = options.walDir ?? join(memberFolder, 'wal');
  const snapFolder = join(memberFolder, 'snap');
  const replay = await replayLog(fs, folder);
  const { identity, tail, torn } = replay;
  if (torn !== undefined) await clearTornTail(fs, torn, logger);
  const snapshot = await newestSnapshot(fs, snapFolder, replay, logger);
  const base = snapshot?.meta.index ?? 0;
  if (snapshot === undefined && replay.baseIndex > 0) {
    throw new DiskError(
      'E_SNAPSHOT_MISSING',
      `the log in ${folder} starts at entry ${replay.baseIndex + 1} and no valid snapshot in ` +
        `${snapFolder} covers what came before. This member does not start: remove it from the ` +
        'cluster, delete its data directory, and add it again',
    );
  }
  const newest = replay.segments.at(-1);
  const file = await fs.open(join(folder, newest?.name ?? ''), 'existing');
  let storage: FileStorage | undefined = undefined;
  const reserve = join(memberFolder, 'reserve');
  const wal = new Wal({
    fs,
    folder,
    identity,
    clock,
    segmentBytes,
    file,
    segments: replay.segments,
    tail,
    lastIndex: Math.max(base, replay.baseIndex + replay.entries.length),
    onSpace: (state) => storage?.reportSpace(state),
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
    release,
  });
  const { entries, hardState } = replay;
  const recovered: RecoveredState = {
    identity,
    hardState: { ...hardState, commit: Math.max(hardState.commit, base) },
    snapshot,
    entries: entries.length > 0 && (entries.at(-1)?.index ?? 0) >= base ? entries : [],
  };
  return { recovered, storage };
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
      if (error instanceof DiskError && error.code === 'E_WAL_FOREIGN') throw error;
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

async function writeReserve(fs: DiskFs, folder: string, bytes: number): Promise<void> {
  if (bytes === 0) return;
  const file = await fs.open(join(folder, 'reserve'), 'create');
  await file.writeAt(Buffer.alloc(bytes), 0);
  await file.sync();
  await file.close();
}

function access(what: string, path: string, error: unknown): DiskError {
  return new DiskError(
    'E_DATA_DIR_ACCESS',
    `cannot ${what} data directory ${path}: ${errorMessage(error)}`,
    { cause: error, details: { path } },
  );
}

/** Sets the mode of a directory that this process made, whatever the umask. */
export function makePrivate(path: string): void {
  chmodSync(path, 0o700);
}
