// Links over real sockets: bytes pass, stall, wait; nothing is lost or reordered.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { poll, seededPrng, systemClock } from '@corral/kit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LinkRelay, passRule } from '../src/process/relay.js';

let host = 10;

/** An echo server behind a relay on an address of its own. */
async function echoBehindRelay(): Promise<{
  readonly relay: LinkRelay;
  readonly targets: Socket[];
  readonly dial: () => Promise<Client>;
}> {
  host += 1;
  const targets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    targets.push(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const listenHost = `127.251.9.${host}`;
  const prng = seededPrng(1);
  const relay = new LinkRelay({
    listenHost,
    targetHost: '127.0.0.1',
    ports: [port],
    clock: systemClock,
    prng,
  });
  await relay.open();
  onTestFinished(() => {
    relay.close();
    for (const socket of targets) socket.destroy();
    server.close();
  });
  return { relay, targets, dial: () => Client.dial(listenHost, port) };
}

class Client {
  received = '';
  closed: 'no' | 'end' | 'reset' = 'no';
  readonly socket: Socket;
  readonly gone: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.gone = new Promise((resolve) => socket.on('close', () => resolve()));
    socket.on('data', (data: Buffer) => (this.received += data.toString()));
    socket.on('end', () => (this.closed = 'end'));
    socket.on('error', () => (this.closed = 'reset'));
  }

  static async dial(address: string, port: number): Promise<Client> {
    const socket = connect({ host: address, port });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return new Client(socket);
  }

  hears(text: string): Promise<true> {
    return poll(() => Promise.resolve(this.received === text ? true : undefined), {
      clock: systemClock,
      what: `"${text}" instead of "${this.received}"`,
      timeoutMs: 5_000,
      intervalMs: 2,
    });
  }
}

/** Two round trips on another connection: what was to pass on this one has passed by then. */
async function settle(dial: () => Promise<Client>): Promise<void> {
  for (const word of ['one', 'two']) {
    const other = await dial();
    other.socket.write(word);
    await other.hears(word);
    other.socket.destroy();
  }
}

describe('a link', () => {
  it('passes bytes and ends both ways', async () => {
    const { dial } = await echoBehindRelay();
    const client = await dial();

    client.socket.write('hello');
    await client.hears('hello');
    client.socket.end();
    await client.gone;

    expect(client.closed).toBe('end');
  });

  it('cut holds the bytes back and gives all of them after healing', async () => {
    const { relay, dial } = await echoBehindRelay();
    const free = await echoBehindRelay();
    const client = await dial();
    client.socket.write('a');
    await client.hears('a');

    relay.setRule({ ...passRule, cutForward: true, cutBackward: true });
    for (const part of ['b', 'c', 'd']) client.socket.write(part);
    await settle(free.dial);
    const during = client.received;
    relay.setRule(passRule);
    await client.hears('abcd');

    expect(during).toBe('a');
    expect(client.closed).toBe('no');
  });

  it('cut one way still passes the other way', async () => {
    const { relay, targets, dial } = await echoBehindRelay();
    const free = await echoBehindRelay();
    const client = await dial();
    client.socket.write('a');
    await client.hears('a');

    relay.setRule({ ...passRule, cutForward: true });
    client.socket.write('lost?');
    targets[0]?.write('from the target');
    await client.hears('afrom the target');
    await settle(free.dial);

    expect(client.received).toBe('afrom the target');
    relay.setRule(passRule);
    await client.hears('afrom the targetlost?');
  });

  it('cut holds the end of a connection back', async () => {
    const { relay, targets, dial } = await echoBehindRelay();
    const free = await echoBehindRelay();
    const client = await dial();
    client.socket.write('a');
    await client.hears('a');

    relay.setRule({ ...passRule, cutForward: true, cutBackward: true });
    targets[0]?.destroy();
    await settle(free.dial);
    const during = client.closed;
    relay.setRule(passRule);
    await client.gone;

    expect(during).toBe('no');
  });

  it('dialled during a cut is silent, and reset when the cut ends', async () => {
    const { relay, targets, dial } = await echoBehindRelay();
    const free = await echoBehindRelay();
    relay.setRule({ ...passRule, cutForward: true, cutBackward: true });

    const client = await dial();
    client.socket.write('anybody?');
    await settle(free.dial);
    const { received, closed } = client;
    relay.setRule(passRule);
    await client.gone;

    expect([received, closed]).toEqual(['', 'no']);
    expect(client.closed).toBe('reset');
    expect(targets.length).toBe(0);
  });

  it('slow keeps the order with jitter, and takes at least the delay', async () => {
    const { relay, dial } = await echoBehindRelay();
    relay.setRule({ ...passRule, delayMs: 20, jitterMs: 20 });
    const client = await dial();
    const words = Array.from({ length: 50 }, (_, i) => `<${i}>`);

    const begun = systemClock.now();
    for (const word of words) client.socket.write(word);
    await client.hears(words.join(''));

    expect(systemClock.now() - begun).toBeGreaterThanOrEqual(39);
  });

  it('shut refuses dials; what is open goes on', async () => {
    const { relay, dial } = await echoBehindRelay();
    const client = await dial();
    client.socket.write('a');
    await client.hears('a');

    relay.shut();
    await expect(dial()).rejects.toThrow('ECONNREFUSED');
    client.socket.write('b');
    await client.hears('ab');
  });

  it('a reset at one end is a reset at the other', async () => {
    const { targets, dial } = await echoBehindRelay();
    const client = await dial();
    client.socket.write('a');
    await client.hears('a');

    targets[0]?.resetAndDestroy();
    await client.gone;

    expect(client.closed).toBe('reset');
  });
});
