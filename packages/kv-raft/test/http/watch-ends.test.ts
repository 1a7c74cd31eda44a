// Watches that end before their client does: nothing may be lost without the client knowing.
import { describe, expect, it } from 'vitest';
import { Store } from '@corral/store';
import { finish, get, open, parsed } from '../support/exchange.js';
import { serve } from '../support/served-backend.js';

function storeWith(changes: number): Store {
  const store = new Store({ namespaces: ['/0', '/1'] });
  for (let i = 1; i <= changes; i += 1) {
    const content = { value: String(i), dir: false, expiration: undefined, refresh: false };
    store.apply({ kind: 'set', path: '/1/a', ...content });
  }
  return store;
}

function snapshotOf(store: Store): Uint8Array[] {
  const source = store.beginSnapshot();
  const chunks: Uint8Array[] = [];
  for (let chunk = source.next(65_536); chunk !== undefined; chunk = source.next(65_536)) {
    chunks.push(chunk);
  }
  return chunks;
}

describe('a watch', () => {
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
