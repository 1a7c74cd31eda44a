// Tells every story in conformance/ and compares the answers; see conformance/script.ts.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runStory } from './conformance/script.js';

const folder = join(import.meta.dirname, 'conformance');
const stories = readdirSync(folder).filter((name) => name.endsWith('.txt'));

describe('the store answers as told in', () => {
  it.each(stories)('conformance/%s', (name) => {
    const path = join(folder, name);
    const told = readFileSync(path, 'utf8');

    const answered = runStory(told, name.startsWith('history-') ? { historyMax: 5 } : {});

    if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(path, answered);
    else expect(answered).toBe(told);
  });

  it('at least one story for each command', () => {
    expect(stories.length).toBeGreaterThanOrEqual(10);
  });
});
