// Log files as lines in the order of time: files that grow, appear, are cut short or replaced.
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LogTail, mergeByTime } from '../src/log-lines.js';
import type { LogLine } from '../src/log-lines.js';
import { newHome } from './run.js';

const texts = (lines: readonly LogLine[]): string[] => lines.map(({ text }) => text);
const path = (): string => join(newHome(onTestFinished), 'a.log');
const at = (second: number, msg: string): string =>
  `{"time":"2026-01-01T00:00:0${second}.000Z","msg":"${msg}"}`;

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

it('files are merged by time; a line without one stays behind the line before it', async () => {
  const [one, two] = [path(), path()];
  writeFileSync(one, `${at(1, 'a')}\n  stack of a\n${at(4, 'd')}\n`);
  writeFileSync(two, `banner\n${at(2, 'b')}\n${at(3, 'c')}\n`);

  const files = await Promise.all([new LogTail('n1', one).more(), new LogTail('n2', two).more()]);

  expect(mergeByTime(files).map(({ node, text }) => `${node} ${text}`)).toEqual([
    'n2 banner',
    `n1 ${at(1, 'a')}`,
    'n1   stack of a',
    `n2 ${at(2, 'b')}`,
    `n2 ${at(3, 'c')}`,
    `n1 ${at(4, 'd')}`,
  ]);
});
