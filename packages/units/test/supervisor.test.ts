// The supervisor with processes that exist in a list only, and a clock that moves when told to.
import { describe, expect, it } from 'vitest';
import { ManualClock } from '@corral/kit/testing';
import { CommandBuilder } from '../src/command-builder.js';
import { readService } from '../src/service.js';
import { Unit, parseUnitFile } from '../src/unit-file.js';
import { FakeProcesses } from './fake-processes.js';
import { nodeRoot, plainMapping } from './node-root.js';
import type { NodeRoot } from './node-root.js';

type World = NodeRoot & { readonly processes: FakeProcesses; readonly clock: ManualClock };

function world(): World {
  const processes = new FakeProcesses();
  const clock = new ManualClock();
  return Object.assign(nodeRoot({ processes, clock }), { processes, clock });
}

/** Lets promises settle without moving time. */
async function settled(node: World): Promise<void> {
  for (let i = 0; i < 5; i += 1) await node.clock.advance(0);
}

describe('the start of a service', () => {
  it('runs ExecStartPre, ExecStart and ExecStartPost in order', async () => {
    await using node = world();
    node.unit(
      'a.service',
      '[Service]\nExecStartPre=/pre 1\nExecStartPre=-/bad\nExecStart=/main %p ${V}\nExecStartPost=/post $MAINPID\nEnvironment=V=v\n',
    );
    for (const path of ['/pre', '/post']) node.processes.ends(path, {});
    node.processes.ends('/bad', { code: 1 });

    const result = await node.supervisor.start('a.service');

    expect(result).toBe('done');
    expect(node.processes.events).toEqual([
      'start /pre 1',
      'start /bad',
      'start /main a v',
      'start /post 1002',
    ]);
    expect(node.processes.environmentOf('/post')['MAINPID']).toBe('1002');
    expect(node.changes).toEqual(['a.service activating', 'a.service active']);
  });

  it('ends when ExecStartPre fails: nothing else runs but ExecStopPost', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nExecStartPre=/pre\nExecStart=/main\nExecStopPost=/after\n');
    node.processes.ends('/pre', { code: 3 });
    node.processes.ends('/after', {});

    const result = await node.supervisor.start('a.service');
    await settled(node);

    expect(result).toBe('failed');
    expect(node.processes.events).toEqual(['start /pre', 'start /after']);
    expect(node.processes.environmentOf('/after')['SERVICE_RESULT']).toBe('exit-code');
    expect(node.reasonOf('a.service')).toBe('/pre exited with 3');
  });

  it('is cut off after TimeoutStartSec, also in ExecStartPre', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nExecStartPre=/hangs\nExecStart=/main\nTimeoutStartSec=7\n');

    const start = node.supervisor.start('a.service');
    await node.clock.advance(6_999);
    const before = [...node.processes.events];
    await node.clock.advance(1);

    expect(before).toEqual(['start /hangs']);
    expect(await start).toBe('timeout');
    expect(node.processes.events).toEqual(['start /hangs', 'SIGKILL /hangs']);
    expect(node.stateOf('a.service')).toBe('failed');
  });

  it('of an own server waits for READY=1', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nType=notify\nExecStart=/own/server\n');

    const start = node.supervisor.start('a.service');
    await settled(node);
    const before = node.stateOf('a.service');
    node.processes.ready('/own/server');

    expect(await start).toBe('done');
    expect([before, node.stateOf('a.service')]).toEqual(['activating', 'active']);
    expect(node.processes.environmentOf('/own/server')['CORRAL_HELD_PIPE']).toBe('3');
  });

  it('asked for twice at once is one start', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nExecStart=/main\n');

    const results = await Promise.all([1, 2].map(() => node.supervisor.start('a.service')));

    expect(results).toEqual(['done', 'done']);
    expect(node.processes.events).toEqual(['start /main']);
  });

  it('of a oneshot runs all commands, and stays active only when told to', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nType=oneshot\nExecStart=/one ; /two\nExecStart=/three\n');
    node.unit(
      'b.service',
      '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/one\nExecStop=/stop\n',
    );
    for (const path of ['/one', '/two', '/three', '/stop']) node.processes.ends(path, {});

    await node.supervisor.start('a.service');
    await node.supervisor.start('b.service');
    const states = [node.stateOf('a.service'), node.stateOf('b.service')];
    const details = [node.detailOf('a.service'), node.detailOf('b.service')];
    await node.supervisor.stop('b.service');

    expect(states).toEqual(['inactive', 'active']);
    expect(details).toEqual(['done', undefined]);
    expect([node.stateOf('b.service'), node.detailOf('b.service')]).toEqual([
      'inactive',
      undefined,
    ]);
    expect(node.processes.events).toEqual([
      'start /one',
      'start /two',
      'start /three',
      'start /one',
      'start /stop',
    ]);
  });

  it.each([
    [
      '[Service]\nExecStart=/missing\n',
      'a.service: /missing is neither on the node nor on the host',
    ],
    [
      '[Service]\nExecStart=/a\nEnvironmentFile=/etc/none\n',
      'EnvironmentFile=/etc/none is not there',
    ],
    ['[Service]\nExecStart=/a\nWorkingDirectory=/none\n', 'WorkingDirectory=/none is not there'],
    ['[Service]\nExecStart=/a %z\n', 'the specifier %z is not known'],
    ['[Service]\nnonsense\n', '/etc/systemd/system/a.service:2: "nonsense" is no KEY=VALUE'],
  ])('fails with its reason: %j', async (text, reason) => {
    await using node = world();
    node.unit('a.service', text);

    expect(await node.supervisor.start('a.service')).toBe('failed');
    expect(node.reasonOf('a.service')).toContain(reason);
    expect(node.stateOf('a.service')).toBe('failed');
  });
});

describe('a command', () => {
  it('whose program is not there is refused with a code', async () => {
    await using node = world();
    const unit = new Unit('a.service', parseUnitFile('[Service]\nExecStart=/missing\n', 'a'));
    const service = readService(unit);
    const options = { name: 'a.service', root: node.path, logFile: '/x', mapping: plainMapping };
    const builder = new CommandBuilder({ ...options, service });

    expect(() => builder.build(service.execStart[0]!, undefined, {})).toThrow(
      expect.objectContaining({ code: 'E_UNIT_START' }),
    );
  });
});

describe('the end of a service', () => {
  it('by itself follows Restart= after RestartSec', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nExecStart=/main\nRestart=on-failure\nRestartSec=2\n');
    await node.supervisor.start('a.service');

    node.processes.end('/main', { code: 1 });
    await settled(node);
    const [reason, detail] = [node.reasonOf('a.service'), node.detailOf('a.service')];
    await node.clock.advance(1_999);
    const early = node.processes.events.length;
    await node.clock.advance(1);
    await settled(node);

    expect([reason, detail]).toEqual(['exited with 1; restarts in 2000 ms', 'restarting']);
    expect([early, node.processes.events.length]).toEqual([1, 2]);
    expect([node.stateOf('a.service'), node.detailOf('a.service')]).toEqual(['active', undefined]);
  });

  it('again and again hits the start limit, which a start by hand does not lift', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nExecStart=/main\nRestart=always\n');
    node.processes.ends('/main', { code: 3 });

    await node.supervisor.start('a.service');
    await node.clock.advance(5_000);
    const reason = node.reasonOf('a.service');
    const byHand = await node.supervisor.start('a.service');
    await node.clock.advance(10_000);
    node.processes.ends('/main', { signal: 'SIGTERM' });

    expect(node.processes.events).toHaveLength(5);
    expect(reason).toBe('started too often (start limit hit)');
    expect(byHand).toBe('failed');
    expect(node.stateOf('a.service')).toBe('failed');
  });

  it('a start limit that was hit is lifted by reset-failed', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nExecStart=/main\nRestart=always\n');
    node.processes.ends('/main', { code: 3 });
    await node.supervisor.start('a.service');
    await node.clock.advance(5_000);

    node.supervisor.resetFailed('a.service');
    await node.supervisor.start('a.service');

    expect(node.processes.events).toHaveLength(6);
    expect(node.reasonOf('a.service')).toBe('exited with 3; restarts in 100 ms');
  });

  it.each([
    ['', { code: 0 }, 'inactive'],
    ['', { signal: 'SIGTERM' as const }, 'inactive'],
    ['', { signal: 'SIGKILL' as const }, 'failed'],
    ['', { code: 5 }, 'failed'],
    ['RemainAfterExit=yes\n', { code: 0 }, 'active'],
  ])('with %j and %j leaves it %s', async (more, exit, state) => {
    await using node = world();
    node.unit('a.service', `[Service]\nExecStart=/main\n${more}`);
    await node.supervisor.start('a.service');

    node.processes.end('/main', exit);
    await settled(node);

    expect(node.stateOf('a.service')).toBe(state);
  });
});

describe('a stop', () => {
  it('runs ExecStop, sends KillSignal, and SIGKILL after TimeoutStopSec, then ExecStopPost', async () => {
    await using node = world();
    node.unit(
      'a.service',
      '[Service]\nExecStart=/main\nExecStop=/stop\nExecStopPost=/after\nKillSignal=SIGINT\nTimeoutStopSec=5\n',
    );
    for (const path of ['/stop', '/after']) node.processes.ends(path, {});
    node.processes.ignoresTerm('/main');
    await node.supervisor.start('a.service');

    const stop = node.supervisor.stop('a.service');
    await node.clock.advance(4_999);
    const before = [...node.processes.events];
    await node.clock.advance(1_000);
    await stop;

    expect(before).toEqual(['start /main', 'start /stop', 'SIGINT /main']);
    expect(node.processes.events.slice(3)).toEqual(['SIGKILL /main', 'start /after']);
    expect(node.stateOf('a.service')).toBe('inactive');
  });

  it('during a start ends it', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nExecStartPre=/hangs\nExecStart=/main\nRestart=always\n');

    const start = node.supervisor.start('a.service');
    await settled(node);
    await node.supervisor.stop('a.service');
    await node.clock.advance(60_000);

    expect(await start).toBe('canceled');
    expect(node.processes.events).toEqual(['start /hangs', 'SIGTERM /hangs']);
    expect(node.stateOf('a.service')).toBe('inactive');
  });

  it('that goes on is awaited by a start that comes meanwhile', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nExecStart=/main\nTimeoutStopSec=5\n');
    node.processes.ignoresTerm('/main');
    await node.supervisor.start('a.service');

    const stop = node.supervisor.stop('a.service');
    const start = node.supervisor.start('a.service');
    await node.clock.advance(4_999);
    const before = [...node.processes.events];
    await node.clock.advance(1_000);
    await stop;

    expect(before).toEqual(['start /main', 'SIGTERM /main']);
    expect(await start).toBe('done');
    expect(node.processes.events.slice(2)).toEqual(['SIGKILL /main', 'start /main']);
    expect(node.stateOf('a.service')).toBe('active');
  });

  it('wins over a restart that waits', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nExecStart=/main\nRestart=always\n');
    await node.supervisor.start('a.service');
    node.processes.end('/main', { code: 1 });
    await settled(node);

    await node.supervisor.stop('a.service');
    await node.clock.advance(60_000);

    expect(node.processes.events).toEqual(['start /main']);
  });

  it('with KillMode=none leaves the process, which stopAll still ends', async () => {
    await using node = world();
    node.unit('a.service', '[Service]\nExecStart=/main\nKillMode=none\n');
    await node.supervisor.start('a.service');

    await node.supervisor.stop('a.service');
    const before = [...node.processes.events];
    await node.supervisor.stopAll();

    expect(before).toEqual(['start /main']);
    expect(node.processes.events).toEqual(['start /main', 'SIGKILL /main']);
  });
});

describe('what cannot run here is skipped with the reason', () => {
  it.each([
    ['docker.service', '', 'plain processes have no Docker engine'],
    ['docker-tcp.socket', '[Socket]\nListenStream=1\n', 'plain processes have no Docker engine'],
    [
      'a.socket',
      '[Socket]\nListenStream=1\n',
      'the embedded supervisor runs services, not socket units',
    ],
    ['a.service', '', 'it is masked'],
    ['none.service', undefined, 'no unit none.service on this node'],
    ['a.service', '[Service]\nExecStart=/usr/bin/docker run x\n', 'it runs /usr/bin/docker'],
    ['a.service', '[Service]\nExecStart=/a\nType=notify\n', 'Type=notify needs a datagram socket'],
    [
      'a.service',
      '[Service]\nExecStart=/a\nRootImage=/x\n',
      '/etc/systemd/system/a.service:3: [Service] RootImage=',
    ],
    [
      'a.service',
      '[Unit]\nConditionPathExists=/usr/bin/fleetd\n[Service]\nExecStart=/a\n',
      '/usr/bin/fleetd is not there',
    ],
    ['a.service', '[Unit]\nConditionPathExists=!/etc\n[Service]\nExecStart=/a\n', '/etc is there'],
    ['a.service', '[Unit]\nConditionHost=n2\n[Service]\nExecStart=/a\n', 'the host name is not n2'],
    [
      'a.service',
      '[Unit]\nConditionPathExists=|/x\nConditionPathExists=|/y\n[Service]\nExecStart=/a\n',
      '/x is not there',
    ],
    [
      'a.service',
      '[Unit]\nRequires=docker.service\n[Service]\nExecStart=/a\n',
      'it needs docker.service, which is skipped',
    ],
  ])('%s %j', async (name, text, reason) => {
    await using node = world();
    node.put('etc/here', '');
    if (text !== undefined) node.unit(name, text);

    expect(await node.supervisor.start(name)).toBe('skipped');
    expect(node.reasonOf(name)).toContain(reason);
    expect(node.stateOf(name)).toBe('skipped');
    expect(node.processes.events).toEqual([]);
  });

  it('but one of several "|" conditions is enough', async () => {
    await using node = world();
    node.put('y', '');
    node.unit(
      'a.service',
      '[Unit]\nConditionPathExists=|/x\nConditionPathExists=|/y\n[Service]\nExecStart=/a\n',
    );

    expect(await node.supervisor.start('a.service')).toBe('done');
  });

  it('and an assertion that does not hold is a failure', async () => {
    await using node = world();
    node.unit('a.service', '[Unit]\nAssertPathExists=/x\n[Service]\nExecStart=/a\n');

    expect(await node.supervisor.start('a.service')).toBe('failed');
  });
});
