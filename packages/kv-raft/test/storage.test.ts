import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { realDiskFs } from '../src/disk/disk-fs.js';
import { describeStorage } from './storage.contract.js';
import { identity } from './support/entries.js';
import { create, open } from './support/members.js';
import { MemoryDisk } from './support/memory-disk.js';
import { MemoryStorage } from './support/memory-storage.js';

describeStorage('memory', (first) => {
  const storage = new MemoryStorage(identity, first.entries, first.hardState);
  return Promise.resolve({
    storage,
    again: () => Promise.resolve({ storage, recovered: storage.recover() }),
  });
});

describeStorage('files on a disk in memory, after a power failure', async (first) => {
  const disk = new MemoryDisk();
  await create(disk, first);
  const { storage } = await open(disk);
  return { storage, again: () => open(disk.crash({ kind: 'power' })) };
});

describeStorage('files', async (first) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'corral-storage-'));
  await create(realDiskFs, first, { dataDir });
  const { storage } = await open(realDiskFs, { dataDir });
  onTestFinished(async () => {
    await storage.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return {
    storage,
    async again() {
      await storage.close();
      const next = await open(realDiskFs, { dataDir });
      onTestFinished(() => next.storage.close());
      return next;
    },
  };
});
