import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClusterError } from '../src/errors.js';
import { makePlan } from '../src/plan.js';
import type { ClusterPlan } from '../src/plan.js';
import { findHolder, preflight, thisSystem } from '../src/process/preflight.js';

function plan(number: number): ClusterPlan {
  return makePlan(
    { name: 'pre', central: 1, workers: 1, cloudConfigs: {}, ignoreUnknown: false },
    { number, discoveryPort: 0, token: 't', createdAt: '' },
  ).plan;
}

const failure = (work: Promise<unknown>): Promise<ClusterError> =>
  work.then(
    () => {
      throw new Error('nothing was refused');
    },
    (error: unknown) => error as ClusterError,
  );

describe('the preflight', () => {
  it('says what it found', async () => {
    expect(await preflight(plan(249), tmpdir())).toMatch(/^node .* GiB free · 4 ports free$/);
  });

  it('names the program that holds a port', async () => {
    const server = createServer();
    server.listen({ host: '127.248.0.1', port: 2380 });
    await once(server, 'listening');
    onTestFinished(() => void server.close());

    const error = await failure(preflight(plan(248), tmpdir()));

    expect(error.code).toBe('E_PORT_TAKEN');
    expect(error.exitCode).toBe(5);
    expect(error.message).toMatch(
      new RegExp(`^Port 2380 is held by ".+", pid ${process.pid}: it blocks 127.248.0.1:2380`),
    );
    expect(error.message).toContain('Nothing was created');
    expect(error.remedies[0]).toBe(`stop pid ${process.pid}`);
  });

  it('does not name a program that holds the port on another address', async () => {
    const child = spawn(process.execPath, [
      '-e',
      "require('net').createServer().listen(2380, '127.248.0.9', () => console.log('up'))",
    ]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    const server = createServer();
    server.listen({ host: '127.248.0.2', port: 2380 });
    await once(server, 'listening');
    onTestFinished(() => void server.close());

    expect(findHolder('127.248.0.9', 2380)?.pid).toBe(child.pid);
    expect(findHolder('127.248.0.2', 2380)?.pid).toBe(process.pid);
    expect(findHolder('127.248.0.3', 2380)).toBeUndefined();
  });

  it('refuses an address of another machine', async () => {
    const text = '#cloud-config\ncoreos:\n  etcd2:\n    listen-peer-urls: http://192.0.2.1:2380\n';
    const { plan: elsewhere } = makePlan(
      {
        name: 'pre',
        central: 1,
        workers: 0,
        cloudConfigs: { central: { file: 'x.yaml', text } },
        ignoreUnknown: false,
      },
      { number: 245, discoveryPort: 0, token: 't', createdAt: '' },
    );

    const error = await failure(preflight(elsewhere, tmpdir()));

    expect(error.code).toBe('E_CONFIG');
    expect(error.message).toContain('192.0.2.1 is no address of this machine');
  });

  it('refuses a disk that is nearly full', async () => {
    const system = { ...thisSystem, freeBytes: () => 10 * 1024 * 1024 };

    const error = await failure(preflight(plan(247), tmpdir(), system));

    expect(error.code).toBe('E_DISK_LOW');
    expect(error.message).toContain('10 MiB free where clusters live');
    expect(error.message).toContain('256 MiB wanted');
    expect(error.remedies.join()).toContain('corral gc');
  });

  it('refuses a system where 127.0.0.0/8 is not whole', async () => {
    const error = await failure(
      preflight(plan(246), tmpdir(), { ...thisSystem, platform: 'darwin' }),
    );

    expect(error.code).toBe('E_UNSUPPORTED_SYSTEM');
    expect(error.message).toContain('this is darwin');
  });
});
