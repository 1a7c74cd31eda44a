// A few real processes: what policy cannot show.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { poll, systemClock } from '@corral/kit';
import { describe, expect, it } from 'vitest';
import { machineProcesses } from '../src/processes.js';
import { nodeRoot, plainMapping } from './node-root.js';
import type { NodeRoot } from './node-root.js';

function logOf(node: NodeRoot, name: string): string {
  return readFileSync(join(node.path, 'logs', `${name}.log`), 'utf8');
}

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}

async function until(what: string, check: () => boolean): Promise<void> {
  await poll(() => Promise.resolve(check() ? true : undefined), {
    clock: systemClock,
    timeoutMs: 15_000,
    intervalMs: 20,
    what,
  });
}

describe('real processes', () => {
  it('get their environment, folder and umask, and their output goes to the log', async () => {
    await using node = nodeRoot();
    node.put('etc/env', 'B="two words"\n');
    node.put('srv/here', '');
    node.unit(
      'a.service',
      '[Service]\nType=oneshot\nUMask=0077\nWorkingDirectory=/srv\nEnvironment=A=%n\n' +
        'EnvironmentFile=/etc/env\nExecStart=/bin/sh -c "echo $$A:$$B:$$INVOCATION_ID; pwd; touch made" ; \\\n' +
        '  /bin/echo ${B} $B\n',
    );

    const result = await node.supervisor.start('a.service');

    expect(result).toBe('done');
    const [first = '', ...rest] = logOf(node, 'a.service').trim().split('\n');
    expect(first).toMatch(/^a\.service:two words:[0-9a-f]{32}$/);
    expect(rest).toEqual([join(node.path, 'srv'), 'two words two words']);
    expect(statSync(join(node.path, 'srv/made')).mode & 0o777).toBe(0o600);
  });

  it('leave nothing behind in their group when the main one ends', async () => {
    await using node = nodeRoot();
    node.unit(
      'a.service',
      '[Service]\nExecStart=/bin/sh -c "sleep 600 & echo $! >&2; exec sleep 601"\n',
    );
    await node.supervisor.start('a.service');
    await until('the child writes its pid', () => logOf(node, 'a.service').trim() !== '');
    const child = Number(logOf(node, 'a.service').trim());
    const main = node.supervisor.pidOf('a.service')!;

    process.kill(main, 'SIGKILL');
    await until('the child ends', () => !isAlive(child));

    expect(node.stateOf('a.service')).toBe('failed');
    expect(node.reasonOf('a.service')).toBe('ended by SIGKILL');
  });

  it('that ignore SIGTERM or are stopped end by SIGKILL', async () => {
    await using node = nodeRoot();
    node.unit(
      'a.service',
      '[Service]\nTimeoutStopSec=200ms\nExecStart=/bin/sh -c "trap : TERM; echo ready; while :; do sleep 0.05; done"\n',
    );
    await node.supervisor.start('a.service');
    await until('the trap is set', () => logOf(node, 'a.service').includes('ready'));
    const pid = node.supervisor.pidOf('a.service')!;
    node.supervisor.signalAll('SIGSTOP');

    await node.supervisor.stop('a.service');

    expect(isAlive(pid)).toBe(false);
    expect(machineProcesses.isGroupAlive(pid)).toBe(false);
    expect(node.stateOf('a.service')).toBe('inactive');
  });

  it('say READY=1 on the pipe that they hold, and see it close', async () => {
    await using node = nodeRoot({
      mapping: { ...plainMapping, isOwnServer: (path) => path === '/bin/sh' },
    });
    node.unit(
      'a.service',
      '[Service]\nType=notify\nExecStart=/bin/sh -c "echo READ >&3; sleep 0.2; echo READY=1 >&3; cat <&3"\n',
    );

    const result = await node.supervisor.start('a.service');

    expect(result).toBe('done');
    expect(node.changes).toEqual(['a.service activating', 'a.service active']);
  });

  it('that end before they are ready fail the start', async () => {
    await using node = nodeRoot({
      mapping: { ...plainMapping, isOwnServer: (path) => path === '/bin/sh' },
    });
    node.unit('a.service', '[Service]\nType=notify\nExecStart=/bin/sh -c "exit 4"\n');

    expect(await node.supervisor.start('a.service')).toBe('failed');
    expect(node.reasonOf('a.service')).toBe('/bin/sh exited with 4');
  });

  it('that cannot be executed fail the start and say why', async () => {
    await using node = nodeRoot();
    node.unit('a.service', '[Service]\nExecStart=/nonexistent/program\n');

    expect(await node.supervisor.start('a.service')).toBe('failed');
    expect(node.reasonOf('a.service')).toContain(
      'cannot be run: spawn /nonexistent/program ENOENT',
    );
  });

  it('start again after a crash, with another pid', async () => {
    await using node = nodeRoot();
    node.unit(
      'a.service',
      '[Service]\nRestart=always\nRestartSec=10ms\nExecStart=/bin/sleep 600\n',
    );
    await node.supervisor.start('a.service');
    const first = node.supervisor.pidOf('a.service')!;

    process.kill(first, 'SIGKILL');
    await until(
      'it runs again',
      () => ![undefined, first].includes(node.supervisor.pidOf('a.service')),
    );

    expect(node.stateOf('a.service')).toBe('active');
  });

  it.each(['killAll', 'stopAll'] as const)(
    'nothing is started after %s by a start that was under way',
    async (end) => {
      await using node = nodeRoot();
      node.unit('a.service', '[Service]\nType=oneshot\nExecStart=/bin/sleep 600\n');
      node.unit(
        'b.service',
        '[Unit]\nWants=a.service\nAfter=a.service\n[Service]\nExecStart=/bin/sleep 601\n',
      );
      const starting = node.supervisor.start('b.service');
      await until('the first to run', () => node.supervisor.pidOf('a.service') !== undefined);

      await node.supervisor[end]();

      expect(await starting).toBe('canceled');
      expect(node.supervisor.pidOf('b.service')).toBeUndefined();
    },
  );
});
