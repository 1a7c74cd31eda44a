// What the recovery makes of damaged files: a torn tail is cleared, everything else is refused.
import { RecordingLog } from '@corral/kit/testing';
import { describe, expect, it } from 'vitest';
import { encodeMarker, encodeRecord, recordType } from '../../src/disk/record.js';
import { decodeSegmentHead, encodeSegmentHead } from '../../src/disk/segment.js';
import { entries, entry, hard, identity, texts } from '../support/entries.js';
import { MemoryDisk, sectorBytes, systemError } from '../support/memory-disk.js';
import { create, open, save, snapshot, snapshotText, walFolder } from '../support/members.js';
import { snapFolder } from '../support/members.js';
import { recordsIn, segments } from '../support/segments.js';

/** A log of five acknowledged batches in one segment; `unclean`: the last one is the newest record. */
async function smallLog(end: 'clean' | 'unclean' = 'clean'): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await create(disk, { entries: entries(1, 2, 1), hardState: hard(1, 2) });
  const { storage } = await open(disk);
  for (let i = 3; i <= 6; i += 1) await save(storage, [[entry(i, 1)]], hard(1, i - 1));
  if (end === 'clean') await storage.close();
  return disk.crash({ kind: 'process' });
}

/** A log in several segments. */
async function longLog(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await create(disk);
  const { storage } = await open(disk);
  for (let i = 1; i <= 24; i += 1) await save(storage, [[entry(i, 1, 'x'.repeat(500))]], hard(1));
  await storage.close();
  return disk.crash({ kind: 'process' });
}

function flip(disk: MemoryDisk, path: string, offset: number): void {
  const bytes = Buffer.from(disk.bytes(path));
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 0x10, offset);
  disk.overwrite(path, bytes);
}

describe('a torn tail', () => {
  it('is cleared wherever the crash tore the last batch, and nothing before it is lost', async () => {
    const disk = new MemoryDisk();
    await create(disk, { entries: entries(1, 2, 1), hardState: hard(1, 2) });
    const first = await open(disk);
    await save(first.storage, [[entry(3, 1)]], hard(1, 2));
    await save(first.storage, [[entry(4, 1, 'torn'.repeat(300))]], hard(1, 3));
    const [name] = await segments(disk);
    const last = recordsIn(disk, name ?? '').at(-1);
    const whole = Buffer.from(disk.bytes(last?.path ?? ''));
    const { offset = 0, end = 0, path = '' } = last ?? {};
    const tried: number[] = [];

    // Every byte at which a write can have ended.
    for (let cut = offset + 1; cut < end; cut += 1) {
      const torn = disk.crash({ kind: 'process' });
      const bytes = Buffer.from(whole).fill(0, cut);
      // Zeros that the record itself ends with make no difference: then it is whole.
      if (bytes.equals(whole)) continue;
      torn.overwrite(path, bytes);
      const { recovered } = await open(torn);
      expect(texts(recovered.entries), `cut at ${cut}`).toEqual(texts(entries(1, 3, 1)));
      tried.push(cut);
    }

    expect(tried.length).toBeGreaterThan(1_000);
  });

  it('is cleared whichever of its sectors arrived', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const { storage } = await open(disk);
    await save(storage, [[entry(1, 1)]], hard(1));
    const [name = ''] = await segments(disk);
    const before = Buffer.from(disk.bytes(`${walFolder}/${name}`));
    await save(storage, [[entry(2, 1, 'torn'.repeat(500))]], hard(1));
    const { offset, end, path } = recordsIn(disk, name).at(-1) ?? { offset: 0, end: 0, path: '' };
    const after = Buffer.from(disk.bytes(path));
    const firstSector = Math.floor(offset / sectorBytes);
    const sectors = Math.ceil(end / sectorBytes) - firstSector;

    // All subsets of sectors but the whole.
    for (let arrived = 0; arrived < 2 ** sectors - 1; arrived += 1) {
      const bytes = Buffer.from(before);
      for (let i = 0; i < sectors; i += 1) {
        if ((arrived & (1 << i)) === 0) continue;
        const at = (firstSector + i) * sectorBytes;
        after.copy(bytes, at, at, at + sectorBytes);
      }
      const torn = disk.crash({ kind: 'process' });
      torn.overwrite(path, bytes);
      const { recovered } = await open(torn);
      expect(texts(recovered.entries), `sectors ${arrived.toString(2)}`).toEqual([
        '1.1 entry 1 of term 1',
      ]);
    }

    expect(sectors).toBeGreaterThanOrEqual(4);
  });

  it('is kept as a copy, said in one line, and written over by what follows', async () => {
    const disk = await smallLog('unclean');
    const [name = ''] = await segments(disk);
    const { offset, end, path } = recordsIn(disk, name).at(-1) ?? { offset: 0, end: 0, path: '' };
    const torn = Buffer.from(disk.bytes(path)).fill(0, offset + 40);
    disk.overwrite(path, torn);
    const log = new RecordingLog();

    const { recovered, storage } = await open(disk, { logger: log });
    await save(storage, [[entry(6, 2, 'written over')]], hard(2));
    await storage.close();

    const warning = log.lines.find(({ message }) => message.includes('torn tail'));
    expect(warning?.fields).toMatchObject({ path, offset, copy: `${path}.broken` });
    expect(warning?.fields['bytes']).toBeGreaterThan(30);
    expect(warning?.fields['bytes']).toBeLessThanOrEqual(end - offset);
    expect(disk.bytes(`${path}.broken`).equals(torn)).toBe(true);
    expect(recovered.entries.at(-1)?.index).toBe(5);
    const again = await open(disk.crash({ kind: 'power' }));
    expect(texts(again.recovered.entries).at(-1)).toBe('6.2 written over');
  });
});

describe('damage', () => {
  it('in any byte of any record of a log that ended well is found, and stops the start', async () => {
    const disk = await smallLog('clean');
    const [name = ''] = await segments(disk);
    const records = recordsIn(disk, name).slice(0, -1);
    expect(records.length).toBe(5);

    for (const { path, offset, end } of records) {
      for (let at = offset; at < end; at += 1) {
        const flipped = disk.crash({ kind: 'process' });
        flip(flipped, path, at);
        const before = Buffer.from(flipped.bytes(path));
        await expect(open(flipped), `byte ${at}`).rejects.toMatchObject({
          code: 'E_WAL_DAMAGED',
          details: { path, offset },
        });
        expect(flipped.bytes(path).equals(before), 'nothing is cut').toBe(true);
      }
    }
  });

  it('says file, offset, what is still readable and the way out', async () => {
    const disk = await smallLog();
    const [name = ''] = await segments(disk);
    const third = recordsIn(disk, name)[2];
    flip(disk, third?.path ?? '', (third?.offset ?? 0) + 30);

    const failure = open(disk);

    await expect(failure).rejects.toThrow(
      `${third?.path ?? ''} is damaged at offset ${third?.offset ?? 0}: the record there is damaged`,
    );
    await expect(failure).rejects.toThrow(
      'Entries up to 3 are readable; later ones that this member acknowledged may be lost, so it ' +
        'does not start. Remove this member from the cluster, delete its data directory, and add ' +
        'it again',
    );
  });

  it('in the newest record of a killed member cannot be told from a torn tail', async () => {
    const disk = await smallLog('unclean');
    const [name = ''] = await segments(disk);
    const last = recordsIn(disk, name).at(-1);
    flip(disk, last?.path ?? '', (last?.end ?? 0) - 6);

    const { recovered } = await open(disk);

    expect(recovered.entries.at(-1)?.index).toBe(5);
  });

  it('in a segment that is not the last is never a torn tail', async () => {
    const disk = await longLog();
    const [first = ''] = await segments(disk);
    const last = recordsIn(disk, first).at(-1);
    flip(disk, last?.path ?? '', (last?.end ?? 0) - 6);

    await expect(open(disk)).rejects.toMatchObject({
      code: 'E_WAL_DAMAGED',
      details: { path: `${walFolder}/${first}`, offset: last?.offset },
    });
  });

  it('is a segment that is missing', async () => {
    const disk = await longLog();
    const names = await segments(disk);
    await disk.remove(`${walFolder}/${names[1] ?? ''}`);

    await expect(open(disk)).rejects.toThrow(
      `a segment is missing in ${walFolder} between ${names[0] ?? ''} and ${names[2] ?? ''}`,
    );
  });

  it('is a segment that was put in the place of another', async () => {
    const disk = await longLog();
    const [first = '', second = ''] = await segments(disk);
    disk.overwrite(`${walFolder}/${second}`, disk.bytes(`${walFolder}/${first}`));

    await expect(open(disk)).rejects.toThrow(`it was written as ${first}`);
  });

  it('is a folder without any segment', async () => {
    const disk = await smallLog();
    for (const name of await segments(disk)) await disk.remove(`${walFolder}/${name}`);

    await expect(open(disk)).rejects.toThrow(`${walFolder} holds no log segment`);
  });

  it.each([
    ['an unknown type', 9, 100],
    ['an absurd length', recordType.batch, 0xffff_fff0],
  ])('is a record with %s behind which a good one stands', async (_what, type, length) => {
    const disk = await smallLog('clean');
    const [name = ''] = await segments(disk);
    const place = recordsIn(disk, name)[3];
    const bytes = Buffer.from(disk.bytes(place?.path ?? ''));
    bytes.writeUInt32BE(length, place?.offset);
    bytes.writeUInt8(type, (place?.offset ?? 0) + 4);
    disk.overwrite(place?.path ?? '', bytes);

    await expect(open(disk)).rejects.toMatchObject({
      code: 'E_WAL_DAMAGED',
      details: { offset: place?.offset },
    });
  });

  it('is a well-formed record that does not continue the chain', async () => {
    const disk = await smallLog('clean');
    const [name = ''] = await segments(disk);
    const records = recordsIn(disk, name);
    const [, second, third] = records;
    const path = `${walFolder}/${name}`;
    const bytes = disk.bytes(path);
    // The second record is cut out: what follows moves to its place.
    const shorter = Buffer.concat([
      bytes.subarray(0, second?.offset),
      bytes.subarray(third?.offset),
      Buffer.alloc((third?.offset ?? 0) - (second?.offset ?? 0)),
    ]);
    disk.overwrite(path, shorter);

    await expect(open(disk)).rejects.toMatchObject({ code: 'E_WAL_DAMAGED' });
  });

  it('is one record of another life of the log, taken for the next one', async () => {
    const disk = await smallLog('unclean');
    const [name = ''] = await segments(disk);
    const path = `${walFolder}/${name}`;
    const end = recordsIn(disk, name).at(-1)?.end ?? 0;
    const bytes = Buffer.from(disk.bytes(path));
    const foreign = encodeRecord(
      recordType.snapshotMarker,
      5,
      0xabcd,
      encodeMarker({ index: 1, term: 1 }),
    );
    foreign.bytes.copy(bytes, end);
    disk.overwrite(path, bytes);

    await expect(open(disk)).rejects.toThrow('does not continue the one before it');
  });

  it('is a snapshot that is newer than the log', async () => {
    const disk = await smallLog('unclean');
    const { storage } = await open(disk);

    await storage.commitSnapshot({ index: 99, term: 1, voters: [] });

    await expect(open(disk)).rejects.toThrow(
      'a snapshot of entry 99 is newer than the log, which ends at 6',
    );
  });

  it('is a term that goes backwards', async () => {
    const disk = await smallLog('unclean');
    const { storage } = await open(disk);

    await save(storage, [[entry(7, 1)]], hard(0));

    await expect(open(disk)).rejects.toThrow('the term goes backwards');
  });
});

describe('the head of a segment', () => {
  it.each([
    ['begins with other letters', 0, 'E_WAL_DAMAGED', 'it does not begin like a segment'],
    ['has another format', 7, 'E_WAL_VERSION', 'has format 17; this server reads format 1'],
    ['has a damaged member id', 20, 'E_WAL_DAMAGED', 'the checksum of its head does not match'],
  ])('that %s is refused', async (_what, offset, code, message) => {
    const disk = await smallLog();
    const [name = ''] = await segments(disk);
    flip(disk, `${walFolder}/${name}`, offset);

    const failure = open(disk);

    await expect(failure).rejects.toMatchObject({ code });
    await expect(failure).rejects.toThrow(message);
  });

  it.each([
    ['another member', { ...identity, memberId: 'b2' }],
    ['another cluster', { ...identity, clusterId: 'c2' }],
  ])('of %s among the segments is refused', async (_what, other) => {
    const disk = await longLog();
    const path = `${walFolder}/${(await segments(disk))[1] ?? ''}`;
    const bytes = Buffer.from(disk.bytes(path));
    encodeSegmentHead({ ...decodeSegmentHead(bytes, path), identity: other }).copy(bytes);
    disk.overwrite(path, bytes);

    const failure = open(disk);

    await expect(failure).rejects.toMatchObject({ code: 'E_WAL_FOREIGN' });
    await expect(failure).rejects.toThrow(
      `belongs to member ${other.memberId} of cluster ${other.clusterId}`,
    );
  });
});

describe('snapshots at the start', () => {
  async function twoSnapshots(): Promise<MemoryDisk> {
    const disk = new MemoryDisk();
    await create(disk);
    const { storage } = await open(disk);
    await save(storage, [entries(1, 10, 1)], hard(1, 10));
    await snapshot(storage, { index: 4, term: 1 }, 'state at four');
    await snapshot(storage, { index: 8, term: 1 }, 'state at eight');
    await storage.close();
    return disk;
  }

  const newest = `${snapFolder}/0000000000000001-0000000000000008.snap`;

  it('are the newest that took effect', async () => {
    const { recovered } = await open(await twoSnapshots());

    expect(recovered.snapshot?.meta).toEqual({ index: 8, term: 1, voters: ['a1'] });
    expect(snapshotText(recovered)).toBe('state at eight');
  });

  it('are the one before when the newest is damaged, and the damaged one is kept', async () => {
    const disk = await twoSnapshots();
    const log = new RecordingLog();
    flip(disk, newest, disk.bytes(newest).length - 3);

    const { recovered } = await open(disk, { logger: log });

    expect(snapshotText(recovered)).toBe('state at four');
    expect(recovered.entries.map(({ index }) => index)).toContain(5);
    expect(disk.has(`${newest}.broken`)).toBe(true);
    expect(log.lines.map(({ message }) => message)).toContain(
      'a snapshot is damaged; trying the one before',
    );
  });

  it('are not declared damaged because the disk cannot be read', async () => {
    const disk = await twoSnapshots();
    disk.interceptRead = (path) => {
      if (path === newest) throw systemError('EMFILE', { kind: 'create', path });
    };

    const failure = open(disk);

    await expect(failure).rejects.toMatchObject({ code: 'E_DATA_DIR_ACCESS' });
    await expect(failure).rejects.toThrow('EMFILE');
    expect(disk.has(newest)).toBe(true);
  });

  it('count only when their marker is in the log', async () => {
    const disk = await twoSnapshots();
    const { storage } = await open(disk);
    const writer = await storage.createSnapshot({ index: 9, term: 1, voters: ['a1'] });
    await writer.write(Buffer.from('never took effect'));
    await writer.finish();

    const { recovered } = await open(disk);

    expect(snapshotText(recovered)).toBe('state at eight');
  });

  it('are missed when the log does not reach back far enough', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const { storage } = await open(disk, { maxWals: 1 });
    for (let i = 1; i <= 30; i += 1) await save(storage, [[entry(i, 1, 'x'.repeat(500))]], hard(1));
    await snapshot(storage, { index: 20, term: 1 }, 'twenty');
    await snapshot(storage, { index: 25, term: 1 }, 'twenty-five');
    await storage.close();
    for (const name of await disk.list(snapFolder)) await disk.remove(`${snapFolder}/${name}`);

    const failure = open(disk);

    await expect(failure).rejects.toMatchObject({ code: 'E_SNAPSHOT_MISSING' });
    await expect(failure).rejects.toThrow('remove it from the cluster, delete its data directory');
  });

  it('that were received and never needed are not what the log is cut for', async () => {
    const disk = new MemoryDisk();
    await create(disk);
    const { storage } = await open(disk, { maxWals: 1 });
    for (let i = 1; i <= 30; i += 1) await save(storage, [[entry(i, 1, 'x'.repeat(500))]], hard(1));
    await snapshot(storage, { index: 3, term: 1 }, 'three');
    const received = await storage.createSnapshot({ index: 20, term: 1, voters: ['a1'] });
    await received.finish();
    await snapshot(storage, { index: 25, term: 1 }, 'twenty-five');
    await storage.close();
    const path = `${snapFolder}/0000000000000001-0000000000000019.snap`;
    flip(disk, path, disk.bytes(path).length - 3);

    const { recovered } = await open(disk);

    expect(snapshotText(recovered)).toBe('three');
    expect(recovered.entries.at(-1)?.index).toBe(30);
  });

  it('that a crash left half written are removed', async () => {
    const disk = await twoSnapshots();
    const { storage } = await open(disk);
    const writer = await storage.createSnapshot({ index: 9, term: 1, voters: ['a1'] });
    await writer.write(Buffer.from('half'));

    await open(disk.crash({ kind: 'process' }));
    const after = disk.crash({ kind: 'process' });
    await open(after);

    expect((await after.list(snapFolder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
