// The recorder must find what it is there to find: a lost write, a changed one, a gap.
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { EtcdClient } from '@corral/etcd-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { History } from '../src/history.js';

/** A store of one map that can be told to misbehave. */
async function fakeStore(): Promise<{
  readonly keys: Map<string, string>;
  readonly client: EtcdClient;
  readonly server: Server;
  fail: boolean;
}> {
  const keys = new Map<string, string>();
  const server = createServer((request, response) => {
    const key = (request.url ?? '').replace(/^\/v2\/keys|\?.*$/g, '');
    let body = '';
    request.on('data', (data: Buffer) => (body += data.toString()));
    request.on('end', () => {
      if (fake.fail) {
        request.socket.destroy();
        return;
      }
      if (request.method === 'PUT') keys.set(key, new URLSearchParams(body).get('value') ?? '');
      const value = keys.get(key);
      const node = { key, value, modifiedIndex: 1, createdIndex: 1 };
      const missing = { errorCode: 100, message: 'Key not found', cause: key, index: 1 };
      response.writeHead(value === undefined ? 404 : 200, { 'X-Etcd-Index': '1' });
      response.end(JSON.stringify(value === undefined ? missing : { action: 'get', node }));
    });
  });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new EtcdClient({ endpoints: [`http://127.0.0.1:${port}`], timeoutMs: 2_000 });
  onTestFinished(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  const fake = { keys, client, server, fail: false };
  return fake;
}

describe('a history', () => {
  it('finds nothing lost when nothing is', async () => {
    const store = await fakeStore();
    const history = new History();

    history.start([store.client, store.client]);
    await history.progress(40, 5_000);
    await history.stop();
    const check = await history.check(store.client);

    expect(check.lost).toEqual([]);
    expect(check.acknowledged).toBe(store.keys.size);
    expect(check.acknowledged).toBeGreaterThanOrEqual(40);
  });

  it('finds a write that is gone and one that is another', async () => {
    const store = await fakeStore();
    const history = new History();
    history.start([store.client]);
    await history.progress(20, 5_000);
    await history.stop();

    store.keys.delete('/history/c0-3');
    store.keys.set('/history/c0-7', 'something else');
    const check = await history.check(store.client);

    expect([...check.lost].sort()).toEqual(['/history/c0-3', '/history/c0-7']);
  });

  it('counts a write without an answer as unknown, never as acknowledged', async () => {
    const store = await fakeStore();
    const history = new History();
    history.start([store.client]);
    await history.progress(5, 5_000);
    store.fail = true;
    await expect.poll(() => history.refusals.length).toBeGreaterThan(0);
    store.fail = false;
    await history.progress(5, 5_000);
    await history.stop();

    const check = await history.check(store.client);
    expect(check.unknown).toBeGreaterThan(0);
    expect(check.lost).toEqual([]);
  });

  it('says how far it came when there is no progress', async () => {
    const store = await fakeStore();
    store.fail = true;
    const history = new History();
    history.start([store.client]);

    await expect(history.progress(5, 100)).rejects.toThrow(/only 0 of 5 writes within 100 ms/);
    await history.stop();
  });
});
