// Watches over members that come and go: every event, once, in order.
import type { ServerResponse } from 'node:http';
import { seededPrng } from '@corral/kit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EtcdClient } from '../src/etcd-client.js';
import type { KeyResponse } from '../src/answers.js';
import { fakeMember, sendJson } from './support/fakes.js';
import type { FakeMember } from './support/fakes.js';

const eventAt = (index: number): unknown => ({
  action: 'set',
  node: { key: '/a', value: `v${index}`, createdIndex: index, modifiedIndex: index },
});

/** Members over one history of changes at /a: long polls, and whatever `mood` does instead. */
class FakeStore {
  index = 100;
  oldest = 1;
  readonly #events = new Set<number>();
  readonly #waiting = new Set<{ from: number; response: ServerResponse }>();
  mood: (response: ServerResponse) => boolean = () => false;

  member(): Promise<FakeMember> {
    return fakeMember((response, { path }) => {
      if (this.mood(response)) return;
      const query = new URL(path, 'http://x').searchParams;
      if (query.get('wait') !== 'true') sendJson(response, 200, eventAt(1), this.index);
      else this.#wait(Number(query.get('waitIndex')), response);
    });
  }

  /** A change at /a, told to those who wait. */
  change(): void {
    this.index += 1;
    this.#events.add(this.index);
    for (const { from, response } of [...this.#waiting]) {
      if (from <= this.index) response.end(JSON.stringify(eventAt(this.index)));
    }
  }

  /** Ends all long polls as a member does that shuts down. */
  endPolls(): void {
    for (const { response } of [...this.#waiting]) response.end();
  }

  /** Others write: the history of long ago is forgotten. */
  othersWrite(count: number): void {
    this.index += count;
    this.oldest = Math.max(1, this.index - 1_000);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  #wait(from: number, response: ServerResponse): void {
    if (from < this.oldest) {
      const cause = `the requested history has been cleared [${this.oldest}/${from}]`;
      const body = { errorCode: 401, message: 'outdated', cause, index: this.index };
      sendJson(response, 400, body, this.index);
      return;
    }
    response.writeHead(200, { 'X-Etcd-Index': this.index });
    response.flushHeaders();
    const past = [...this.#events].find((index) => index >= from);
    if (past !== undefined) {
      response.end(JSON.stringify(eventAt(past)));
      return;
    }
    const entry = { from, response };
    this.#waiting.add(entry);
    response.on('close', () => this.#waiting.delete(entry));
  }
}

function client(endpoints: readonly string[]): EtcdClient {
  const one = new EtcdClient({ endpoints });
  onTestFinished(() => one.close());
  return one;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await settle();
}

describe('a watch', () => {
  it('begins with the next change, by an index that the cluster agrees on', async () => {
    const store = new FakeStore();
    store.change();
    const member = await store.member();
    const events = client([member.url]).watch('/a');

    const next = events.next();
    await until(() => store.waiting === 1);
    store.change();

    expect((await next).value).toMatchObject({ node: { value: 'v102' } });
    expect(member.seen.map((one) => one.path)).toEqual([
      '/v2/keys/a?quorum=true',
      '/v2/keys/a?wait=true&waitIndex=102',
    ]);
    await events.return();
  });

  it('replays from an index of the past and goes on live', async () => {
    const store = new FakeStore();
    for (let i = 0; i < 3; i += 1) store.change();
    const events = client([(await store.member()).url]).watch('/a', { waitIndex: 102 });

    const seen = [await events.next(), await events.next()];
    const live = events.next();
    await until(() => store.waiting === 1);
    store.change();

    expect([...seen, await live].map((one) => (one.value as KeyResponse).node.value)).toEqual([
      'v102',
      'v103',
      'v104',
    ]);
    await events.return();
  });

  it('loses and repeats nothing while members reset, break off, fail and end their polls', async () => {
    const seed = 20_260_731;
    console.log(`watch: seed ${seed}`);
    const prng = seededPrng(seed);
    const store = new FakeStore();
    store.mood = (response) => {
      const chance = prng.below(10);
      if (chance === 0) response.socket?.resetAndDestroy();
      else if (chance === 1) response.writeHead(503).end('{"message":"proxy: zero endpoints"}');
      else if (chance === 2) {
        response.writeHead(200, { 'Content-Length': 500, 'X-Etcd-Index': store.index });
        response.write('{"action":"set","node":{"key":"/a"');
        setImmediate(() => response.socket?.destroy());
      } else return false;
      return true;
    };
    const members = [await store.member(), await store.member(), await store.member()];
    const etcd = client(members.map((member) => member.url));
    const seen: number[] = [];
    const done = (async () => {
      for await (const event of etcd.watch('/a', { waitIndex: 101 })) {
        seen.push(event.node.modifiedIndex);
        if (seen.length === 150) return;
      }
    })();

    for (let i = 0; i < 150; i += 1) {
      store.change();
      if (prng.below(4) === 0) store.endPolls();
      if (prng.below(6) === 0) members[prng.below(3)]?.dropConnections();
      if (prng.below(3) === 0) await settle();
    }
    await done;

    expect(seen).toEqual(Array.from({ length: 150 }, (_, i) => 101 + i));
  });

  it('on a quiet key does not fall out of the history while others write', async () => {
    const store = new FakeStore();
    const member = await store.member();
    const events = client([member.url]).watch('/a');
    const next = events.next();

    for (let round = 0; round < 3; round += 1) {
      await until(() => store.waiting === 1);
      store.othersWrite(900);
      store.endPolls();
      await until(() => store.waiting === 0);
    }
    await until(() => store.waiting === 1);
    store.change();

    expect((await next).value).toMatchObject({ node: { modifiedIndex: 2_801 } });
    await events.return();
  });

  it('believes an empty answer nothing when its end is not marked', async () => {
    const store = new FakeStore();
    let cut = 0;
    store.mood = (response) => {
      if (!response.req.url?.includes('wait=true') || cut > 0) return false;
      cut += 1;
      store.change();
      response.useChunkedEncodingByDefault = false;
      response.shouldKeepAlive = false;
      response.removeHeader('Transfer-Encoding');
      response.writeHead(200, { 'X-Etcd-Index': store.index });
      response.flushHeaders();
      response.socket?.end();
      return true;
    };
    const events = client([(await store.member()).url]).watch('/a');

    const { value } = await events.next();

    expect([cut, value]).toMatchObject([1, { node: { value: 'v101' } }]);
    await events.return();
  });

  it('ends with error 401 when the wanted history is gone: the state must be read anew', async () => {
    const store = new FakeStore();
    store.othersWrite(5_000);
    const events = client([(await store.member()).url]).watch('/a', { waitIndex: 50 });

    const failure = await events.next().catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: 'E_ETCD_API', errorCode: 401, index: 5_100 });
    expect(await events.next()).toEqual({ value: undefined, done: true });
  });

  it('ends when its signal aborts, closes its poll and blames no endpoint', async () => {
    const store = new FakeStore();
    const members = [await store.member(), await store.member()];
    const etcd = client(members.map((member) => member.url));
    const controller = new AbortController();
    const next = etcd.watch('/a', { signal: controller.signal }).next();
    await until(() => store.waiting === 1);

    controller.abort();

    expect(await next).toEqual({ value: undefined, done: true });
    await until(() => store.waiting === 0);
    expect(etcd.endpoints).toEqual(members.map((member) => member.url));
  });

  it('without endpoints says so', async () => {
    const failure = await client([])
      .watch('/a', { waitIndex: 5 })
      .next()
      .catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: 'E_NO_ENDPOINT' });
  });

  it('refuses a server that gives no index to begin at', async () => {
    const member = await fakeMember((response) => response.end('{}'));

    const failure = await client([member.url])
      .watch('/a')
      .next()
      .catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: 'E_BAD_ANSWER' });
  });
});
