// Code from a working tree for what the keeper itself runs: the discovery service, and cloud-configs
// when a node boots.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededPrng, systemClock } from '@corral/kit';
import { RecordingLog } from '@corral/kit/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listCode, stampCode, writeCode } from '../../src/dev/code-files.js';
import { findComponent } from '../../src/dev/components.js';
import type { RollEvent, RollReport } from '../../src/dev/roll.js';
import { rollDiscovery } from '../../src/dev/roll-discovery.js';
import type { ClusterPlan } from '../../src/plan.js';
import { chooseProcessPlan } from '../../src/process/choose-plan.js';
import { findPrograms } from '../../src/process/programs.js';
import { ProcessRuntime } from '../../src/process/runtime.js';
import { ClusterState } from '../../src/state.js';

let count = 0;

async function world(): Promise<{
  readonly runtime: ProcessRuntime;
  readonly plan: ClusterPlan;
}> {
  const home = mkdtempSync(join(tmpdir(), 'corral-own-code-'));
  count += 1;
  const name = `own-code-${process.pid}-${count}`;
  const spec = { name, central: 1, workers: 0, cloudConfigs: {}, ignoreUnknown: false };
  const { plan } = await chooseProcessPlan(home, spec);
  const state = new ClusterState(home, name);
  state.writePlan(plan);
  const runtime = new ProcessRuntime({
    state,
    plan,
    clock: systemClock,
    prng: seededPrng(count),
    logger: new RecordingLog(),
    pid: process.pid,
    nodeBinary: process.execPath,
    hostPath: '/usr/bin:/bin',
    bootId: '',
    programs: findPrograms(import.meta.dirname),
  });
  await runtime.discovery.start();
  onTestFinished(async () => {
    await runtime.close();
    rmSync(home, { recursive: true, force: true });
  });
  return { runtime, plan };
}

describe('the discovery service', () => {
  const replaced = stampCode(
    `export const startDiscoveryService = () =>
      Promise.resolve({ url: 'http://replaced', handle() {}, close: () => Promise.resolve() });\n`,
  );

  function roll(
    { discovery }: ProcessRuntime,
    text: string | undefined,
    told: RollEvent[] = [],
  ): Promise<RollReport> {
    const component = findComponent('discovery-service');
    const emit = (event: RollEvent): void => void told.push(event);
    return rollDiscovery({ component, text, names: undefined }, discovery, {
      clock: systemClock,
      emit,
    });
  }

  it('is started anew with the code, and with the installed code when that is taken away', async () => {
    const { runtime } = await world();
    const before = runtime.discovery.url;
    const told: RollEvent[] = [];

    const there = await roll(runtime, replaced.text, told);
    const changed = runtime.discovery.url;
    const back = await roll(runtime, undefined);

    expect(there.nodes).toMatchObject([{ node: 'discovery', was: null, now: replaced.hash }]);
    expect(told.at(-1)).toMatchObject({
      name: 'discovery',
      text: `installed code → ${replaced.hash} · http://replaced`,
    });
    expect(changed).toBe('http://replaced');
    expect(back.nodes).toMatchObject([{ node: 'discovery', was: replaced.hash, now: null }]);
    expect(runtime.discovery.url).toBe(before);
  });

  it('is left alone by the code that it has', async () => {
    const { runtime } = await world();
    await roll(runtime, replaced.text);
    const told: RollEvent[] = [];

    const { nodes } = await roll(runtime, replaced.text, told);

    expect(nodes).toEqual([{ node: 'discovery', was: replaced.hash, now: replaced.hash, ms: 0 }]);
    expect(told).toEqual([]);
  });

  it('has what it had again when the code does not start', async () => {
    const { runtime } = await world();
    const before = runtime.discovery.url;

    const failure = roll(runtime, stampCode(`throw new Error('broken on purpose');\n`).text);

    await expect(failure).rejects.toMatchObject({
      code: 'E_DEV_WORSE',
      message: expect.stringMatching(
        /^discovery-service [0-9a-f]{12} does not start: broken on purpose; it has the code it had/,
      ) as string,
    });
    expect(runtime.discovery.url).toBe(before);
    expect(listCode(runtime.discovery.devFolder ?? '')).toEqual({});
  });

  it('keeps its code where a runtime has no place for another', async () => {
    const { runtime } = await world();
    const { discovery } = runtime;
    const fixed = {
      url: discovery.url,
      mayLag: discovery.mayLag,
      start: () => discovery.start(),
      stop: () => discovery.stop(),
    };
    const component = findComponent('discovery-service');
    const rolling = (text: string | undefined): Promise<RollReport> =>
      rollDiscovery({ component, text, names: undefined }, fixed, {
        clock: systemClock,
        emit: () => undefined,
      });

    await expect(rolling(replaced.text)).rejects.toMatchObject({ code: 'E_FAILED' });
    expect((await rolling(undefined)).nodes).toEqual([]);
  });
});

describe('a node that boots', () => {
  it('has its cloud-config applied by the code that lies there', async () => {
    const { runtime, plan } = await world();
    const node = runtime.create(plan.nodes[0]!);
    const code = `export const parseUserData = () => { throw new Error('other code'); };\n`;
    writeCode(node.devFolder, 'coreos-cloudinit', stampCode(code).text);

    await expect(node.start()).rejects.toThrow('other code');
  });
});
