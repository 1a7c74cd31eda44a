// Logs of several nodes as one, in the order of time.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mergeByTime } from '../src/log-lines.js';
import { LogTail } from '../src/process/log-tail.js';
import { temporaryFolder } from './support/ends.js';

const path = (): string => join(temporaryFolder(), 'a.log');
const at = (second: number, msg: string): string =>
  `{"time":"2026-01-01T00:00:0${second}.000Z","msg":"${msg}"}`;

it('logs are merged by time; a line without one stays behind the line before it', async () => {
  const [one, two] = [path(), path()];
  writeFileSync(one, `${at(1, 'a')}\n  stack of a\n${at(4, 'd')}\n`);
  writeFileSync(two, `banner\n${at(2, 'b')}\n${at(3, 'c')}\n`);

  const logs = await Promise.all([new LogTail('n1', one).more(), new LogTail('n2', two).more()]);

  expect(mergeByTime(logs).map(({ node, text }) => `${node} ${text}`)).toEqual([
    'n2 banner',
    `n1 ${at(1, 'a')}`,
    'n1   stack of a',
    `n2 ${at(2, 'b')}`,
    `n2 ${at(3, 'c')}`,
    `n1 ${at(4, 'd')}`,
  ]);
});
