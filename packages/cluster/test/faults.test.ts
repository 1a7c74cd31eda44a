// Faults in force: what they do, that each undoes itself alone, and what is refused.
import { ManualClock, RecordingLog } from '@corral/kit/testing';
import { describe, expect, it } from 'vitest';
import { Faults, linksBetween } from '../src/faults.js';
import type { LinkRule } from '../src/runtime.js';
import { ClusterError } from '../src/errors.js';
import { makePlan } from '../src/plan.js';
import { MemoryRuntime } from './memory-runtime.js';
import type { MemoryNode } from './memory-runtime.js';

const given = { number: 7, discoveryPort: 4000, token: 't', createdAt: '' };
const wallTime = Date.UTC(2026, 0, 1);

async function world(): Promise<{
  readonly runtime: MemoryRuntime;
  readonly clock: ManualClock;
  readonly faults: Faults;
  readonly log: RecordingLog;
  readonly rule: (link: string) => LinkRule | undefined;
  readonly states: () => string;
}> {
  const runtime = new MemoryRuntime();
  const clock = new ManualClock({ wallTime });
  const log = new RecordingLog();
  const spec = { name: 'm', central: 3, workers: 0, cloudConfigs: {}, ignoreUnknown: false };
  const { plan } = makePlan(spec, given);
  for (const node of plan.nodes) await runtime.create(node).start();
  await runtime.discovery.start();
  const handle = (name: string): MemoryNode => {
    const node = runtime.nodes.get(name);
    if (node !== undefined) return node;
    throw new ClusterError('E_UNKNOWN_NODE', name);
  };
  const start = (name: string): Promise<void> => handle(name).start();
  const faults = new Faults({ runtime, clock, logger: log, handle, start });
  return {
    runtime,
    clock,
    faults,
    log,
    rule: (link) => runtime.rules.get(link),
    states: () => [...runtime.nodes.values()].map((node) => node.state).join(' '),
  };
}

describe('a fault', () => {
  it('on a node is in force until healed, and named at the node', async () => {
    const { faults, states } = await world();

    const killed = await faults.inject({ kind: 'kill', node: 'n1' }, 0);
    await faults.inject({ kind: 'pause', node: 'n2' }, 0);
    await faults.inject({ kind: 'stop', node: 'n3' }, 0);
    const during = states();
    const words = ['n1', 'n2', 'n3'].map((node) => faults.wordsOf(node));
    await faults.healAll();

    expect(killed).toEqual({
      id: 1,
      spec: { kind: 'kill', node: 'n1' },
      since: '2026-01-01T00:00:00.000Z',
      until: null,
    });
    expect(during).toBe('killed paused stopped');
    expect(words).toEqual([['kill'], ['pause'], ['stop']]);
    expect(states()).toBe('running running running');
    expect(faults.list()).toEqual([]);
  });

  it('heals by itself when its time is over, and no other fault with it', async () => {
    const { faults, clock, rule, states } = await world();
    await faults.inject({ kind: 'kill', node: 'n3' }, 0);
    const cut = await faults.inject(
      { kind: 'cut', links: linksBetween(['n1'], ['n2'], { oneWay: true }) },
      5_000,
    );

    await clock.advance(4_999);
    const before = rule('n1>n2');
    await clock.advance(1);

    expect(cut?.until).toBe('2026-01-01T00:00:05.000Z');
    expect(before?.cut).toBe(true);
    expect(rule('n1>n2')?.cut).toBe(false);
    expect(states()).toBe('running running killed');
    expect(faults.list().map(({ spec }) => spec.kind)).toEqual(['kill']);
  });

  it('healed by hand does not come up again when its time is over', async () => {
    const { faults, clock, states } = await world();
    await faults.inject({ kind: 'kill', node: 'n1' }, 1_000);
    await faults.heal(1);
    await faults.inject({ kind: 'kill', node: 'n1' }, 0);

    await clock.advance(10_000);

    expect(states()).toBe('killed running running');
    expect(clock.pendingTimers).toBe(0);
  });

  it('that cannot heal by itself is told in the log', async () => {
    const { faults, clock, log, runtime } = await world();
    await faults.inject({ kind: 'kill', node: 'n1' }, 1_000);
    runtime.nodes.get('n1')!.startError = new Error('no such program');

    await clock.advance(1_000);

    expect(log.lines.map(({ message, fields }) => [message, fields['error']])).toEqual([
      ['a fault did not heal by itself', 'no such program'],
    ]);
    expect(faults.wordsOf('n1')).toEqual(['kill']);
    runtime.nodes.get('n1')!.startError = undefined;
    await faults.heal(1);
    expect(faults.wordsOf('n1')).toEqual([]);
  });

  it('replaces the one that was on the same node', async () => {
    const { faults, clock, states } = await world();
    await faults.inject({ kind: 'pause', node: 'n1' }, 1_000);
    await faults.inject({ kind: 'kill', node: 'n1' }, 0);

    await clock.advance(2_000);

    expect(states()).toBe('killed running running');
    expect(faults.wordsOf('n1')).toEqual(['kill']);
  });

  it('that does not come into force leaves what was there', async () => {
    const { faults, states } = await world();
    await faults.inject({ kind: 'kill', node: 'n1' }, 0);

    await expect(faults.inject({ kind: 'pause', node: 'n1' }, 0)).rejects.toThrow('n1 is killed');

    expect(faults.wordsOf('n1')).toEqual(['kill']);
    expect(states()).toBe('killed running running');
  });

  it('of an unknown node or kind is refused, and nothing has happened', async () => {
    const { faults, runtime } = await world();
    const links = [{ from: 'n1', to: 'n9' }];

    await expect(faults.inject({ kind: 'cut', links }, 0)).rejects.toMatchObject({
      code: 'E_UNKNOWN_NODE',
    });
    await expect(faults.inject({ kind: 'clock', on: 'n1' }, 0)).rejects.toMatchObject({
      code: 'E_FAULT_UNAVAILABLE',
      message: 'fault clock is not available here: memory has no clocks',
    });
    expect(faults.list()).toEqual([]);
    expect(runtime.rules.size).toBe(0);
  });
});

describe('faults on links', () => {
  it('add up, and each takes only its own part away', async () => {
    const { faults, rule } = await world();
    const links = [{ from: 'n1', to: 'n2' }];
    const slow = { kind: 'slow', links, delayMs: 10, jitterMs: 1 } as const;
    await faults.inject({ ...slow, bytesPerSecond: 500 }, 0);
    await faults.inject({ ...slow, bytesPerSecond: 300 }, 0);
    await faults.inject({ kind: 'cut', links }, 0);

    const all = rule('n1>n2');
    await faults.heal(3);
    const slowed = rule('n1>n2');
    await faults.heal(1);

    expect(all).toMatchObject({ cut: true, delayMs: 20, jitterMs: 2, bytesPerSecond: 300 });
    expect(slowed).toMatchObject({ cut: false, delayMs: 20 });
    expect(rule('n1>n2')).toMatchObject({ cut: false, delayMs: 10, bytesPerSecond: 300 });
    expect(faults.wordsOf('n2')).toEqual(['slow:n1>n2']);
    expect(faults.wordsOf('n3')).toEqual([]);
  });

  it('of one node are healed without those between others', async () => {
    const { faults, rule } = await world();
    await faults.inject({ kind: 'cut', links: linksBetween(['n1'], ['n2', 'n3']) }, 0);
    await faults.inject({ kind: 'kill', node: 'n2' }, 0);

    await faults.healNode('n2');

    expect([rule('n1>n2')?.cut, rule('n2>n1')?.cut]).toEqual([false, false]);
    expect([rule('n1>n3')?.cut, rule('n3>n1')?.cut]).toEqual([true, true]);
    expect(faults.wordsOf('n2')).toEqual([]);
    expect(faults.wordsOf('n1')).toEqual(['cut:n1>n3', 'cut:n3>n1']);
  });

  it('refuse resets what is open; reset does only that, once', async () => {
    const { faults, runtime, rule } = await world();
    const links = [{ from: 'n1', to: 'n2' }];

    const once = await faults.inject({ kind: 'reset', links }, 0);
    const after = rule('n1>n2');
    await faults.inject({ kind: 'refuse', links }, 0);

    expect(once).toBeUndefined();
    expect(after).toBeUndefined();
    expect(rule('n1>n2')?.refuse).toBe(true);
    expect(runtime.resets).toEqual(['n1>n2', 'n1>n2']);
    expect(faults.list().length).toBe(1);
  });

  it('that have no effect are an error, and undone', async () => {
    const { faults, runtime, rule } = await world();
    runtime.broken.add('n1>n2');

    await expect(
      faults.inject({ kind: 'cut', links: [{ from: 'n1', to: 'n2' }] }, 0),
    ).rejects.toThrow('n1:n2 still passes: the fault has no effect');

    expect(faults.list()).toEqual([]);
    expect(rule('n1>n2')?.cut).toBe(false);
  });

  it('of a node that is gone are forgotten', async () => {
    const { faults } = await world();
    await faults.inject({ kind: 'cut', links: linksBetween(['n1', 'n3'], ['n2']) }, 0);

    faults.forgetLinks('n2');

    expect(faults.list()).toEqual([]);
  });
});
