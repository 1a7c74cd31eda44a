// Tells every story in scenarios/ and compares; the language is in scenario/.
//   UPDATE_GOLDENS=1 npx vitest run --project raft scenarios    rewrites them; review the difference
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tell } from './scenario/script.js';

const folder = join(import.meta.dirname, 'scenarios');
const stories = readdirSync(folder).filter((name) => name.endsWith('.txt'));

describe('the core does as told in', () => {
  it.each(stories)('scenarios/%s', (name) => {
    const path = join(folder, name);
    const told = readFileSync(path, 'utf8');

    const now = tell(told);

    if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(path, now);
    else expect(now).toBe(told);
  });

  it('at least fifteen stories', () => {
    expect(stories.length).toBeGreaterThanOrEqual(15);
  });

  it('a command that does not exist is an error', () => {
    expect(() => tell('cluster n1=\nfly n1\n----\n')).toThrow(/there is no command fly/);
  });
});
