// Order and dependencies between units, with processes that exist in a list only.
import { describe, expect, it } from 'vitest';
import { ManualClock } from '@corral/kit/testing';
import { FakeProcesses } from './fake-processes.js';
import { nodeRoot } from './node-root.js';
import type { NodeRoot } from './node-root.js';

type World = NodeRoot & { readonly processes: FakeProcesses };

function world(units: Readonly<Record<string, string>>): World {
  const processes = new FakeProcesses();
  const node = nodeRoot({ processes, clock: new ManualClock() });
  for (const [name, text] of Object.entries(units)) {
    node.unit(`${name}.service`, `[Unit]\n${text}\n[Service]\nExecStart=/${name}\n`);
  }
  return Object.assign(node, { processes });
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('a start pulls in', () => {
  it('what is required and wanted, each after what comes before it', async () => {
    await using node = world({
      a: 'Requires=b.service\nWants=c.service none.service\nAfter=b.service',
      b: 'After=c.service',
      c: '',
      d: '',
    });

    expect(await node.supervisor.start('a.service')).toBe('done');
    expect(node.processes.events).toEqual(['start /c', 'start /b', 'start /a']);
    expect(
      node.supervisor
        .units()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['a.service', 'b.service', 'c.service']);
  });

  it('nothing for a target, which is always there', async () => {
    await using node = world({ a: 'Requires=network-online.target\nAfter=network-online.target' });

    expect(await node.supervisor.start('a.service')).toBe('done');
  });

  it.each([
    ['Requires=none.service', 'dependency', 'Unit none.service not found.'],
    ['BindsTo=none.service', 'dependency', 'Unit none.service not found.'],
    [
      'Requires=bad.service\nAfter=bad.service',
      'dependency',
      'it needs bad.service, whose start ended with failed',
    ],
    ['Requires=broken.service', 'dependency', 'it needs broken.service, which failed: '],
  ])('and fails with what it needs: %j', async (text, result, reason) => {
    await using node = world({ a: text });
    node.unit('bad.service', '[Service]\nExecStartPre=/fails\nExecStart=/x\n');
    node.unit('broken.service', '[Service]\nRestart=never\nExecStart=/x\n');
    node.processes.ends('/fails', { code: 1 });

    expect(await node.supervisor.start('a.service')).toBe(result);
    expect(node.stateOf('a.service')).toBe('failed');
    expect(node.reasonOf('a.service')).toContain(reason);
    expect(node.processes.events).not.toContain('start /a');
  });

  it('and breaks a cycle of order with a warning', async () => {
    await using node = world({
      a: 'Wants=b.service\nAfter=b.service',
      b: 'After=a.service',
    });

    expect(await node.supervisor.start('a.service')).toBe('done');
    expect(node.processes.events).toHaveLength(2);
    expect(node.log.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'ordering cycle' }),
    );
  });
});

describe('a stop takes along', () => {
  it.each(['Requires', 'BindsTo', 'PartOf'])('the units with %s=, first', async (option) => {
    await using node = world({ a: '', b: `${option}=a.service`, c: '' });
    for (const name of ['a', 'b', 'c']) await node.supervisor.start(`${name}.service`);

    await node.supervisor.stop('a.service');

    expect(node.processes.events.slice(3)).toEqual(['SIGTERM /b', 'SIGTERM /a']);
    expect(node.stateOf('c.service')).toBe('active');
  });

  it('units that need each other, once', async () => {
    await using node = world({ a: 'BindsTo=b.service', b: 'BindsTo=a.service' });
    await node.supervisor.start('a.service');

    await node.supervisor.stop('a.service');

    expect([node.stateOf('a.service'), node.stateOf('b.service')]).toEqual([
      'inactive',
      'inactive',
    ]);
  });

  it('with BindsTo= also when the other ends by itself', async () => {
    await using node = world({ a: '', b: 'BindsTo=a.service', c: 'Requires=a.service' });
    for (const name of ['a', 'b', 'c']) await node.supervisor.start(`${name}.service`);

    node.processes.end('/a', { code: 1 });
    await settled();

    expect(['a', 'b', 'c'].map((name) => node.stateOf(`${name}.service`))).toEqual([
      'failed',
      'inactive',
      'active',
    ]);
  });

  it('and a restart brings them up again', async () => {
    await using node = world({ a: '', b: 'PartOf=a.service\nAfter=a.service' });
    for (const name of ['a', 'b']) await node.supervisor.start(`${name}.service`);

    const result = await node.supervisor.command('restart', 'a.service');

    expect(result).toBe('done');
    expect(node.processes.events.slice(2)).toEqual([
      'SIGTERM /b',
      'SIGTERM /a',
      'start /a',
      'start /b',
    ]);
  });

  it('all, in the reverse of their order', async () => {
    await using node = world({ a: '', b: 'After=a.service', c: 'After=b.service' });
    for (const name of ['a', 'b', 'c']) await node.supervisor.start(`${name}.service`);

    await node.supervisor.stopAll();

    expect(node.processes.events.slice(3)).toEqual(['SIGTERM /c', 'SIGTERM /b', 'SIGTERM /a']);
  });
});

describe('units that', () => {
  it.each([
    ['Conflicts=b.service', ''],
    ['', 'Conflicts=a.service'],
  ])('conflict (%j, %j) do not run together', async (a, b) => {
    await using node = world({ a, b });
    await node.supervisor.start('b.service');

    await node.supervisor.start('a.service');

    expect(node.processes.events).toEqual(['start /b', 'SIGTERM /b', 'start /a']);
  });

  it('are named in OnFailure= start when the other has failed', async () => {
    await using node = world({ a: 'OnFailure=b.service', b: '' });
    await node.supervisor.start('a.service');

    node.processes.end('/a', { code: 1 });
    await settled();

    expect(node.processes.events).toEqual(['start /a', 'start /b']);
  });

  it('are wanted by multi-user.target start at boot, and etcd2 when it is configured', async () => {
    await using node = world({ a: '', b: '', etcd2: '' });
    node.put(
      'run/systemd/system/etcd2.service.d/20-cloudinit.conf',
      '[Service]\nEnvironment=A=1\n',
    );
    node.unit('a.service.d/x.conf', '[Install]\nWantedBy=multi-user.target\n');
    await node.supervisor.enable('a.service', { runtime: true });

    await node.supervisor.boot();

    expect([...node.processes.events].sort()).toEqual(['start /a', 'start /etcd2']);
  });
});

describe('a command of systemctl', () => {
  it.each([
    ['start', ['start /a'], 'done'],
    ['stop', [], 'done'],
    ['restart', ['start /a'], 'done'],
    ['try-restart', [], 'done'],
    ['reload', [], 'failed'],
    ['reload-or-restart', ['start /a'], 'done'],
    ['reload-or-try-restart', [], 'done'],
    ['jump', [], 'skipped'],
  ])('%s on a unit that is down', async (command, events, result) => {
    await using node = world({ a: '' });

    expect(await node.supervisor.command(command, 'a.service')).toBe(result);
    expect(node.processes.events).toEqual(events);
  });

  it.each([
    ['start', []],
    ['stop', ['SIGTERM /a']],
    ['restart', ['SIGTERM /a', 'start /a']],
    ['try-restart', ['SIGTERM /a', 'start /a']],
    ['reload', ['start /reload']],
    ['reload-or-restart', ['start /reload']],
    ['reload-or-try-restart', ['start /reload']],
  ])('%s on a unit that is up', async (command, events) => {
    await using node = world({ a: '' });
    node.unit('a.service.d/1.conf', '[Service]\nExecReload=/reload\n');
    node.processes.ends('/reload', {});
    await node.supervisor.start('a.service');

    expect(await node.supervisor.command(command, 'a.service')).toBe('done');
    expect(node.processes.events.slice(1)).toEqual(events);
  });
});
