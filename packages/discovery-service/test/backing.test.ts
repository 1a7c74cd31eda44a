// A store behind the service that fails: what an etcd that boots sees of it.
import { expect, it } from 'vitest';
import { freePort, ManualClock } from '@corral/kit/testing';
import { ask, fakeStore, open, register, service, until } from './support/world.js';

const token = 'a'.repeat(32);

it('that is down gives 503 in JSON, so that an etcd tries again', async () => {
  const { url } = await service({ etcd: `http://127.0.0.1:${await freePort()}` });
  const answers = [
    await ask(url, `/${token}`),
    await ask(url, `/${token}?wait=true`),
    await register(url, token, 'a1', 'n1=http://h:1'),
    await ask(url, `/${token}`, { headers: { Accept: 'text/html' } }),
  ];

  for (const answer of answers) {
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toHaveProperty('message');
  }
  expect((await ask(url, '/new')).text).toBe('Unable to generate token\n');
  expect((await ask(url, '/health')).status).toBe(503);
});

it('that hangs is left before an etcd gives up (5 s)', async () => {
  const store = await fakeStore(() => undefined);
  const { url } = await service({ etcd: store.url });

  const startedAt = performance.now();
  const answer = await ask(url, `/${token}/_config/size`);

  expect(answer.status).toBe(503);
  expect(performance.now() - startedAt).toBeLessThan(4_900);
  await until(() => store.sockets.size === 0);
});

it('that breaks off an answer breaks it off for the client', async () => {
  const store = await fakeStore((_request, response) => {
    response.writeHead(200, { 'Content-Length': '100' });
    response.write('{');
    setImmediate(() => response.socket?.destroy());
  });
  const { url } = await service({ etcd: store.url });

  await expect(ask(url, `/${token}`)).rejects.toThrow('aborted');
});

it.each(['before', 'after'])(
  'is not kept waiting by a client that leaves %s the head',
  async (when) => {
    const store = await fakeStore((_request, response) => {
      if (when === 'after') response.flushHeaders();
    });
    const { url } = await service({ etcd: store.url });
    const controller = new AbortController();
    const waiting = fetch(`${url}/${token}?wait=true`, { signal: controller.signal });
    await until(() => store.sockets.size === 1);
    if (when === 'after') await waiting;

    controller.abort();

    if (when === 'before') await expect(waiting).rejects.toThrow();
    await until(() => store.sockets.size === 0);
  },
);

it('a wait without an event ends after five minutes with an empty body: the etcd asks anew', async () => {
  const clock = new ManualClock();
  const store = await fakeStore((_request, response) => response.flushHeaders());
  const { url } = await service({ etcd: store.url, clock });
  const { response } = await open(url, `/${token}?wait=true`);
  let text = '';
  response.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise((resolve) => response.on('end', resolve));

  await clock.advance(300_000);
  await ended;

  expect([response.statusCode, text]).toEqual([200, '']);
});

it('that does not know the v2 API is told so at once when a token is to be issued', async () => {
  const store = await fakeStore((_request, response) => {
    response.writeHead(404).end('404 page not found\n');
  });

  const started = service({ etcd: store.url, tokens: [{ name: 'mine', size: 3 }] });

  await expect(started).rejects.toMatchObject({
    code: 'E_DISCOVERY_STORE',
    message: expect.stringContaining('--enable-v2') as string,
  });
});

it('the service does not begin where another listens', async () => {
  const other = await service();
  const { port } = new URL(other.url);

  const second = service({ listen: { host: '127.0.0.1', port: Number(port) } });

  await expect(second).rejects.toMatchObject({ code: 'E_DISCOVERY_LISTEN' });
});
