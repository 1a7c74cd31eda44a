// The evidence for quick failover is exactly this: an established connection that the peer reset or
// ended, and a next dial that is refused. Everything else proves nothing.
import { poll, systemClock } from '@corral/kit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { helloAccepted, listenRaw } from '../support/raw-peer.js';
import type { RawListener } from '../support/raw-peer.js';
import { startPeer } from '../support/real-peers.js';
import type { RealPeer } from '../support/real-peers.js';

/** Member a, which dials a listener that plays member b. */
async function dialling(electionTimeoutMs = 5_000): Promise<{ a: RealPeer; b: RawListener }> {
  const a = await startPeer('a', { electionTimeoutMs });
  onTestFinished(() => a.transport.close());
  const b = await listenRaw();
  a.transport.setPeers([{ id: 'b', peerUrls: [b.url] }]);
  return { a, b };
}

async function established(a: RealPeer, b: RawListener, number = 0): Promise<void> {
  const connection = await b.connection(number);
  connection.socket.write(helloAccepted);
  await a.events.until('up b', number + 1);
}

/** Failed dials so far. */
function failures(a: RealPeer): number {
  return a.transport.stats()[0]?.failures ?? 0;
}

async function moreFailures(a: RealPeer, count: number): Promise<void> {
  const from = failures(a);
  await poll(() => (failures(a) >= from + count ? true : undefined), {
    clock: systemClock,
    what: 'failed dials',
    timeoutMs: 10_000,
  });
}

/** A connection that ends in its first 100 ms is not dialled again at once: let it be older. */
async function settled(): Promise<void> {
  const start = systemClock.now();
  await poll(() => (systemClock.now() - start > 110 ? true : undefined), {
    clock: systemClock,
    what: 'an older connection',
    timeoutMs: 10_000,
  });
}

describe('evidence that the process of a peer is gone', () => {
  it.each(['resetAndDestroy', 'end'] as const)(
    'is a connection that ended with %s and a refused dial, told once',
    async (ending) => {
      const { a, b } = await dialling();
      await established(a, b);
      await settled();

      b.stop();
      b.connections[0]?.socket[ending]();
      await a.events.until('down b refused');
      await moreFailures(a, 3);

      expect(a.events.lines).toEqual(['up b', 'down b lost', 'down b refused']);
    },
  );

  it('is not a refused dial to a peer that was never connected', async () => {
    const a = await startPeer('a');
    onTestFinished(() => a.transport.close());
    const b = await listenRaw();
    const { url } = b;
    b.stop();

    a.transport.setPeers([{ id: 'b', peerUrls: [url] }]);
    await moreFailures(a, 3);

    expect(a.events.lines).toEqual([]);
  });

  it('is not a lost connection whose next dial is answered', async () => {
    const { a, b } = await dialling();
    await established(a, b);

    b.connections[0]?.socket.resetAndDestroy();
    await established(a, b, 1);

    expect(a.events.lines).toEqual(['up b', 'down b lost', 'up b']);
  });

  it('is not a dial that is accepted and closed before hello: that is tried again', async () => {
    const { a, b } = await dialling();
    await established(a, b);
    await settled();

    b.connections[0]?.socket.resetAndDestroy();
    for (const number of [1, 2]) (await b.connection(number)).socket.destroy();
    (await b.connection(3)).socket.write(helloAccepted);
    await a.events.until('up b', 2);

    expect(a.events.lines).toEqual(['up b', 'down b lost', 'up b']);
  });

  it('is still the refusal that follows such a close, as of a process that is just dying', async () => {
    const { a, b } = await dialling();
    await established(a, b);
    await settled();

    b.connections[0]?.socket.resetAndDestroy();
    const dying = await b.connection(1);
    b.stop();
    dying.socket.resetAndDestroy();

    await a.events.until('down b refused');
  });

  it('is not a refusal after this side itself gave the connection up for its silence', async () => {
    const { a, b } = await dialling(200);
    await established(a, b);
    b.stop();

    await a.events.until('down b lost');
    await moreFailures(a, 3);

    expect(a.events.lines).toEqual(['up b', 'down b lost']);
  });
});
