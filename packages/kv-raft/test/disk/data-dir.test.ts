// A data directory on a real disk: the lock, what is refused, what is warned of, how a member begins.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordingLog } from '@corral/kit/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createMember, inspectDataDir, lockDataDir } from '../../src/disk/data-dir.js';
import { lockName } from '../../src/disk/dir-lock.js';
import { realDiskFs } from '../../src/disk/disk-fs.js';
import { entries, hard, identity, texts } from '../support/entries.js';
import { MemoryDisk, systemError } from '../support/memory-disk.js';
import { create, open, options, save } from '../support/members.js';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'corral-data-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A process that lives until the test ends. */
async function otherProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.once('spawn', resolve));
  return child.pid ?? 0;
}

function lock(
  dataDir: string,
  pid = process.pid,
  logger = new RecordingLog(),
): { release(): void } {
  return lockDataDir(options(realDiskFs, { dataDir, pid, logger }));
}

function holder(dataDir: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(dataDir, lockName), 'utf8')) as Record<string, unknown>;
}

describe('the lock of a data directory', () => {
  it('keeps a second process out and names the first', async () => {
    const dataDir = temporaryFolder();
    const pid = await otherProcess();
    lock(dataDir, pid);

    const second = (): unknown => lock(dataDir);

    expect(second).toThrow(
      `the data directory ${dataDir} is in use by process ${pid}. Stop it first, or give this ` +
        'member a data directory of its own',
    );
    expect(second).toThrow(expect.objectContaining({ code: 'E_DATA_DIR_LOCKED' }));
    expect(holder(dataDir)['pid']).toBe(pid);
  });

  it('is free again after its release', async () => {
    const dataDir = temporaryFolder();
    const first = lock(dataDir, await otherProcess());

    first.release();
    lock(dataDir);

    expect(holder(dataDir)['pid']).toBe(process.pid);
  });

  it('is not released by a process that lost it', async () => {
    const dataDir = temporaryFolder();
    const first = lock(dataDir);
    const pid = await otherProcess();
    writeFileSync(join(dataDir, lockName), JSON.stringify({ pid }));

    first.release();

    expect(holder(dataDir)['pid']).toBe(pid);
  });

  it.each([
    ['whose process is gone', { pid: 2 ** 22 + 1 }],
    ['whose pid belongs to another process by now', { startTime: '1' }],
    ['of a time before the machine was started', { bootId: 'another boot' }],
  ])('%s is taken over', (_what, stale) => {
    const dataDir = temporaryFolder();
    lock(dataDir);
    writeFileSync(join(dataDir, lockName), JSON.stringify({ ...holder(dataDir), ...stale }));

    lock(dataDir);

    expect(holder(dataDir)).not.toMatchObject(stale);
    expect(holder(dataDir)['pid']).toBe(process.pid);
  });

  it('that a crash left half written is taken over', () => {
    const dataDir = temporaryFolder();
    writeFileSync(join(dataDir, lockName), '{"pid":');

    lock(dataDir);

    expect(holder(dataDir)['pid']).toBe(process.pid);
  });

  it('survives a takeover that died in the middle', () => {
    const dataDir = temporaryFolder();
    const dead = JSON.stringify({ pid: 2 ** 22 + 1, startTime: '1', bootId: '' });
    writeFileSync(join(dataDir, lockName), dead);
    writeFileSync(join(dataDir, `${lockName}.takeover`), dead);

    lock(dataDir);

    expect(holder(dataDir)['pid']).toBe(process.pid);
  });
});

describe('a data directory', () => {
  it('is made for its owner alone', () => {
    const dataDir = join(temporaryFolder(), 'a', 'b');

    lock(dataDir);

    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  });

  it('that is open to others is warned of', () => {
    const dataDir = temporaryFolder();
    chmodSync(dataDir, 0o755);
    const log = new RecordingLog();

    lock(dataDir, process.pid, log);

    expect(log.lines).toEqual([
      {
        level: 'warn',
        message: 'the data directory is open to others; 0700 is advised',
        fields: { dataDir, mode: '755' },
      },
    ]);
  });

  it('that cannot be made is refused with path and reason', () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');

    const locking = (): unknown => lock(join(file, 'data'));

    expect(locking).toThrow(`cannot create data directory ${join(file, 'data')}: ENOTDIR`);
    expect(locking).toThrow(expect.objectContaining({ code: 'E_DATA_DIR_ACCESS' }));
  });

  it.each([
    [[], 'empty'],
    [['member'], 'member'],
    [['proxy'], 'proxy'],
    [['member', 'proxy'], 'both'],
  ])('with %j is seen as %s', (names, content) => {
    const dataDir = temporaryFolder();
    for (const name of [...names, 'lost+found']) mkdirSync(join(dataDir, name));

    expect(inspectDataDir(dataDir)).toEqual({ content, foreign: ['lost+found'] });
  });

  it('that is missing is empty', () => {
    expect(inspectDataDir(join(temporaryFolder(), 'missing'))).toEqual({
      content: 'empty',
      foreign: [],
    });
  });
});

describe('a member on a real disk', () => {
  it('is there only when it is whole, its files for the owner alone', async () => {
    const dataDir = temporaryFolder();

    await create(realDiskFs, { entries: entries(1, 2, 1), hardState: hard(1, 2) }, { dataDir });

    const { recovered, storage } = await open(realDiskFs, { dataDir });
    await save(storage, [entries(3, 4, 1)], hard(1, 2));
    await storage.close();
    expect(texts(recovered.entries)).toEqual(texts(entries(1, 2, 1)));
    const wal = join(dataDir, 'member', 'wal');
    for (const name of await realDiskFs.list(wal)) {
      expect(statSync(join(wal, name)).mode & 0o777, name).toBe(0o600);
    }
    const again = await open(realDiskFs, { dataDir });
    expect(texts(again.recovered.entries)).toEqual(texts(entries(1, 4, 1)));
    await again.storage.close();
  });

  it('that began and was interrupted begins anew', async () => {
    const dataDir = temporaryFolder();
    mkdirSync(join(dataDir, 'member.tmp', 'wal'), { recursive: true });
    writeFileSync(join(dataDir, 'member.tmp', 'wal', 'rubbish'), 'rubbish');

    await create(realDiskFs, {}, { dataDir });

    const { recovered, storage } = await open(realDiskFs, { dataDir });
    expect(recovered.entries).toEqual([]);
    await storage.close();
  });

  it('without space for one segment is refused, with path and reason', async () => {
    const disk = new MemoryDisk();
    disk.failWith('ENOSPC', ({ kind }) => kind === 'write');

    const failure = create(disk);

    await expect(failure).rejects.toMatchObject({ code: 'E_DATA_DIR_ACCESS' });
    await expect(failure).rejects.toThrow('cannot begin a member in data directory /data: ENOSPC');
    expect(disk.has('/data/member')).toBe(false);
  });

  it('whose files cannot be read is refused, with path and reason', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    disk.interceptRead = (path) => {
      throw systemError('EACCES', { kind: 'create', path });
    };

    const failure = open(disk);

    await expect(failure).rejects.toMatchObject({ code: 'E_DATA_DIR_ACCESS' });
    await expect(failure).rejects.toThrow('cannot read data directory /data: EACCES');
  });
});

describe('a log folder of its own', () => {
  const walDir = '/logs';

  it('holds the log, and the data directory the rest', async () => {
    const disk = new MemoryDisk();
    await create(disk, { entries: entries(1, 2, 1) }, { walDir });
    const { storage } = await open(disk, { walDir });
    await storage.close();

    expect((await disk.list(walDir)).filter((name) => name.endsWith('.wal'))).toHaveLength(1);
    expect(disk.has('/data/member/wal')).toBe(false);
  });

  it('with the log of another member is left alone', async () => {
    const disk = new MemoryDisk();
    await create(disk, { entries: entries(1, 2, 1) }, { walDir });
    const { storage } = await open(disk, { walDir });
    await save(storage, [entries(3, 3, 1)], hard(1));
    await storage.close();
    await disk.remove('/data');
    const before = disk.bytes('/logs/0000000000000000-0000000000000001.wal');

    const failure = create(disk, { entries: entries(1, 2, 1) }, { walDir });

    await expect(failure).rejects.toMatchObject({ code: 'E_WAL_FOREIGN' });
    await expect(failure).rejects.toThrow(
      `the log folder /logs holds the log of member ${identity.memberId}`,
    );
    expect(disk.bytes('/logs/0000000000000000-0000000000000001.wal').equals(before)).toBe(true);
  });

  it('in which this member began and was interrupted is used', async () => {
    const disk = new MemoryDisk();
    const member = { identity, hardState: hard(1, 2), entries: entries(1, 2, 1) };
    disk.failWith(
      'EIO',
      ({ kind }) => kind === 'rename' && disk.has('/logs/0000000000000000-0000000000000001.wal'),
    );
    await expect(createMember(options(disk, { walDir }), member)).rejects.toThrow('EIO');
    disk.intercept = () => undefined;

    await createMember(options(disk, { walDir }), member);

    const { recovered } = await open(disk, { walDir });
    expect(texts(recovered.entries)).toEqual(texts(entries(1, 2, 1)));
  });
});
