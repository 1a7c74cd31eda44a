// Watches under pressure: what comes faster than it goes out, and what ends before its client does.
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Store } from '@corral/store';
import { finish, get, open, parsed } from '../support/exchange.js';
import { serve } from '../support/served-backend.js';

function storeWith(changes: number): Store {
  const store = new Store({ namespaces: ['/0', '/1'] });
  for (let i = 1; i <= changes; i += 1) change(store, i);
  return store;
}

function change(store: Store, value: number): void {
  const content = { value: String(value), dir: false, expiration: undefined, refresh: false };
  store.apply({ kind: 'set', path: '/1/a', ...content });
}

function snapshotOf(store: Store): Uint8Array[] {
  const source = store.beginSnapshot();
  const chunks: Uint8Array[] = [];
  for (let chunk = source.next(65_536); chunk !== undefined; chunk = source.next(65_536)) {
    chunks.push(chunk);
  }
  return chunks;
}

/** Starts a watch and gives the pieces (HTTP chunks) of its answer until it has seen `last`. */
async function pieces(url: string, path: string, act: () => void, last: string): Promise<string[]> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  let text = '';
  for await (const data of socket) {
    if (text === '') act();
    text += (data as Buffer).toString('latin1');
    if (text.includes(last) && text.endsWith('\r\n')) break;
  }
  return text.split(/\r\n[0-9a-f]+\r\n/).slice(1);
}

describe('a watch', () => {
  it('gives what happened in one turn in one piece, in order', async () => {
    const store = storeWith(0);
    await using served = await serve({ store });
    const changes = Array.from({ length: 300 }, (_unused, i) => i + 1);

    const got = await pieces(
      served.url,
      '/v2/keys/a?wait=true&stream=true',
      () => changes.forEach((i) => change(store, i)),
      '"value":"300"',
    );

    expect(got).toHaveLength(1);
    const values = [...got.join('').matchAll(/"node":\{"key":"\/a","value":"(\d+)"/g)];
    expect(values.map(([, value]) => Number(value))).toEqual(changes);
  });

  it('gives an event of the past also when the server stops at that very moment', async () => {
    await using served = await serve({ store: storeWith(3) }, (app) => app.endWatches());

    const answer = await get(served.url, '/v2/keys/a?wait=true&waitIndex=2');

    expect(parsed(answer).node?.value).toBe('2');
  });

  it.each(['', '&stream=true'])(
    'ends with an empty body when a snapshot skipped events%s',
    async (stream) => {
      const store = storeWith(3);
      await using served = await serve({ store });
      const response = await open(served.url, {
        method: 'GET',
        path: `/v2/keys/a?wait=true&waitIndex=4${stream}`,
      });

      store.restore(snapshotOf(storeWith(1_500)));

      expect((await finish(response)).body).toBe('');
      const again = await get(served.url, '/v2/keys/a?wait=true&waitIndex=4');
      expect(parsed(again).errorCode).toBe(401);
    },
    5_000,
  );
});
