// help: every error id at length, near ones for a wrong one, commands; all without a cluster.
import { exitCodes } from '@corral/cluster';
import { describe, expect, it, onTestFinished } from 'vitest';
import { explanations } from '../src/explanations.js';
import { near } from '../src/near.js';
import { inProcess, newHome } from './run.js';

const run = (...words: readonly string[]): ReturnType<typeof inProcess> =>
  inProcess(words, { home: newHome(onTestFinished) });

describe('help on errors', () => {
  it.each([...Object.entries(exitCodes), ['E_BUG', 10] as const])(
    '%s: exit code, what it means, when it comes, what to do',
    async (id, exitCode) => {
      const { code, stdout, stderr } = await run('help', id);

      expect(code).toBe(0);
      expect(stderr).toBe('');
      expect(stdout).toMatch(
        new RegExp(`^${id} {2}\\(exit code ${exitCode}\\)\\n\\n\\S[^]+\\nWhen it comes\\n {2}\\S`),
      );
      expect(stdout).toMatch(/\nWhat to do\n {2}- \S/);
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    },
  );

  it('takes small letters, and lists all ids', async () => {
    const small = await run('help', 'e_port_taken');
    const all = await run('help', 'errors');

    expect(small.stdout).toMatch(/^E_PORT_TAKEN/);
    expect(all.stdout).toMatch(/^ID +EXIT +MEANS\n/);
    expect(all.stdout.trimEnd().split('\n').length).toBe(Object.keys(explanations).length + 1);
  });

  it.each([
    [['help', 'E_PROT_TAKEN'], 'help has nothing on E_PROT_TAKEN. Did you mean E_PORT_TAKEN?'],
    [['help', 'E_PORT'], 'Did you mean E_PORT_TAKEN?'],
    [['help', 'E_ZZZZZZZZ'], 'corral help errors lists all ids'],
    [['help', 'stat'], 'help has nothing on stat. Did you mean status or start or stop?'],
    [['help', 'qqqqqq'], 'corral help lists all commands'],
  ])('%j names what is near', async (words, message) => {
    const { code, stderr } = await run(...words);

    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('help of a command is that of --help', async () => {
    expect((await run('help', 'node', 'rm')).stdout).toBe(
      (await run('node', 'rm', '--help')).stdout,
    );
    expect((await run('help')).stdout).toBe((await run('--help')).stdout);
  });

  it('every error points to it, and mistakes are objects for programs, too', async () => {
    const text = await run('status');
    const json = await run('up', '--centrl', '3', '-o', 'json');
    const yaml = await run('status', '-o', 'yaml');

    expect(text.stderr).toContain('more    corral help E_UNKNOWN_CLUSTER');
    expect(JSON.parse(json.stdout)).toMatchObject({ id: 'E_USAGE', exitCode: 2 });
    expect(json.stderr).toBe('');
    expect(yaml.stdout).toMatch(/^id: E_UNKNOWN_CLUSTER\n/);
  });
});

it('what is near: few typing mistakes, the nearest first, at most three', () => {
  expect(near('stauts', ['stop', 'status', 'start'])).toEqual(['status', 'start']);
  expect(near('a', ['ab', 'ac', 'ad', 'ae']).length).toBe(3);
  expect(near('wholly-other', ['up', 'down'])).toEqual([]);
});
