// What a cluster does with its nodes, on nodes in memory.
import { RecordingLog } from '@corral/kit/testing';
import { seededPrng, systemClock } from '@corral/kit';
import { describe, expect, it } from 'vitest';
import { Controller } from '../src/controller.js';
import { makePlan } from '../src/plan.js';
import type { ClusterPlan } from '../src/plan.js';
import { MemoryRuntime } from './memory-runtime.js';

const given = { number: 7, discoveryPort: 4000, token: 't', createdAt: '' };

function world(): {
  readonly runtime: MemoryRuntime;
  readonly controller: Controller;
  readonly plans: ClusterPlan[];
} {
  const spec = { name: 'm', central: 3, workers: 1, cloudConfigs: {}, ignoreUnknown: false };
  const { plan } = makePlan(spec, given);
  const runtime = new MemoryRuntime();
  const plans: ClusterPlan[] = [];
  const controller = new Controller({
    plan,
    runtime,
    writePlan: (changed) => plans.push(changed),
    clock: systemClock,
    prng: seededPrng(1),
    logger: new RecordingLog(),
  });
  return { runtime, controller, plans };
}

describe('a controller', () => {
  it('knows every planned node before anything is started', async () => {
    const { controller } = world();

    const status = await controller.status();

    expect(status.nodes.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'n1 stopped',
      'n2 stopped',
      'n3 stopped',
      'w1 stopped',
    ]);
    expect(status).toMatchObject({ state: 'stopped', leader: null, discovery: null });
  });

  it('a node that does not start ends the boot with that error', async () => {
    const { controller, runtime } = world();
    runtime.nodes.get('n2')!.startError = new Error('etcd2 of n2 does not start');
    const steps: unknown[] = [];

    const booting = controller.boot((event) => steps.push(event), new AbortController().signal);

    await expect(booting).rejects.toThrow('etcd2 of n2 does not start');
    expect(steps).toContainEqual(expect.objectContaining({ name: 'discovery', state: 'done' }));
    expect(steps.at(-1)).toMatchObject({ name: 'central nodes', state: 'started' });
  });

  it('an aborted boot ends with the reason', async () => {
    const { controller } = world();
    const abort = new AbortController();
    // Nodes in memory have no leader: the boot would wait for one.
    const booting = controller.boot((event) => {
      const { name, state } = event as { readonly name: string; readonly state: string };
      if (name === 'central nodes' && state === 'started') abort.abort(new Error('asked to'));
    }, abort.signal);

    await expect(booting).rejects.toThrow('asked to');
  });

  it('start by hand ends a fault on the node; the links stay as they are', async () => {
    const { controller, runtime } = world();
    for (const node of runtime.nodes.values()) await node.start();
    await controller.inject({ kind: 'kill', node: 'n1' }, 0);
    await controller.inject({ kind: 'cut', links: [{ from: 'n1', to: 'n2' }] }, 0);

    await controller.act('n1', 'start');

    const [n1] = (await controller.status()).nodes;
    expect(n1).toMatchObject({ state: 'running', faults: ['cut:n1>n2'] });
  });

  it('tells the state of units in the three words of the contract', async () => {
    const { controller, runtime } = world();
    await runtime.nodes.get('n1')!.start();

    const [n1, n2] = (await controller.status()).nodes;

    expect(n1?.units).toEqual([{ name: 'etcd2.service', state: 'active' }]);
    expect(n2?.units).toEqual([{ name: 'etcd2.service', state: 'skipped', reason: 'stopped' }]);
  });

  it('an unknown node is named with those that are there', async () => {
    const { controller } = world();

    await expect(controller.act('n9', 'stop')).rejects.toMatchObject({
      code: 'E_UNKNOWN_NODE',
      message: expect.stringContaining('no node "n9" in "m". Nodes: n1 n2 n3 w1') as string,
    });
  });

  it('a worker that does not come up is taken back, and its name is free again', async () => {
    const { controller, runtime, plans } = world();
    const create = runtime.create.bind(runtime);
    runtime.create = (plan) => {
      const node = create(plan);
      node.startError = new Error('no such program');
      return node;
    };

    await expect(controller.addNode('worker')).rejects.toThrow('no such program');
    await expect(controller.addNode('worker')).rejects.toThrow('no such program');

    const names = plans.map(({ nodes }) => nodes.map((node) => node.name).join(' '));
    expect(names).toEqual(['n1 n2 n3 w1 w2', 'n1 n2 n3 w1', 'n1 n2 n3 w1 w2', 'n1 n2 n3 w1']);
    expect(runtime.nodes.has('w2')).toBe(false);
  });

  it('a removed node takes its faults with it', async () => {
    const { controller, runtime } = world();
    for (const node of runtime.nodes.values()) await node.start();
    await controller.inject({ kind: 'kill', node: 'w1' }, 0);
    await controller.inject({ kind: 'cut', links: [{ from: 'w1', to: 'n1' }] }, 0);

    await controller.removeNode('w1');

    expect(controller.faults.list()).toEqual([]);
    expect((await controller.status()).nodes.map((node) => node.name)).toEqual(['n1', 'n2', 'n3']);
  });

  it('shut down ends every node and the runtime', async () => {
    const { controller, runtime } = world();
    for (const node of runtime.nodes.values()) await node.start();

    await controller.shutdown({ orderly: true, remove: false });

    expect([...runtime.nodes.values()].map((node) => node.state)).toEqual(
      Array.from({ length: 4 }, () => 'killed'),
    );
    expect(runtime.closed).toBe(true);
  });
});
