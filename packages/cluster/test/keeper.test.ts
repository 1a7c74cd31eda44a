// The keeper's process itself, as a command leaves it that dies at once.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makePlan } from '../src/plan.js';
import { ClusterState } from '../src/state.js';

const keeperMain = join(import.meta.dirname, '../dist/keeper/keeper-main.js');
const spec = { name: 'k', central: 1, workers: 0, cloudConfigs: {}, ignoreUnknown: false };
const { plan } = makePlan(spec, { number: 244, discoveryPort: 0, token: 't', createdAt: '' });

function newState(): ClusterState {
  const home = mkdtempSync(join(tmpdir(), 'corral-keeper-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return new ClusterState(home, 'k');
}

describe('a keeper that nobody asks for a boot', () => {
  it.each([
    ['up', false],
    ['start', true],
  ])('goes away after "%s"; the folder stays: %s', async (mode, stays) => {
    const state = newState();
    expect(state.createPlan(plan, process.pid)).toBe(true);

    const keeper = spawn(process.execPath, [keeperMain, state.folder, mode, '100'], {
      stdio: 'ignore',
    });
    onTestFinished(() => void keeper.kill('SIGKILL'));

    expect(await once(keeper, 'exit')).toEqual([0, null]);
    expect(existsSync(state.folder)).toBe(stays);
  });
});

describe('what several commands make at once', () => {
  it('is made by one: the plan and the secret of the first stay', () => {
    const state = newState();
    const other = new ClusterState(join(state.folder, '../..'), 'k');

    expect(state.createPlan(plan, process.pid)).toBe(true);
    expect(other.createPlan({ ...plan, token: 'other' }, process.pid)).toBe(false);

    expect(other.readPlan().token).toBe('t');
    expect(other.secret()).toBe(state.secret());
    expect(readdirSync(state.folder).sort()).toEqual(['maker', 'plan.json', 'secret']);
  });

  it('belongs to a folder, not to the words that a relative path is', () => {
    const here = new ClusterState('home', 'k');

    expect(here.folder).toBe(join(process.cwd(), 'home/clusters/k'));
  });
});
