// Which endpoint gets a request, and what a write's failure means: refused, never sent, or unknown.
import { refusingUrl } from '@corral/kit/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EtcdClient } from '../src/etcd-client.js';
import type { EtcdClientOptions } from '../src/client.js';
import { ClientError, EtcdApiError, isEtcdError } from '../src/errors.js';
import { fakeMember, fakeTcp, sendJson, written } from './support/fakes.js';
import type { FakeMember } from './support/fakes.js';

function client(endpoints: readonly string[], more: Partial<EtcdClientOptions> = {}): EtcdClient {
  const one = new EtcdClient({ endpoints, ...more });
  onTestFinished(() => one.close());
  return one;
}

const working = (): Promise<FakeMember> =>
  fakeMember((response) => sendJson(response, 200, written));

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );

const apiError = (errorCode: number, cause: string): Readonly<Record<string, unknown>> => ({
  errorCode,
  message: 'x',
  cause,
  index: 9,
});

describe('a write', () => {
  it('goes to the next endpoint when one refuses the connection', async () => {
    const member = await working();
    const etcd = client([await refusingUrl(), member.url]);

    const { endpoint } = await etcd.keys.set('/a', '1');

    expect(endpoint).toBe(member.url);
    expect(member.seen).toEqual([{ method: 'PUT', path: '/v2/keys/a', body: 'value=1' }]);
  });

  it.each([
    ['a member without a leader', 500, apiError(300, 'etcdserver: no leader')],
    ['a member that drains', 503, apiError(300, 'etcdserver: server stopped')],
    ['a proxy without members', 503, { message: 'proxy: zero endpoints currently available' }],
    ["etcd 3's proxy", 503, { message: 'httpproxy: zero endpoints currently available' }],
  ])('goes on when %s says that it did not take it', async (_who, status, body) => {
    const refusing = await fakeMember((response) => sendJson(response, status, body));
    const member = await working();
    const etcd = client([refusing.url, member.url]);

    const { endpoint } = await etcd.keys.set('/a', '1');

    expect(endpoint).toBe(member.url);
    expect([refusing.seen.length, member.seen.length]).toEqual([1, 1]);
  });

  it.each([
    ['reset', async () => fakeMember((response) => response.socket?.resetAndDestroy())],
    ['closed', async () => fakeMember((response) => response.socket?.destroy())],
    [
      'broken off inside the answer',
      async () =>
        fakeMember((response) => {
          response.writeHead(200, { 'Content-Length': 100 });
          response.write('{"action":');
          setImmediate(() => response.socket?.destroy());
        }),
    ],
    [
      'answered with half an event',
      async () => fakeMember((response) => response.end('{"action":"set","no')),
    ],
    [
      'answered 502 by something in between',
      async () => fakeMember((response) => response.writeHead(502).end('<html>Bad Gateway')),
    ],
    [
      'answered by a bare 503, as gateways do when the connection broke behind them',
      async () => fakeMember((response) => response.writeHead(503).end('upstream reset')),
    ],
    [
      'answered by a time-out of the member',
      async () =>
        fakeMember((r) => sendJson(r, 500, apiError(300, 'etcdserver: request timed out'))),
    ],
    ['left without an answer', async () => fakeMember(() => undefined)],
  ])('that is %s is unknown and asked nowhere else', async (_how, start) => {
    const broken = await start();
    const other = await working();
    const etcd = client([broken.url, other.url], { timeoutMs: 1_500 });

    const failure = await failureOf(etcd.keys.set('/a', '1'));

    expect(failure).toBeInstanceOf(ClientError);
    expect(failure).toMatchObject({ code: 'E_UNKNOWN_OUTCOME' });
    expect([broken.seen.length, other.seen.length]).toEqual([1, 0]);
  });

  it('is never sent twice on a kept connection that the member has closed', async () => {
    let calls = 0;
    const member = await fakeMember((response) => {
      calls += 1;
      if (calls === 1) sendJson(response, 200, written);
      else response.socket?.destroy();
    });
    const etcd = client([member.url]);
    await etcd.keys.set('/a', '1');

    const failure = await failureOf(etcd.keys.set('/a', '2'));

    expect(failure).toMatchObject({ code: 'E_UNKNOWN_OUTCOME' });
    expect(member.seen.map((one) => one.body)).toEqual(['value=1', 'value=2']);
  });

  it('that the store refuses is an answer, not a failure of the endpoint', async () => {
    const member = await fakeMember((r) => sendJson(r, 412, apiError(101, '[1 != 2]')));
    const other = await working();
    const etcd = client([member.url, other.url]);

    const failure = await failureOf(etcd.keys.set('/a', '1', { prevValue: '2' }));

    expect(failure).toBeInstanceOf(EtcdApiError);
    expect(failure).toMatchObject({
      code: 'E_ETCD_API',
      errorCode: 101,
      what: '[1 != 2]',
      index: 9,
      status: 412,
      message: '101: x ([1 != 2])',
    });
    expect([isEtcdError(failure, 101), isEtcdError(failure, 100)]).toEqual([true, false]);
    expect([other.seen.length, etcd.endpoints[0]]).toEqual([0, member.url]);
  });

  it('that nobody takes names every endpoint and why', async () => {
    const first = await refusingUrl();
    const second = await fakeMember((r) =>
      sendJson(r, 500, apiError(300, 'etcdserver: no leader')),
    );
    const etcd = client([first, second.url]);

    const failure = await failureOf(etcd.keys.set('/a', '1'));

    expect(failure).toMatchObject({ code: 'E_NO_ENDPOINT' });
    expect(String(failure)).toContain(`${first} (connect ECONNREFUSED`);
    expect(String(failure)).toContain(`${second.url} (500: `);
  });

  it('rejects with the reason of its signal, and asks nobody else', async () => {
    const controller = new AbortController();
    const reason = new Error('the user left');
    const hanging = await fakeMember(() => controller.abort(reason));
    const other = await working();
    const etcd = client([hanging.url, other.url]);

    const failure = await failureOf(etcd.keys.set('/a', '1', { signal: controller.signal }));

    expect(failure).toBe(reason);
    expect([etcd.endpoints[0], other.seen.length]).toEqual([hanging.url, 0]);
  });
});

describe('a read', () => {
  it.each([
    ['is reset', (response) => response.socket?.resetAndDestroy()],
    [
      'breaks off inside the answer',
      (response) => {
        response.writeHead(200, { 'Content-Length': 100 });
        response.write('{"action":');
        setImmediate(() => response.socket?.destroy());
      },
    ],
    ['gets a server error', (response) => response.writeHead(502).end('Bad Gateway')],
    ['gets no answer in its share of the time', () => undefined],
  ] satisfies [string, Parameters<typeof fakeMember>[0]][])(
    'is asked elsewhere when it %s',
    async (_how, behaviour) => {
      const broken = await fakeMember(behaviour);
      const member = await working();
      const etcd = client([broken.url, member.url], { timeoutMs: 3_000 });

      const { endpoint, node } = await etcd.keys.get('/a');

      expect([endpoint, node.value]).toEqual([member.url, '1']);
      expect(broken.seen).toHaveLength(1);
    },
  );

  it('gives the last server error when no endpoint does better', async () => {
    const member = await fakeMember((r) =>
      sendJson(r, 500, apiError(300, 'etcdserver: no leader')),
    );
    const etcd = client([await refusingUrl(), member.url]);

    const failure = await failureOf(etcd.keys.get('/a', { quorum: true }));

    expect(failure).toMatchObject({ code: 'E_ETCD_API', errorCode: 300 });
  });

  it('survives that its only endpoint had closed the kept connection', async () => {
    let calls = 0;
    const member = await fakeMember((response) => {
      calls += 1;
      if (calls === 2) response.socket?.destroy();
      else sendJson(response, 200, written);
    });
    const etcd = client([member.url]);
    await etcd.keys.get('/a');

    const { node } = await etcd.keys.get('/a');

    expect([node.value, member.connections(), calls]).toEqual(['1', 2, 3]);
  });

  it('says that an answer is none of etcd', async () => {
    const member = await fakeMember((response) => response.end('<html>hello'));
    const etcd = client([member.url]);

    const failure = await failureOf(etcd.keys.get('/a'));

    expect(failure).toMatchObject({ code: 'E_BAD_ANSWER' });
    expect(String(failure)).toContain('<html>hello');
  });
});

describe('endpoints', () => {
  it('the one that answered stays first, so that one frozen member costs one time-out', async () => {
    const frozen = await fakeTcp(() => undefined);
    const member = await working();
    const etcd = client([frozen.url, member.url], { timeoutMs: 2_000 });
    await etcd.keys.get('/a');

    const { endpoint } = await etcd.keys.get('/a');

    expect(etcd.endpoints).toEqual([member.url, frozen.url]);
    expect(endpoint).toBe(member.url);
  });

  it.each(['ftp://127.0.0.1:1', 'no url', 'http://127.0.0.1:99999'])(
    'the bad URL %j is a refusal with a reason',
    async (url) => {
      const etcd = client([url]);

      const failure = await failureOf(etcd.keys.set('/a', '1'));

      expect(failure).toMatchObject({ code: 'E_NO_ENDPOINT' });
      expect(String(failure)).toContain(`${url} cannot be asked`);
    },
  );

  it('no endpoint at all is said so', async () => {
    const failure = await failureOf(client([]).keys.get('/a'));

    expect(String(failure)).toContain('none given');
  });

  it('sync takes what members advertise and keeps the given ones when they advertise nothing', async () => {
    let urls: string[] = [];
    const member = await fakeMember((r) =>
      sendJson(r, 200, { members: [{ id: 'a', name: 'n1', peerURLs: [], clientURLs: urls }] }),
    );
    const etcd = client([member.url]);

    await etcd.sync();
    const before = [...etcd.endpoints];
    urls = ['http://127.0.0.1:4/', member.url];
    await etcd.sync();

    expect(before).toEqual([member.url]);
    expect(etcd.endpoints).toEqual([member.url, 'http://127.0.0.1:4']);
  });

  it('are dialled through the dial map, and asked for under their own name', async () => {
    const member = await fakeMember((response) => {
      sendJson(response, 200, { ...written, node: { key: response.req.headers.host } });
    });
    const { port } = new URL(member.url);
    const etcd = client([`http://127.7.0.9:${port}`], {
      dialMap: (host) => (host === '127.7.0.9' ? '127.0.0.1' : '127.0.0.99'),
    });

    const { node } = await etcd.keys.get('/a');

    expect(node.key).toBe(`127.7.0.9:${port}`);
  });
});
