// What marks a node's processes, and that only those of the asked cluster are found.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { collectGarbage } from '../src/garbage.js';
import { makePlan } from '../src/plan.js';
import { findLeftovers, killLeftovers } from '../src/process/sweep.js';
import { ClusterState, listClusters } from '../src/state.js';

function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'corral-sweep-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

async function orphan(folder: string): Promise<ChildProcess> {
  const child = spawn('/bin/sh', ['-c', 'echo up; exec cat'], {
    env: { CORRAL_NODE: `${folder}#n1` },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

describe('leftovers', () => {
  it('are found by cluster, also below a folder, not by a common beginning of the name', async () => {
    const home = newHome();
    const one = await orphan(join(home, 'clusters/a'));
    const two = await orphan(join(home, 'clusters/ab'));

    const pids = (folder: string): number[] =>
      findLeftovers(folder)
        .map(({ pid }) => pid)
        .sort();
    expect(pids(join(home, 'clusters/a'))).toEqual([one.pid]);
    expect(pids(join(home, 'clusters'))).toEqual([one.pid, two.pid].sort());
    expect(pids(join(home, 'elsewhere'))).toEqual([]);
  });

  it('are ended', async () => {
    const home = newHome();
    const child = await orphan(join(home, 'clusters/a'));
    const ended = once(child, 'exit');

    killLeftovers(findLeftovers(home));

    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(findLeftovers(home)).toEqual([]);
  });
});

describe('garbage collection', () => {
  it('ends processes without a keeper and removes clusters that never ran; a dry run only tells', async () => {
    const home = newHome();
    const folder = join(home, 'clusters/unfinished');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'plan.json'), '{}');
    const withData = join(home, 'clusters/stopped');
    mkdirSync(join(withData, 'nodes'), { recursive: true });
    writeFileSync(join(withData, 'plan.json'), '{}');
    const child = await orphan(join(home, 'clusters/gone-folder'));

    const told = await collectGarbage(home, { dryRun: true });
    const before = listClusters(home);
    const ended = once(child, 'exit');
    const done = await collectGarbage(home, { dryRun: false });
    await ended;

    expect(told).toEqual({ processes: 1, onEngine: 0, clusters: ['unfinished'] });
    expect(before).toEqual(['stopped', 'unfinished']);
    expect(done).toEqual(told);
    expect(listClusters(home)).toEqual(['stopped']);
  });
});

describe('garbage collection of what was being made', () => {
  it('spares what a living command is at, and takes what a killed one left', async () => {
    const home = newHome();
    const spec = { name: 'new', central: 1, workers: 0, cloudConfigs: {}, ignoreUnknown: false };
    const given = { number: 7, discoveryPort: 4000, token: 'tok', createdAt: '' };
    const { plan } = makePlan(spec, given);
    const dead = spawnSync('true').pid;
    new ClusterState(home, 'living').createPlan(plan, process.pid);
    new ClusterState(home, 'killed').createPlan(plan, dead);
    for (const maker of [process.pid, dead]) {
      mkdirSync(join(home, 'clusters', `.staged.${maker}.abc123`));
    }

    const { clusters } = await collectGarbage(home, { dryRun: false });

    expect(clusters).toEqual(['killed']);
    expect(readdirSync(join(home, 'clusters')).sort()).toEqual([
      `.staged.${process.pid}.abc123`,
      'living',
    ]);
  });
});

describe('the state of a cluster on disk', () => {
  it('has one secret, whoever asks first, that others cannot read', () => {
    const state = new ClusterState(newHome(), 'demo');

    expect(state.secret()).toMatch(/^[0-9a-f]{32}$/);
    expect(state.secret()).toBe(state.secret());
  });

  it('has a socket name of its own for each folder, of exactly 108 bytes', () => {
    const home = newHome();
    const a = new ClusterState(home, 'a').socketPath();
    const b = new ClusterState(home, 'b').socketPath();

    expect(a).not.toBe(b);
    expect([a.length, b.length]).toEqual([108, 108]);
    expect(a[0]).toBe('\0');
  });
});
