// Ports where nobody listens.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { freePort, freePorts, refusingUrl } from '../../src/testing/free-port.js';

it('a connection to it is refused', async () => {
  const { hostname, port } = new URL(await refusingUrl());

  const socket = connect({ host: hostname, port: Number(port) });

  await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

it('a server can have it', async () => {
  const port = await freePort();
  const server = createServer();
  onTestFinished(() => void server.close());

  server.listen({ host: '127.0.0.1', port });
  await once(server, 'listening');

  expect(server.address()).toMatchObject({ address: '127.0.0.1', port });
});

it('several at once are different ones', async () => {
  const ports = await freePorts(20);

  expect(new Set(ports).size).toBe(20);
  expect(Math.min(...ports)).toBeGreaterThan(0);
});
