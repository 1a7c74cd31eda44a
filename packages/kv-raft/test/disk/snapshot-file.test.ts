import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { realDiskFs } from '../../src/disk/disk-fs.js';
import { createSnapshotFile, readSnapshotFile, snapshotName } from '../../src/disk/snapshots.js';

const identity = { clusterId: 'c1', memberId: 'a' };
const meta = { index: 7, term: 2, voters: ['a'] };

describe('a snapshot file on a real disk', () => {
  it('reads as it was written, with its empty last chunk', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'corral-snap-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const writer = await createSnapshotFile({
      fs: realDiskFs,
      folder,
      identity,
      meta,
      token: '1',
    });
    await writer.write(Buffer.from('first'));
    await writer.write(Buffer.from('second'));
    await writer.finish();

    const read: string[] = [];
    for await (const part of readSnapshotFile(
      realDiskFs,
      join(folder, snapshotName(meta)),
      identity,
    )) {
      read.push('chunk' in part ? part.chunk.toString() : `index ${part.meta.index}`);
    }

    expect(read).toEqual(['index 7', 'first', 'second']);
  });
});
