// Looking at the segments of a member on a disk in memory.
import { readRecord } from '../../src/disk/record.js';
import { segmentHeadBytes } from '../../src/disk/segment.js';
import type { MemoryDisk } from './memory-disk.js';
import { walFolder } from './members.js';

/** Names of the segments, oldest first. */
export async function segments(disk: MemoryDisk): Promise<string[]> {
  return (await disk.list(walFolder)).filter((name) => name.endsWith('.wal')).sort();
}

export async function lastIn(disk: MemoryDisk): Promise<string> {
  return (await segments(disk)).at(-1) ?? '';
}

export type Place = { readonly path: string; readonly offset: number; readonly end: number };

/** Where the records of a segment begin and end. */
export function recordsIn(disk: MemoryDisk, name: string): Place[] {
  const path = `${walFolder}/${name}`;
  const bytes = disk.bytes(path);
  const places: Place[] = [];
  let offset = segmentHeadBytes;
  for (;;) {
    const record = readRecord(bytes, offset);
    if (record === undefined) return places;
    places.push({ path, offset, end: offset + record.length });
    offset += record.length;
  }
}
