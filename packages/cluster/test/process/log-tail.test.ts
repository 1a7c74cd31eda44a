// A log file as lines: files that grow, appear, are cut short or replaced.
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LogLine } from '../../src/log-lines.js';
import { LogTail } from '../../src/process/log-tail.js';
import { temporaryFolder } from '../support/ends.js';

const texts = (lines: readonly LogLine[]): string[] => lines.map(({ text }) => text);
const path = (): string => join(temporaryFolder(), 'a.log');
describe('a tail', () => {
  it('gives whole lines only: half a line, and half a character, wait for their rest', async () => {
    const file = path();
    const tail = new LogTail('n1', file);
    const bytes = Buffer.from('né\n');

    writeFileSync(file, Buffer.concat([Buffer.from('one\n'), bytes.subarray(0, 2)]));
    const first = await tail.more();
    appendFileSync(file, bytes.subarray(2));
    const second = await tail.more();

    expect([texts(first), texts(second), texts(await tail.more())]).toEqual([['one'], ['né'], []]);
  });

  it('waits for a file that is not there yet', async () => {
    const file = path();
    const tail = new LogTail('n1', file);

    const before = await tail.more();
    const seen = tail.seen;
    writeFileSync(file, 'late\n');

    expect([before, seen]).toEqual([[], false]);
    expect(texts(await tail.more())).toEqual(['late']);
    expect(tail.seen).toBe(true);
  });

  it('starts over when the file is cut short or replaced by another', async () => {
    const file = path();
    const tail = new LogTail('n1', file);
    writeFileSync(file, 'a long first line\n');
    await tail.more();

    writeFileSync(file, 'cut\n');
    const cut = await tail.more();
    writeFileSync(`${file}.new`, 'replaced by more\n');
    renameSync(`${file}.new`, file);

    expect([texts(cut), texts(await tail.more())]).toEqual([['cut'], ['replaced by more']]);
  });

  it('gives a last line without an end when asked for it', async () => {
    const file = path();
    const tail = new LogTail('n1', file);
    writeFileSync(file, 'whole\nhalf');

    await tail.more();

    expect(texts(tail.remainder())).toEqual(['half']);
    expect(tail.remainder()).toEqual([]);
  });
});
