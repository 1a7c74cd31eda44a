// The client of the discovery protocol: what it asks in which order, and what each answer means.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { poll, seededPrng, systemClock } from '@corral/kit';
import { RecordingLog } from '@corral/kit/testing';
import { joinDiscovery, readDiscovery } from '../../src/bootstrap/discovery-client.js';
import type { DiscoveryOptions } from '../../src/bootstrap/discovery-client.js';
import { memberId } from '../../src/bootstrap/ids.js';
import { exchange, form, get, parsed } from '../support/exchange.js';
import { fakeHttp } from '../support/fake-http.js';
import type { FakeAnswer } from '../support/fake-http.js';
import { startSingleMember, temporaryDirectory } from '../support/member.js';

function options(url: string, dataDir: string, name = 'n1', port = 9): DiscoveryOptions {
  return {
    url,
    name,
    peerUrls: [`http://127.0.0.1:${port}`],
    dataDir,
    stateFile: join(dataDir, 'discovery.json'),
    proxy: undefined,
    dialMap: (host) => host,
    trusted: () => [],
    clock: systemClock,
    prng: seededPrng(1),
    logger: new RecordingLog(),
  };
}

type Seat = readonly [key: string, value: string];

/** A token of `size`, and those who have registered under it. */
function token(size: string, ...seats: readonly Seat[]) {
  return (asked: string): FakeAnswer | undefined => {
    if (asked.includes('/_config/size')) {
      return { body: `{"action":"get","node":{"key":"/T/_config/size","value":"${size}"}}` };
    }
    if (asked.startsWith('GET /T?quorum')) {
      const nodes = [
        { key: '/T/_config', dir: true, createdIndex: 1 },
        ...seats.map(([key, value], i) => ({ key: `/T/${key}`, value, createdIndex: i + 2 })),
      ];
      const body = JSON.stringify({ action: 'get', node: { key: '/T', dir: true, nodes } });
      return { body, headers: { 'X-Etcd-Index': '40' } };
    }
    if (asked.startsWith('PUT')) return { status: 201, body: '{"action":"create","node":{}}' };
    return undefined;
  };
}

const other: Seat = ['1', 'n0=http://127.0.0.1:1'];

describe('the requests of discovery', () => {
  it('are etcd’s, in etcd’s order', async () => {
    await using directory = await temporaryDirectory();
    const seats: Seat[] = [];
    await using service = await fakeHttp((asked) => {
      const registered = /^PUT \/T\/(\w+)/.exec(asked)?.[1];
      if (registered !== undefined) seats.push([registered, 'n1=http://127.0.0.1:9']);
      if (asked.includes('wait=true')) {
        seats.push(other);
        return { body: '{}' };
      }
      return token('2', ...seats)(asked);
    });
    const url = `${service.url}/T`;
    const id = memberId(['http://127.0.0.1:9'], url);

    const result = await joinDiscovery(options(url, directory.path));

    const query = '?quorum=false&recursive=false&sorted=false';
    expect(service.asked).toEqual([
      `GET /T/_config/size${query}`,
      `GET /T${query}`,
      `PUT /T/${id}?prevExist=false value=n1%3Dhttp%3A%2F%2F127.0.0.1%3A9`,
      `GET /T/_config/size${query}`,
      `GET /T${query}`,
      'GET /T?recursive=true&wait=true&waitIndex=41',
      `GET /T/_config/size${query}`,
      `GET /T${query}`,
    ]);
    expect(result).toEqual({
      kind: 'cluster',
      cluster: new Map([
        ['n1', ['http://127.0.0.1:9']],
        ['n0', ['http://127.0.0.1:1']],
      ]),
    });
  });

  it('follow redirects, with method and body', async () => {
    await using directory = await temporaryDirectory();
    const own: Seat = [memberId(['http://127.0.0.1:9'], 'x'), 'n1=http://127.0.0.1:9'];
    await using target = await fakeHttp((asked) => token('1', own)(asked));
    await using service = await fakeHttp((asked) => ({
      status: 307,
      headers: { Location: `${target.url}${asked.split(' ')[1] ?? ''}` },
    }));

    const result = await joinDiscovery(options(`${service.url}/T`, directory.path));

    expect(result.kind).toBe('full');
    expect(target.asked.length).toBe(service.asked.length);
  });

  it('to a URL with a slash at its end do not double it', async () => {
    await using directory = await temporaryDirectory();
    await using service = await fakeHttp(() => ({ status: 404, body: 'gone' }));

    await joinDiscovery(options(`${service.url}/T/`, directory.path)).catch(() => undefined);

    expect(service.asked[0]).toMatch(/^GET \/T\/_config\/size\?/);
  });

  it('take the own key away when the last seat went to another at the last moment', async () => {
    await using directory = await temporaryDirectory();
    const seats: Seat[] = [other];
    await using service = await fakeHttp((asked) => {
      if (asked.startsWith('PUT')) seats.push(['2', 'n2=http://127.0.0.1:2']);
      if (asked.startsWith('DELETE')) return { body: '{}' };
      return token('2', ...seats)(asked);
    });
    const url = `${service.url}/T`;

    const result = await joinDiscovery(options(url, directory.path));

    expect(result.kind).toBe('full');
    expect(service.asked.at(-1)).toBe(`DELETE /T/${memberId(['http://127.0.0.1:9'], url)}`);
  });

  it('are repeated after a 5xx', async () => {
    await using directory = await temporaryDirectory();
    let failures = 2;
    await using service = await fakeHttp((asked) =>
      failures-- > 0 ? { status: 503 } : token('1', other)(asked),
    );

    const result = await joinDiscovery(options(`${service.url}/T`, directory.path));

    expect(result.kind).toBe('full');
    expect(service.asked.length).toBe(4);
  });
});

describe('discovery fails for good (E_DISCOVERY) when', () => {
  it.each([
    [
      'the token is unknown',
      { status: 404, body: '{"errorCode":100,"message":"Key not found","cause":"/T","index":1}' },
      'discovery: token not found or expired',
    ],
    [
      'the answer is no etcd’s',
      { status: 404, body: '404 page not found' },
      'discovery: bad discovery endpoint',
    ],
    [
      'the size is no number',
      { body: '{"node":{"key":"/s","value":"-1"}}' },
      'discovery: size key is bad',
    ],
    ['the size is 0', { body: '{"node":{"key":"/s","value":"0"}}' }, 'discovery: size key is bad'],
    [
      'etcd says another error',
      { status: 401, body: '{"errorCode":110,"message":"auth","cause":"who?","index":0}' },
      '110: auth (who?)',
    ],
  ])('%s', async (_when, answer, why) => {
    await using directory = await temporaryDirectory();
    await using service = await fakeHttp(() => answer);

    const joining = joinDiscovery(options(`${service.url}/T`, directory.path));

    await expect(joining).rejects.toMatchObject({
      code: 'E_DISCOVERY',
      message: expect.stringContaining(why) as string,
    });
  });

  it.each([
    ['two members have one name', 'n1=http://127.0.0.1:2', 'duplicated name'],
    ['a registration is no URL', 'n2=nowhere', 'discovery: invalid URL'],
  ])('%s', async (_when, value, why) => {
    await using directory = await temporaryDirectory();
    const first: Seat = ['1', 'n1=http://127.0.0.1:1'];
    await using service = await fakeHttp(token('2', first, ['2', value]));

    const joining = joinDiscovery(options(`${service.url}/T`, directory.path));

    await expect(joining).rejects.toMatchObject({
      code: 'E_DISCOVERY',
      message: expect.stringContaining(why) as string,
    });
  });

  it('the own id is registered and this directory knows nothing of it', async () => {
    await using directory = await temporaryDirectory();
    await using service = await fakeHttp((asked) =>
      asked.startsWith('PUT')
        ? { status: 412, body: '{"errorCode":105,"message":"Key already exists","index":9}' }
        : token('2', other)(asked),
    );

    const joining = joinDiscovery(options(`${service.url}/T`, directory.path));

    await expect(joining).rejects.toMatchObject({
      code: 'E_DISCOVERY',
      message: expect.stringMatching(
        /^member "n1" has previously registered .* use a new discovery token/,
      ) as string,
    });
  });
});

describe('against a real store', () => {
  async function issue(url: string, size: number): Promise<string> {
    await form(url, 'PUT', '/v2/keys/tokens/T/_config/size', `value=${size}`);
    return `${url}/v2/keys/tokens/T`;
  }

  it('the first ones to come form the cluster; one too many takes its key away', async () => {
    await using store = await startSingleMember();
    await using directory = await temporaryDirectory();
    const url = await issue(store.url, 2);
    const member = (name: string, port: number): DiscoveryOptions =>
      options(url, join(directory.path, name), name, port);

    const [a, b] = await Promise.all([
      joinDiscovery(member('a', 1)),
      joinDiscovery(member('b', 2)),
    ]);
    const late = await joinDiscovery(member('c', 3));

    const keys = parsed(await get(url, '/v2/keys/tokens/T')).node?.nodes ?? [];
    expect([a.kind, b.kind, late.kind]).toEqual(['cluster', 'cluster', 'full']);
    expect(new Set(a.cluster.keys())).toEqual(new Set(['a', 'b']));
    expect([...b.cluster]).toEqual([...a.cluster]);
    expect(keys).toHaveLength(2);
  });

  it('a member that was killed while it waited goes on waiting with its own seat', async () => {
    await using store = await startSingleMember();
    await using directory = await temporaryDirectory();
    const url = await issue(store.url, 2);
    const killed = new AbortController();
    const registered = async (): Promise<true | undefined> => {
      const nodes = parsed(await get(url, '/v2/keys/tokens/T')).node?.nodes ?? [];
      return nodes.length === 1 ? true : undefined;
    };

    const first = joinDiscovery({ ...options(url, directory.path), signal: killed.signal });
    await poll(registered, { what: 'the registration', timeoutMs: 10_000, clock: systemClock });
    const state = await readFile(join(directory.path, 'discovery.json'), 'utf8');
    killed.abort(new Error('killed'));
    await expect(first).rejects.toThrow();
    const again = joinDiscovery(options(url, directory.path));
    const second = joinDiscovery(options(url, join(directory.path, 'other'), 'n2', 2));
    const results = await Promise.all([again, second]);

    expect(JSON.parse(state)).toMatchObject({ url, value: 'n1=http://127.0.0.1:9' });
    expect(results.map((result) => [...result.cluster.keys()])).toEqual([
      ['n1', 'n2'],
      ['n1', 'n2'],
    ]);
  });

  it('a proxy reads the token and never registers', async () => {
    await using store = await startSingleMember();
    await using directory = await temporaryDirectory();
    const url = await issue(store.url, 1);
    const waiting = readDiscovery(options(url, directory.path));
    const put = { method: 'PUT', path: '/v2/keys/tokens/T/1?value=n0=http://127.0.0.1:1' };

    await exchange(store.url, put);

    expect([...(await waiting)]).toEqual([['n0', ['http://127.0.0.1:1']]]);
    expect(parsed(await get(url, '/v2/keys/tokens/T')).node?.nodes).toHaveLength(1);
  });
});
