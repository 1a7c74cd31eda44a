// Links over real sockets: bytes pass, stall, wait; nothing is lost or reordered.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { poll, seededPrng, systemClock } from '@corral/kit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LinkRelay } from '../src/process/relay.js';
import { passRule } from '../src/runtime.js';

const cutRule = { ...passRule, cut: true };

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

    await relay.setRules(cutRule, cutRule);
    for (const part of ['b', 'c', 'd']) client.socket.write(part);
    await settle(free.dial);
    const during = client.received;
    await relay.setRules(passRule, passRule);
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

    await relay.setRules(cutRule, passRule);
    client.socket.write('lost?');
    targets[0]?.write('from the target');
    await client.hears('afrom the target');
    await settle(free.dial);

    expect(client.received).toBe('afrom the target');
    await relay.setRules(passRule, passRule);
    await client.hears('afrom the targetlost?');
  });

  it('cut holds the end of a connection back', async () => {
    const { relay, targets, dial } = await echoBehindRelay();
    const free = await echoBehindRelay();
    const client = await dial();
    client.socket.write('a');
    await client.hears('a');

    await relay.setRules(cutRule, cutRule);
    targets[0]?.destroy();
    await settle(free.dial);
    const during = client.closed;
    await relay.setRules(passRule, passRule);
    await client.gone;

    expect(during).toBe('no');
  });

  it('dialled during a cut is silent, and reset when the cut ends', async () => {
    const { relay, targets, dial } = await echoBehindRelay();
    const free = await echoBehindRelay();
    await relay.setRules(cutRule, cutRule);

    const client = await dial();
    client.socket.write('anybody?');
    await settle(free.dial);
    const { received, closed } = client;
    await relay.setRules(passRule, passRule);
    await client.gone;

    expect([received, closed]).toEqual(['', 'no']);
    expect(client.closed).toBe('reset');
    expect(targets.length).toBe(0);
  });

  it('slow keeps the order with jitter, and takes at least the delay', async () => {
    const { relay, dial } = await echoBehindRelay();
    const slow = { ...passRule, delayMs: 20, jitterMs: 20 };
    await relay.setRules(slow, slow);
    const client = await dial();
    const words = Array.from({ length: 50 }, (_, i) => `<${i}>`);

    const begun = systemClock.now();
    for (const word of words) client.socket.write(word);
    await client.hears(words.join(''));

    expect(systemClock.now() - begun).toBeGreaterThanOrEqual(39);
  });

  it('slow in one direction does not slow the other', async () => {
    const { relay, targets, dial } = await echoBehindRelay();
    await relay.setRules({ ...passRule, delayMs: 60_000 }, passRule);
    const client = await dial();
    client.socket.write('takes a minute');
    await poll(() => Promise.resolve(targets[0]), {
      clock: systemClock,
      what: 'the dial',
      timeoutMs: 5_000,
    });

    targets[0]?.write('at once');
    await client.hears('at once');
  });

  it('a rate spreads the bytes over the time they take', async () => {
    const { relay, dial } = await echoBehindRelay();
    await relay.setRules({ ...passRule, bytesPerSecond: 100_000 }, passRule);
    const client = await dial();
    const text = 'x'.repeat(5_000);

    const begun = systemClock.now();
    client.socket.write(text);
    await client.hears(text);

    expect(systemClock.now() - begun).toBeGreaterThanOrEqual(49);
  });

  it('a reader that stops is felt by the writer: what waits in between is bounded', async () => {
    const { relay, targets, dial } = await echoBehindRelay();
    await relay.setRules({ ...passRule, delayMs: 3_600_000 }, passRule);
    const client = await dial();
    const chunk = Buffer.alloc(1024 * 1024);

    // More than the relay and the kernels on the way hold: at some point a write has to wait.
    let waiting = 0;
    const written = new Set<Promise<void>>();
    for (let i = 0; i < 64; i += 1) {
      const done = new Promise<void>((resolve) => client.socket.write(chunk, () => resolve()));
      written.add(done);
      void done.then(() => (waiting += 1));
    }
    await settle((await echoBehindRelay()).dial);

    expect(waiting).toBeLessThan(64);
    expect(client.socket.writableLength).toBeGreaterThan(32 * 1024 * 1024);
    expect(targets[0]?.bytesRead ?? 0).toBe(0);
  });

  it('refuses dials while the rule says so, and takes them again', async () => {
    const { relay, dial } = await echoBehindRelay();
    const refuse = { ...passRule, refuse: true };

    await relay.setRules(refuse, passRule);
    await expect(dial()).rejects.toThrow('ECONNREFUSED');
    await relay.setRules(passRule, passRule);
    const client = await dial();
    client.socket.write('a');

    await client.hears('a');
  });

  it('a link that is refused stays shut when its target comes up', async () => {
    const { relay, dial } = await echoBehindRelay();
    relay.shut();
    await relay.setRules({ ...passRule, refuse: true }, passRule);

    await relay.open();

    await expect(dial()).rejects.toThrow('ECONNREFUSED');
  });

  it('reset ends what is open at both ends, and new dials are taken', async () => {
    const { relay, targets, dial } = await echoBehindRelay();
    const client = await dial();
    client.socket.write('a');
    await client.hears('a');

    relay.reset();
    await client.gone;
    const again = await dial();
    again.socket.write('b');
    await again.hears('b');

    expect(client.closed).toBe('reset');
    expect(targets[0]?.destroyed).toBe(true);
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
