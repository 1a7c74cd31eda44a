// What every runtime promises, whatever its nodes are made of (src/runtime.ts).
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { passRule } from '../src/runtime.js';
import type { LinkRule, NodeHandle, NodeRuntime } from '../src/runtime.js';

export type RuntimeUnderTest = AsyncDisposable & {
  readonly runtime: NodeRuntime;
  /** Two central nodes, not started. */
  readonly nodes: readonly [NodeHandle, NodeHandle];
  /** What a dial to a node that is down meets: a machine that is off answers nothing. */
  readonly down: 'refused' | 'silent';
};

const cut: LinkRule = { ...passRule, cut: true };
const refuse: LinkRule = { ...passRule, refuse: true };

export function describeRuntime(name: string, make: () => Promise<RuntimeUnderTest>): void {
  describe(`the ${name} runtime`, () => {
    it('starts, kills, stops and starts nodes again', async () => {
      await using world = await make();
      const [node] = world.nodes;
      const states: string[] = [(await node.inspect()).state];

      for (const act of ['start', 'kill', 'start', 'stop', 'start'] as const) {
        await node[act]();
        states.push((await node.inspect()).state);
      }

      expect(states).toEqual(['stopped', 'running', 'killed', 'running', 'stopped', 'running']);
    });

    it('a node that runs has an active store with a pid; one that is down has none', async () => {
      await using world = await make();
      const [node] = world.nodes;

      await node.start();
      const up = await node.inspect();
      await node.kill();
      const down = await node.inspect();

      expect(up.units).toContainEqual(
        expect.objectContaining({ name: 'etcd2.service', state: 'active' }),
      );
      expect(up.pid).toBeGreaterThan(0);
      expect(down.pid).toBeNull();
    });

    it('a paused node keeps its store, answers nothing, and goes on when started', async () => {
      await using world = await make();
      const [one, two] = world.nodes;
      const link = { from: one.plan.name, to: two.plan.name };
      await Promise.all([one.start(), two.start()]);
      const before = await two.inspect();

      await two.pause();
      const paused = await two.inspect();
      const silent = await world.runtime.probeLink(link);
      await two.start();
      const after = await two.inspect();

      expect([paused.state, after.state]).toEqual(['paused', 'running']);
      expect([paused.pid, after.pid]).toEqual([before.pid, before.pid]);
      expect(silent).toBe('silent');
      expect(await world.runtime.probeLink(link)).toBe('passes');
    });

    it('a node that is killed while it starts stays down', async () => {
      await using world = await make();
      const [node] = world.nodes;

      const starting = node.start().catch((error: unknown) => error);
      await node.kill();
      await starting;

      const { state, pid } = await node.inspect();
      // What had not begun to run was not killed, on some.
      expect(['killed', 'stopped']).toContain(state);
      expect(pid).toBeNull();
    });

    it('only a node that runs can be paused', async () => {
      await using world = await make();
      const [node] = world.nodes;

      await expect(node.pause()).rejects.toMatchObject({ code: 'E_FAILED' });
      expect((await node.inspect()).state).toBe('stopped');
    });

    it('a unit is restarted in place, however often', async () => {
      await using world = await make();
      const [node] = world.nodes;
      await node.start();
      const pids = new Set([(await node.inspect()).pid]);

      // One more than the start limit of a unit allows by itself.
      for (let i = 0; i < 6; i += 1) {
        await node.restartUnit('etcd2.service');
        pids.add((await node.inspect()).pid);
      }

      const facts = await node.inspect();
      expect(pids.size).toBe(7);
      expect(pids).not.toContain(null);
      expect(facts.state).toBe('running');
      expect(facts.units).toContainEqual(
        expect.objectContaining({ name: 'etcd2.service', state: 'active' }),
      );
    });

    it('only units that are there, of a node that runs, are restarted', async () => {
      await using world = await make();
      const [node, other] = world.nodes;
      await node.start();

      await expect(node.restartUnit('nosuch.service')).rejects.toMatchObject({ code: 'E_FAILED' });
      await expect(other.restartUnit('etcd2.service')).rejects.toMatchObject({ code: 'E_FAILED' });
      expect((await other.inspect()).state).toBe('stopped');
    });

    it('runs what lies in the dev folder, tells how it fails, and goes back when it is gone', async () => {
      await using world = await make();
      const [node] = world.nodes;
      await node.start();
      const dev = join(node.devFolder, 'etcd2.mjs');
      mkdirSync(node.devFolder, { recursive: true });

      writeFileSync(dev, "console.error('broken on purpose'); process.exit(1);\n");
      const failure = await node.restartUnit('etcd2.service').catch((error: unknown) => error);
      const broken = await node.inspect();
      rmSync(dev);
      await node.restartUnit('etcd2.service');
      const mended = await node.inspect();

      expect(failure).toMatchObject({
        code: 'E_FAILED',
        details: {
          log: expect.arrayContaining([expect.stringContaining('broken on purpose')]) as unknown,
        },
      });
      expect(broken).toMatchObject({ state: 'running', pid: null });
      expect(mended.pid).toBeGreaterThan(0);
    });

    it('links pass, are cut one way or both, refuse, and pass again', async () => {
      await using world = await make();
      const { runtime, nodes } = world;
      await Promise.all(nodes.map((node) => node.start()));
      const [one, two] = nodes.map((node) => node.plan.name) as [string, string];
      const there = { from: one, to: two };
      const back = { from: two, to: one };
      const seen: string[] = [await runtime.probeLink(there)];

      for (const [link, rule] of [
        [there, cut],
        [there, passRule],
        [back, cut],
        [back, passRule],
        [there, refuse],
        [there, passRule],
      ] as const) {
        await runtime.setLink(link, rule);
        seen.push(await runtime.probeLink(there));
      }

      expect(seen).toEqual(['passes', 'silent', 'passes', 'silent', 'passes', 'refused', 'passes']);
    });

    it('a dial to a node that is down does not pass', async () => {
      await using world = await make();
      const { runtime, nodes } = world;
      await Promise.all(nodes.map((node) => node.start()));
      const [one, two] = nodes.map((node) => node.plan.name) as [string, string];

      await nodes[1].kill();

      expect(await runtime.probeLink({ from: one, to: two })).toBe(world.down);
    });

    it('the discovery service has an address while it is there', async () => {
      await using world = await make();
      const { discovery } = world.runtime;
      const first = discovery.url;

      await discovery.stop();
      const gone = discovery.url;
      await discovery.start();
      await discovery.start();

      expect(first).toMatch(/^http/);
      expect(gone).toBeUndefined();
      expect(discovery.url).toBe(first);
    });
  });
}
