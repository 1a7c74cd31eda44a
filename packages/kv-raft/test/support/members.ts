// Members on a disk of the test's own: created, opened, closed, opened again.
import { silentLogger } from '@corral/kit';
import type { Logger } from '@corral/kit';
import { ManualClock } from '@corral/kit/testing';
import type { Entry, HardState } from '@corral/raft';
import { createMember, openMember } from '../../src/disk/data-dir.js';
import type { DataDirOptions } from '../../src/disk/data-dir.js';
import type { DiskFs } from '../../src/disk/disk-fs.js';
import type { FileStorage } from '../../src/disk/file-storage.js';
import type { RecoveredState } from '../../src/storage.js';
import { hard, identity } from './entries.js';

export const dataDir = '/data';
export const walFolder = `${dataDir}/member/wal`;
export const snapFolder = `${dataDir}/member/snap`;

export function options(fs: DiskFs, more: Partial<DataDirOptions> = {}): DataDirOptions {
  return {
    dataDir,
    clock: new ManualClock(),
    logger: silentLogger,
    pid: process.pid,
    segmentBytes: 4096,
    reserveBytes: 2048,
    fs,
    ...more,
  };
}

export async function create(
  fs: DiskFs,
  member: { readonly entries?: readonly Entry[]; readonly hardState?: HardState } = {},
  more: Partial<DataDirOptions> = {},
): Promise<void> {
  const { entries = [], hardState = hard(0) } = member;
  await createMember(options(fs, more), { identity, hardState, entries });
}

export async function open(
  fs: DiskFs,
  more: Partial<DataDirOptions> & { readonly logger?: Logger } = {},
): Promise<{ readonly recovered: RecoveredState; readonly storage: FileStorage }> {
  return openMember(options(fs, more), () => undefined);
}

/** Saves one batch and waits until it is durable. */
export async function save(
  storage: FileStorage,
  runs: readonly (readonly Entry[])[],
  hardState?: HardState,
): Promise<void> {
  await storage.save({ runs, hardState, installed: undefined, sync: true });
}

/** Writes and commits a snapshot with one chunk of `text`. */
export async function snapshot(
  storage: FileStorage,
  meta: { readonly index: number; readonly term: number },
  text: string,
): Promise<void> {
  const full = { ...meta, voters: ['a1'] };
  const writer = await storage.createSnapshot(full);
  await writer.write(Buffer.from(text));
  await writer.finish();
  await storage.commitSnapshot(full);
}

/** The text of a recovered snapshot. */
export function snapshotText(recovered: RecoveredState): string | undefined {
  const { snapshot: found } = recovered;
  if (found === undefined) return undefined;
  return [...found.chunks].map((chunk) => Buffer.from(chunk).toString()).join('');
}
