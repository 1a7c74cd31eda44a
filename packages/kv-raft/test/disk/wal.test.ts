import { ManualClock, RecordingLog } from '@corral/kit/testing';
import { describe, expect, it } from 'vitest';
import { lastIn, segments } from '../support/segments.js';
import { entries, entry, hard, texts } from '../support/entries.js';
import { MachineStopped, MemoryDisk } from '../support/memory-disk.js';
import {
  create,
  open,
  save,
  snapFolder,
  snapshot,
  snapshotText,
  walFolder,
} from '../support/members.js';

describe('the log', () => {
  it('gives back what was saved, in order, with the newest hard state', async () => {
    const disk = new MemoryDisk();
    await create(disk, { entries: entries(1, 3, 1), hardState: hard(1, 3) });
    const { storage } = await open(disk);

    await save(storage, [entries(4, 6, 2)], hard(2, 3, 'b2'));
    await save(storage, [], hard(2, 5, 'b2'));
    await storage.close();

    const { recovered } = await open(disk);
    expect(texts(recovered.entries)).toEqual(texts([...entries(1, 3, 1), ...entries(4, 6, 2)]));
    expect(recovered.hardState).toEqual(hard(2, 5, 'b2'));
    expect(recovered.identity).toEqual({ clusterId: 'c1', memberId: 'a1' });
  });

  it('lets a later run overwrite what an earlier one wrote', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const { storage } = await open(disk);

    await save(storage, [entries(1, 5, 1), entries(3, 4, 2)], hard(2));
    await storage.close();

    const { recovered } = await open(disk);
    expect(texts(recovered.entries)).toEqual(texts([...entries(1, 2, 1), ...entries(3, 4, 2)]));
  });

  it('shares one sync among everything that arrives while a sync is on its way', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const { storage } = await open(disk);
    const before = storage.stats.fsyncs;

    await Promise.all(
      Array.from({ length: 20 }, (_, i) => save(storage, [[entry(i + 1, 1)]], hard(1))),
    );

    expect(storage.stats.fsyncs - before).toBe(2);
    expect(storage.stats.lastSavedIndex).toBe(20);
    await storage.close();
  });

  it('says that a batch is saved only after its sync', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const { storage } = await open(disk);
    disk.operations.length = 0;

    await save(storage, [[entry(1, 1)]], hard(1));

    const own = disk.operations.filter(({ path }) => path.endsWith('.wal'));
    expect(own.map(({ kind }) => kind)).toEqual(['write', 'sync']);
    await storage.close();
  });

  it('goes on in a new segment, and reads through all of them', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const { storage } = await open(disk);

    for (let i = 1; i <= 40; i += 1) await save(storage, [[entry(i, 1, 'x'.repeat(500))]], hard(1));
    await storage.close();

    const { recovered } = await open(disk);
    expect((await segments(disk)).length).toBeGreaterThan(4);
    expect(recovered.entries.map(({ index }) => index)).toEqual(
      entries(1, 40, 1).map((e) => e.index),
    );
  });

  it('takes a batch that is larger than a segment', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const { storage } = await open(disk);

    await save(storage, [[entry(1, 1, 'small')]], hard(1));
    await save(storage, [[entry(2, 1, 'y'.repeat(10_000))]], hard(1));
    await save(storage, [[entry(3, 1, 'small again')]], hard(1));
    await storage.close();

    const { recovered } = await open(disk);
    expect(recovered.entries.map(({ data }) => data.length)).toEqual([5, 10_000, 11]);
  });

  it('repeats in a new segment which snapshots took effect, so that older segments may go', async () => {
    const disk = new MemoryDisk();
    const few = { maxWals: 1, maxSnapshots: 2 };
    await create(disk);
    const { storage } = await open(disk, few);
    await save(storage, [entries(1, 10, 3)], hard(3, 10, 'b2'));
    await snapshot(storage, { index: 9, term: 3 }, 'nine');
    await snapshot(storage, { index: 10, term: 3 }, 'ten');
    await save(storage, [[entry(11, 3, 'y'.repeat(3_500))]], hard(3, 10, 'b2'));

    await snapshot(storage, { index: 11, term: 3 }, 'eleven');
    await storage.close();

    expect(await segments(disk)).toEqual(['0000000000000001-000000000000000b.wal']);
    await disk.remove(`${snapFolder}/0000000000000003-000000000000000b.snap`);
    const { recovered } = await open(disk, few);
    expect(snapshotText(recovered)).toBe('ten');
    expect(recovered.hardState).toMatchObject({ term: 3, vote: 'b2' });
  });

  it('makes the last record durable again before it relies on it', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const { storage } = await open(disk);
    disk.intercept = ({ kind, path }) => {
      if (kind === 'sync' && path.endsWith('.wal')) throw new MachineStopped('stopped');
    };
    await expect(save(storage, [[entry(1, 1)]], hard(1))).rejects.toMatchObject({
      code: 'E_STORAGE_FAILED',
    });

    // The process died before its sync; the next one sees the bytes in the system's cache.
    disk.intercept = () => undefined;
    const second = await open(disk);
    const afterPowerLoss = await open(disk.crash({ kind: 'power' }));

    expect(texts(second.recovered.entries)).toEqual(['1.1 entry 1 of term 1']);
    expect(texts(afterPowerLoss.recovered.entries)).toEqual(['1.1 entry 1 of term 1']);
  });
});

describe('a disk that fails', () => {
  it('ends the log at the first failing sync, and tries nothing again', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const { storage } = await open(disk);
    let failing = 1;
    disk.intercept = ({ kind, path }) => {
      if (kind === 'sync' && path.endsWith('.wal') && failing-- > 0) {
        throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
      }
    };

    const first = save(storage, [[entry(1, 1)]], hard(1));
    const behindIt = save(storage, [[entry(2, 1)]], hard(1));

    await expect(first).rejects.toMatchObject({ code: 'E_STORAGE_FAILED' });
    await expect(behindIt).rejects.toMatchObject({ code: 'E_STORAGE_FAILED' });
    disk.operations.length = 0;
    await expect(save(storage, [[entry(3, 1)]], hard(1))).rejects.toThrow(
      `writing the log in ${walFolder} failed: EIO: i/o error, fdatasync. The server stops; ` +
        'start it again when the disk works',
    );
    expect(disk.operations.filter(({ kind }) => kind !== 'remove')).toEqual([]);
  });

  it('says so at once when the next segment cannot be prepared', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    disk.failWith('EIO', ({ kind, path }) => kind === 'sync' && path.endsWith('next.tmp'));
    const { storage } = await open(disk);

    const told = await new Promise<unknown>((resolve) => storage.onFailure(resolve));

    expect(told).toMatchObject({ code: 'E_STORAGE_FAILED' });
    await expect(save(storage, [[entry(1, 1)]], hard(1))).rejects.toThrow('cannot prepare');
  });

  it('reports a full disk, goes on in the present segment, and then in the reserve', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const reserve = '/data/member/reserve';
    disk.failWith('ENOSPC', ({ kind, path, bytes = 0 }) => {
      const isNext = kind === 'write' && path.endsWith('next.tmp');
      return isNext && (disk.has(reserve) || bytes > 2048);
    });
    const { storage } = await open(disk);
    const states: string[] = [];
    await new Promise<void>((resolve) => {
      storage.onSpace((state) => {
        states.push(state);
        resolve();
      });
    });

    for (let i = 1; (await segments(disk)).length < 2; i += 1) {
      await save(storage, [[entry(i, 1, 'x'.repeat(500))]], hard(1));
    }

    expect(states).toEqual(['full']);
    expect(disk.has(reserve)).toBe(false);
    expect(disk.bytes(`${walFolder}/${await lastIn(disk)}`).length).toBeLessThanOrEqual(2048);
  });

  it('ends with a clear message when even the reserve is used up', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    disk.failWith('ENOSPC', ({ kind, path }) => kind === 'write' && path.endsWith('next.tmp'));
    const { storage } = await open(disk);
    const saved: number[] = [];

    const filling = (async () => {
      for (let i = 1; i < 100; i += 1) {
        await save(storage, [[entry(i, 1, 'x'.repeat(500))]], hard(1));
        saved.push(i);
      }
    })();

    await expect(filling).rejects.toThrow(
      `writing the log in ${walFolder} failed: the disk is full, and no segment can be added`,
    );
    disk.intercept = () => undefined;
    const { recovered } = await open(disk.crash({ kind: 'power' }));
    expect(recovered.entries.map(({ index }) => index)).toEqual(saved);
  });

  it('takes up writing and makes a new reserve when there is space again', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const clock = new ManualClock();
    disk.failWith('ENOSPC', ({ kind, path }) => {
      return kind === 'write' && (path.endsWith('next.tmp') || path.endsWith('reserve.tmp'));
    });
    await disk.remove('/data/member/reserve');
    const { storage } = await open(disk, { clock, logger: new RecordingLog() });
    const states: string[] = [];
    storage.onSpace((state) => states.push(state));
    await clock.advance(1_500);

    disk.intercept = () => undefined;
    await clock.advance(1_000);
    await storage.close();

    expect(states).toEqual(['full', 'ok']);
    expect(disk.has('/data/member/reserve')).toBe(true);
  });
});
