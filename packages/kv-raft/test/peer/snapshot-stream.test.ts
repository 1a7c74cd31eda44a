// Snapshots over real sockets: whole, interrupted, refused, and larger than the sockets' buffers.
import { EventEmitter } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { frameType } from '../../src/peer/codec.js';
import { dialRaw, frame, helloBytes, listenRaw } from '../support/raw-peer.js';
import { introduce, startPeer } from '../support/real-peers.js';
import type { RealPeer } from '../support/real-peers.js';

const meta = { index: 40, term: 2, voters: ['a', 'b'] };
const message = { kind: 'snapshot', from: 'a', to: 'b', term: 3, meta } as const;

async function pair(): Promise<readonly [RealPeer, RealPeer]> {
  const peers = [await startPeer('a'), await startPeer('b')] as const;
  onTestFinished(async () => {
    await Promise.all(peers.map(({ transport }) => transport.close()));
  });
  introduce(peers);
  await Promise.all([peers[0].events.until('up b'), peers[1].events.until('up a')]);
  return peers;
}

describe('a snapshot for another member', () => {
  it('comes over whole, however large, and no listener is left behind on the way', async () => {
    const [a, b] = await pair();
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', onWarning);
    onTestFinished(() => {
      process.off('warning', onWarning);
    });
    const chunks = Array.from({ length: 64 }, (_, i) => Buffer.alloc(512 * 1024, i));
    a.snapshots.files.set(40, chunks);

    a.transport.send([message]);
    await a.events.until('snapshot to b arrived');

    expect(Buffer.concat(b.snapshots.files.get(40) ?? []).equals(Buffer.concat(chunks))).toBe(true);
    expect(EventEmitter.defaultMaxListeners).toBe(10);
    expect(warnings).toEqual([]);
    expect(b.events.lines).toEqual(['up a', 'snapshot 40 of term 3 from a']);
  });

  it('that breaks in the middle leaves nothing behind, and the next attempt succeeds', async () => {
    const [a, b] = await pair();
    a.snapshots.files.set(40, [Buffer.from('one'), Buffer.from('two'), Buffer.from('three')]);
    let reads = 0;
    a.snapshots.beforeChunk = () => {
      reads += 1;
      if (reads === 3) throw new Error('the file ends too early');
    };

    a.transport.send([message]);
    await a.events.until('snapshot to b failed');
    await vanished(b);
    expect(b.snapshots.files.size).toBe(0);
    expect(b.events.lines).not.toContain('snapshot 40 of term 3 from a');

    a.transport.send([message]);
    await a.events.until('snapshot to b arrived');
    expect(b.snapshots.text(40)).toBe('onetwothree');
  });

  it('that cannot be stored there is reported as failed', async () => {
    const [a, b] = await pair();
    a.snapshots.files.set(40, [Buffer.from('one')]);
    b.snapshots.beforeChunk = (what) => {
      if (what === 'write') throw new Error('no space left for a snapshot');
    };

    a.transport.send([message]);
    await a.events.until('snapshot to b failed');

    await vanished(b);
    expect(JSON.stringify(b.log.lines)).toContain('no space left for a snapshot');
  });

  it('is not sent twice at once to one member', async () => {
    const [a] = await pair();
    a.snapshots.files.set(40, [Buffer.from('one')]);

    a.transport.send([message, message]);
    await a.events.until('snapshot to b arrived');

    expect(a.events.lines.filter((line) => line.startsWith('snapshot to'))).toEqual([
      'snapshot to b failed',
      'snapshot to b arrived',
    ]);
  });

  it('is tried at every address of the member', async () => {
    const [a, b] = await pair();
    a.snapshots.files.set(40, [Buffer.from('one')]);
    const nobody = await listenRaw();
    const { url } = nobody;
    nobody.stop();
    a.transport.setPeers([{ id: 'b', peerUrls: [url, b.url] }]);

    a.transport.send([message]);

    await a.events.until('snapshot to b arrived');
  });

  it('ends with this server, also while it waits for the other', async () => {
    const a = await startPeer('a');
    const silent = await listenRaw();
    a.transport.setPeers([{ id: 'b', peerUrls: [silent.url] }]);
    await silent.connection(0);
    a.transport.send([message]);
    const transfer = await silent.connection(1);

    await a.transport.close();

    await transfer.closed;
    expect(a.events.lines).toEqual([]);
  });
});

describe('a snapshot from another member', () => {
  const offer = { snapshot: { term: 3, meta } };

  it('counts only with its end', async () => {
    const a = await startPeer('a');
    onTestFinished(() => a.transport.close());
    const raw = await dialRaw(a.port);
    raw.socket.write(helloBytes(offer));
    raw.socket.write(frame(frameType.snapshotChunk, Buffer.from('one')));
    await raw.answer();

    raw.socket.end();
    await raw.closed;

    await vanished(a);
    expect(a.snapshots.files.size).toBe(0);
    expect(a.events.lines).toEqual([]);
  });

  it('with a damaged chunk leaves nothing behind', async () => {
    const a = await startPeer('a');
    onTestFinished(() => a.transport.close());
    const raw = await dialRaw(a.port);
    const bad = frame(frameType.snapshotChunk, Buffer.from('one'));
    bad.writeUInt8(bad.readUInt8(10) ^ 1, 10);

    raw.socket.write(Buffer.concat([helloBytes(offer), bad, frame(frameType.snapshotEnd)]));
    await raw.closed;

    await vanished(a);
    expect(a.snapshots.files.size).toBe(0);
  });

  it('is confirmed when it is stored, and only then', async () => {
    const a = await startPeer('a');
    onTestFinished(() => a.transport.close());
    const raw = await dialRaw(a.port);

    raw.socket.write(
      Buffer.concat([
        helloBytes(offer),
        frame(frameType.snapshotChunk, Buffer.from('one')),
        frame(frameType.snapshotEnd),
      ]),
    );
    await raw.closed;

    expect(raw.frames.map(({ type }) => type)).toEqual([
      frameType.helloAnswer,
      frameType.snapshotStored,
    ]);
    expect(a.snapshots.text(40)).toBe('one');
  });
});

/** Nothing half written is left with this peer. */
async function vanished(peer: RealPeer): Promise<void> {
  await expect.poll(() => peer.snapshots.abandoned, { timeout: 10_000 }).toBeGreaterThan(0);
  expect(peer.snapshots.open).toBe(0);
}
