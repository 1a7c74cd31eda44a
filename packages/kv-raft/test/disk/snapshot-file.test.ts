import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { realDiskFs } from '../../src/disk/disk-fs.js';
import {
  createSnapshotFile,
  parseSnapshotName,
  readSnapshotFile,
  snapshotName,
} from '../../src/disk/snapshots.js';
import { MemoryDisk } from '../support/memory-disk.js';

const identity = { clusterId: 'c1', memberId: 'a' };
const meta = { index: 7, term: 2, voters: ['a'] };

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'corral-snap-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function write(folder: string, chunks: readonly string[]): Promise<string> {
  const writer = await createSnapshotFile({ fs: realDiskFs, folder, identity, meta, token: '1' });
  for (const chunk of chunks) await writer.write(Buffer.from(chunk));
  await writer.finish();
  return join(folder, snapshotName(meta));
}

async function read(path: string, reader = identity): Promise<string[]> {
  const parts: string[] = [];
  for await (const part of readSnapshotFile(realDiskFs, path, reader)) {
    parts.push('chunk' in part ? part.chunk.toString() : `index ${part.meta.index}`);
  }
  return parts;
}

describe('a snapshot file on a real disk', () => {
  it('reads as it was written, with its empty last chunk', async () => {
    const path = await write(temporaryFolder(), ['first', 'second', '']);

    expect(await read(path)).toEqual(['index 7', 'first', 'second', '']);
  });

  it('is named by term and index, and appears only when it is whole', async () => {
    const folder = temporaryFolder();
    const writer = await createSnapshotFile({ fs: realDiskFs, folder, identity, meta, token: '4' });
    await writer.write(Buffer.from('half'));

    expect(readdirSync(folder)).toEqual(['0000000000000002-0000000000000007.snap.4.tmp']);

    await writer.finish();
    expect(readdirSync(folder)).toEqual(['0000000000000002-0000000000000007.snap']);
    expect(parseSnapshotName('0000000000000002-0000000000000007.snap')).toEqual({
      term: 2,
      index: 7,
    });
    expect(parseSnapshotName('0000000000000002-0000000000000007.snap.4.tmp')).toBeUndefined();
  });

  it('leaves nothing behind when it is abandoned', async () => {
    const folder = temporaryFolder();
    const writer = await createSnapshotFile({ fs: realDiskFs, folder, identity, meta, token: '1' });
    await writer.write(Buffer.from('half'));

    await writer.abandon();

    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused when any single byte of it changed, or it was cut anywhere', async () => {
    const path = await write(temporaryFolder(), ['first', 'second']);
    const whole = readFileSync(path);

    for (let at = 0; at < whole.length; at += 1) {
      const flipped = Buffer.from(whole);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 0x04, at);
      writeFileSync(path, flipped);
      await expect(read(path), `byte ${at}`).rejects.toMatchObject({ code: 'E_WAL_DAMAGED' });
      writeFileSync(path, whole.subarray(0, at));
      await expect(read(path), `cut at ${at}`).rejects.toMatchObject({ code: 'E_WAL_DAMAGED' });
    }
  });

  it('of another cluster is refused, and so is one under the name of another', async () => {
    const folder = temporaryFolder();
    const path = await write(folder, ['first']);
    const renamed = join(folder, snapshotName({ term: 2, index: 8 }));
    writeFileSync(renamed, readFileSync(path));

    await expect(read(path, { ...identity, clusterId: 'c2' })).rejects.toMatchObject({
      code: 'E_WAL_FOREIGN',
    });
    await expect(read(renamed)).rejects.toThrow(`it was written as ${snapshotName(meta)}`);
  });

  it.each(['write', 'sync', 'create', 'rename'] as const)(
    'says E_NO_SPACE when a %s finds the disk full, and leaves no file open or behind',
    async (kind) => {
      const disk = new MemoryDisk();
      await disk.makeDirectory('/snap');
      disk.failWith('ENOSPC', (operation) => operation.kind === kind);

      const writing = (async () => {
        const options = { fs: disk, folder: '/snap', identity, meta, token: '1' };
        const writer = await createSnapshotFile(options);
        try {
          await writer.finish();
        } catch (error) {
          await writer.abandon();
          throw error;
        }
      })();

      await expect(writing).rejects.toMatchObject({ code: 'E_NO_SPACE' });
      expect(await disk.list('/snap')).toEqual([]);
    },
  );
});
