// The v2 API as it answers, request by request: ours against the recorded answers, and, where etcd
// 3.4 is installed, etcd against the same records.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requestCount, tell, withoutMarked } from './conformance/story.js';
import { startSingleMember } from './support/member.js';
import { etcdFound, startEtcd } from './support/programs.js';

const folder = join(import.meta.dirname, 'conformance');
const stories = readdirSync(folder).filter((name) => name.endsWith('.txt'));

describe('the v2 API answers as told in', () => {
  it.each(stories)('conformance/%s', async (name) => {
    const path = join(folder, name);
    const told = readFileSync(path, 'utf8');
    await using member = await startSingleMember();

    const answered = await tell(told, member.url, { skipMarked: false });

    if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(path, answered);
    else expect(answered).toBe(told);
  });

  it('enough requests to mean something', () => {
    const counts = stories.map((name) => requestCount(readFileSync(join(folder, name), 'utf8')));

    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(180);
  });
});

describe.runIf(etcdFound)('etcd 3.4 answers the same', () => {
  it.each(stories)('conformance/%s', async (name) => {
    const told = readFileSync(join(folder, name), 'utf8');
    await using etcd = await startEtcd();

    const answered = await tell(told, etcd.url, { skipMarked: true });

    expect(answered).toBe(withoutMarked(told));
  });
});
