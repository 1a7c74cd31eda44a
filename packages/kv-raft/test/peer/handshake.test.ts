// Who is let in at the peer port, and what happens to everybody else.
import { poll, systemClock } from '@corral/kit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { frameType } from '../../src/peer/codec.js';
import { magic } from '../../src/peer/frame.js';
import { dialRaw, frame, helloAccepted, helloBytes, listenRaw } from '../support/raw-peer.js';
import { startPeer } from '../support/real-peers.js';
import type { RealPeer } from '../support/real-peers.js';

async function peerA(options: Parameters<typeof startPeer>[1] = {}): Promise<RealPeer> {
  const peer = await startPeer('a', options);
  onTestFinished(() => peer.transport.close());
  return peer;
}

describe('a peer that dials', () => {
  it('is let in when cluster, addressee and protocol are right', async () => {
    const a = await peerA();
    const raw = await dialRaw(a.port);

    raw.socket.write(helloBytes({}));

    expect(await raw.answer()).toEqual({ ok: true });
    await a.events.until('up b');
    expect(a.transport.connected('b')).toBe(true);
  });

  it.each([
    [
      'another cluster',
      { clusterId: 'c2' },
      'cluster-mismatch',
      'cluster ID mismatch: this member belongs to c1, not to c2',
    ],
    ['another addressee', { to: 'z' }, 'wrong-addressee', 'this is member a, not z'],
    ['another protocol', { protocol: 2 }, 'protocol', 'protocol 2 is not spoken here'],
    ['a removed member', { from: 'gone' }, 'removed', 'member gone was removed from the cluster'],
  ])('is refused with a reason when it names %s', async (_what, hello, reason, message) => {
    const a = await peerA();
    a.transport.setRemoved(new Set(['gone']));
    const raw = await dialRaw(a.port);

    raw.socket.write(helloBytes(hello));

    expect(await raw.answer()).toEqual({ ok: false, reason, message });
    await raw.closed;
    expect(a.events.lines).toEqual([]);
    expect(a.log.lines.map(({ level, fields }) => [level, fields['reason']])).toEqual([
      ['warn', message],
    ]);
  });

  it('is complained of once a minute, however often it comes', async () => {
    const a = await peerA();

    for (let i = 0; i < 3; i += 1) {
      const raw = await dialRaw(a.port);
      raw.socket.write(helloBytes({ clusterId: 'c2' }));
      await raw.closed;
    }

    expect(a.log.lines).toHaveLength(1);
  });

  it('may have its first bytes cut anywhere', async () => {
    const a = await peerA();
    const raw = await dialRaw(a.port);
    raw.socket.setNoDelay(true);

    for (const byte of helloBytes({})) {
      raw.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }

    expect(await raw.answer()).toEqual({ ok: true });
  });

  it('may send its first frames together with its hello', async () => {
    const a = await peerA();
    const raw = await dialRaw(a.port);
    const round = Buffer.alloc(8);
    round.writeUInt8(5, 7);

    raw.socket.write(Buffer.concat([helloBytes({}), frame(frameType.readIndex, round)]));

    await a.events.until('host readIndex from b');
    expect(a.events.hostMessages).toEqual([{ kind: 'readIndex', round: 5 }]);
  });
});

describe('bytes that are no hello', () => {
  const hello = helloBytes({});
  const badSum = Buffer.from(hello);
  badSum.writeUInt8(badSum.readUInt8(20) ^ 1, 20);
  const oversize = Buffer.concat([magic, Buffer.from([0x7f, 0xff, 0xff, 0xff])]);
  const notJson = Buffer.concat([magic, frame(frameType.hello, Buffer.from('{"from":'))]);
  const badSnapshot = { term: 1, meta: { index: 'x', term: 1, voters: [] } };

  it.each([
    ['a wrong magic', Buffer.from([0, 1, 2, 3, 4, 5])],
    ['a hello with a wrong checksum', badSum],
    ['a frame of an absurd size', oversize],
    ['a hello that is no JSON', notJson],
    ['a hello without names', Buffer.concat([magic, frame(frameType.hello, Buffer.from('{}'))])],
    ['another frame than hello', Buffer.concat([magic, frame(frameType.ping)])],
    ['a snapshot without a number', helloBytes({ snapshot: badSnapshot })],
  ])('(%s) end the connection, and nobody is told', async (_what, bytes) => {
    const a = await peerA();
    const raw = await dialRaw(a.port);

    raw.socket.write(bytes);
    await raw.closed;

    expect(raw.text).toBe('');
    expect(a.events.lines).toEqual([]);
  });

  it('that stop in the middle end the connection soon', async () => {
    const a = await peerA();
    const raw = await dialRaw(a.port);

    raw.socket.write(hello.subarray(0, 12));
    await raw.closed;

    expect(a.events.lines).toEqual([]);
  });

  it('but look like HTTP get an HTTP answer on the same port', async () => {
    const a = await peerA({
      httpHandler: (request, response) =>
        response.end(`${request.method ?? ''} ${request.url ?? ''}`),
    });

    const response = await fetch(`${a.url}/members`);

    expect(await response.text()).toBe('GET /members');
  });

  it('and look like nothing at all get HTTP 400', async () => {
    const a = await peerA();
    const raw = await dialRaw(a.port);

    raw.socket.write('\u0016\u0003\u0001 this is TLS\r\n\r\n');
    await raw.closed;

    expect(raw.text).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('a connected peer', () => {
  const append = frame(frameType.append, Buffer.from('not a message'));
  const badSum = frame(frameType.readIndex, Buffer.alloc(8));
  badSum.writeUInt8(badSum.readUInt8(7) ^ 1, 7);

  it.each([
    ['a damaged frame', badSum, 'a frame is damaged: its checksum does not match'],
    ['a frame of an absurd size', Buffer.from([0x7f, 0, 0, 0, 0, 0, 0, 0, 0]), 'is not allowed'],
    ['a message that cannot be read', append, 'a frame holds no well-formed message'],
  ])('that sends %s loses its connection and nothing else', async (_what, bytes, reason) => {
    const a = await peerA();
    const raw = await dialRaw(a.port);
    raw.socket.write(helloBytes({}));
    await a.events.until('up b');

    raw.socket.write(bytes);
    await raw.closed;

    expect(a.events.lines).toEqual(['up b', 'down b lost']);
    expect(JSON.stringify(a.log.lines)).toContain(reason);
  });

  it('that says nothing for an election time-out loses its connection', async () => {
    const a = await peerA({ electionTimeoutMs: 100 });
    const raw = await dialRaw(a.port);
    raw.socket.write(helloBytes({}));

    await a.events.until('down b lost');

    expect(raw.frames.map(({ type }) => type)).toContain(frameType.ping);
    expect(JSON.stringify(a.log.lines)).toContain('silent');
  });

  it('that dials again replaces its connection once, and is not dialled for it', async () => {
    const a = await peerA();
    const b = await listenRaw();
    a.transport.setPeers([{ id: 'b', peerUrls: [b.url] }]);
    const first = await b.connection(0);
    first.socket.write(helloAccepted);
    await a.events.until('up b');

    const second = await dialRaw(a.port);
    second.socket.write(helloBytes({}));
    await a.events.until('up b', 2);
    await first.closed;
    second.socket.write(frame(frameType.readIndex, Buffer.alloc(8)));
    await a.events.until('host readIndex from b');

    expect(a.events.lines.slice(0, 3)).toEqual(['up b', 'down b lost', 'up b']);
    expect(b.connections).toHaveLength(1);
    expect(second.socket.destroyed).toBe(false);
  });

  it('that does not read is given up before memory is', async () => {
    const a = await peerA({ electionTimeoutMs: 60_000 });
    const raw = await dialRaw(a.port);
    raw.socket.write(helloBytes({}));
    await a.events.until('up b');
    raw.socket.pause();
    const commands = [Buffer.alloc(1024 * 1024)];

    for (let i = 0; i < 100; i += 1) a.transport.sendHost('b', { kind: 'propose', commands });

    const sent = a.transport.stats()[0]?.sentBytes ?? 0;
    expect(sent).toBeGreaterThan(16 * 1024 * 1024);
    expect(sent).toBeLessThan(48 * 1024 * 1024);
  });
});

it('closing ends every connection, also those that have said nothing yet', async () => {
  const a = await startPeer('a');
  const silent = await dialRaw(a.port);
  const begun = await dialRaw(a.port);
  begun.socket.write(helloBytes({}));
  await a.events.until('up b');
  // The silent one is accepted by now: it was dialled before the other.
  await poll(() => (a.transport.connected('b') ? true : undefined), {
    clock: systemClock,
    what: 'connection',
    timeoutMs: 5_000,
  });

  await a.transport.close();

  await Promise.all([silent.closed, begun.closed]);
  expect(a.transport.connected('b')).toBe(false);
});
