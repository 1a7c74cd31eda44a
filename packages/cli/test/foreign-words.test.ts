// Which words are corral's, and which belong to the program that it runs.
import { Command } from 'commander';
import { describe, expect, it, onTestFinished } from 'vitest';
import { delimitForeignWords } from '../src/tree/foreign-words.js';
import { inProcess, newHome } from './run.js';

function program(): Command {
  const made = new Command('corral');
  made
    .command('exec')
    .argument('<node>')
    .argument('<command...>')
    .option('-n, --name <name>')
    .option('-q, --quiet');
  made.command('status').argument('[name]');
  return made;
}

it.each([
  ['exec n1 ls -l', 'exec n1 -- ls -l'],
  ['exec n1 -n a -- ls -n 3', 'exec n1 -n a -- ls -n 3'],
  ['exec n1 -n a ls -n 3', 'exec n1 -n a -- ls -n 3'],
  ['exec -n a n1 ls -- -l', 'exec -n a n1 -- ls -- -l'],
  ['exec -q n1 --name=a ls', 'exec -q n1 --name=a -- ls'],
  ['exec n1 -na ls', 'exec n1 -na -- ls'],
  ['exec n1 - x', 'exec n1 -- - x'],
  ['exec n1', 'exec n1'],
  ['exec n1 -n', 'exec n1 -n'],
  ['status a -x', 'status a -x'],
  ['nothing a b', 'nothing a b'],
])('%s is read as %s', (line, read) => {
  expect(delimitForeignWords(program(), line.split(' ')).join(' ')).toBe(read);
});

describe('exec', () => {
  const run = (...words: readonly string[]): ReturnType<typeof inProcess> =>
    inProcess(words, { home: newHome(onTestFinished) });

  it('takes options of its own between the node and the command', async () => {
    const ran = await run('exec', 'n1', '-n', 'some', '--', 'ls', '-n', 'other');

    expect(ran.stderr).toContain('no cluster "some"');
  });

  it('leaves what comes after -- to the command, also what looks like a form of output', async () => {
    const ran = await run('exec', 'n1', '-n', 'some', '--', 'ls', '-o', 'json');

    expect(ran.stderr).toContain('E_UNKNOWN_CLUSTER');
    expect(ran.stdout).toBe('');
  });

  it('refuses an option of its own that it does not have', async () => {
    const ran = await run('exec', 'n1', '--nmae', 'some', '--', 'ls');

    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining("option '--nmae'")]);
  });
});
