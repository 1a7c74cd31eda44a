// The members API, and the peer port's side door with its large numbers.
import { refusingUrl } from '@corral/kit/testing';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EtcdClient } from '../src/etcd-client.js';
import { fetchCluster, parseMembers, renderMembers } from '../src/peer-info.js';
import { fakeMember, fakeTcp, sendJson } from './support/fakes.js';
import type { FakeMember } from './support/fakes.js';

function client(...endpoints: string[]): EtcdClient {
  const one = new EtcdClient({ endpoints, timeoutMs: 2_000 });
  onTestFinished(() => one.close());
  return one;
}

const asIs = (host: string): string => host;
const n1 = { id: 'ade526', name: 'n1', peerURLs: ['http://p1'], clientURLs: ['http://c1'] };

describe('members', () => {
  it('are listed with what they have said of themselves', async () => {
    const member = await fakeMember((response) =>
      sendJson(response, 200, { members: [n1, { id: 'b', name: '', peerURLs: ['http://p2'] }] }),
    );

    expect(await client(member.url).members.list()).toEqual([
      { id: 'ade526', name: 'n1', peerUrls: ['http://p1'], clientUrls: ['http://c1'] },
      { id: 'b', name: '', peerUrls: ['http://p2'], clientUrls: [] },
    ]);
  });

  it('are added, updated and removed by id', async () => {
    const member = await fakeMember((response, { method }) =>
      method === 'POST' ? sendJson(response, 201, n1) : response.writeHead(204).end(),
    );
    const { members } = client(member.url);

    const added = await members.add(['http://p1']);
    await members.update('ade526', ['http://p9']);
    await members.remove('ade526');

    expect(added.id).toBe('ade526');
    expect(member.seen).toEqual([
      { method: 'POST', path: '/v2/members', body: '{"peerURLs":["http://p1"]}' },
      { method: 'PUT', path: '/v2/members/ade526', body: '{"peerURLs":["http://p9"]}' },
      { method: 'DELETE', path: '/v2/members/ade526', body: '' },
    ]);
  });

  it('may be refused, and the reason is the server’s', async () => {
    const member = await fakeMember((r) => sendJson(r, 409, { message: 'peerURL exists' }));

    const failure = await client(member.url)
      .members.add(['http://p1'])
      .catch((error: unknown) => error);

    expect(failure).toMatchObject({
      code: 'E_MEMBER_REFUSED',
      details: { status: 409, message: 'peerURL exists' },
    });
  });

  it('a change that the server lost sight of has an unknown outcome', async () => {
    const member = await fakeMember((r) => sendJson(r, 500, { message: 'request timed out' }));

    const failure = await client(member.url)
      .members.remove('a')
      .catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: 'E_UNKNOWN_OUTCOME' });
  });

  it('have a leader that any endpoint may know, a frozen one costs its share of the time', async () => {
    const frozen = await fakeTcp(() => undefined);
    const electing = await fakeMember((r) => sendJson(r, 503, { message: 'During election' }));
    const knowing = await fakeMember((response) => sendJson(response, 200, n1));

    const leader = await client(frozen.url, electing.url, knowing.url).members.leader();

    expect(leader?.name).toBe('n1');
    expect(await client(electing.url).members.leader()).toBeUndefined();
  });
});

describe('the peer port', () => {
  const body =
    '[{"id":18446744073709551615,"peerURLs":["http://b","http://a"],"name":"n1","clientURLs":["http://c"]},' +
    '{"id": 9007199254740993,"peerURLs":["http://d"],"name":"\\"id\\":7"}]';

  const peer = (text: string, id: string | undefined): Promise<FakeMember> =>
    fakeMember((response) => {
      if (id !== undefined) response.setHeader('X-Etcd-Cluster-ID', id);
      response.end(text);
    });

  it('tells ids as numbers above 2^53, which stay exact', () => {
    expect(parseMembers(body)).toEqual([
      {
        id: 'ffffffffffffffff',
        name: 'n1',
        peerUrls: ['http://a', 'http://b'],
        clientUrls: ['http://c'],
      },
      { id: '20000000000001', name: '"id":7', peerUrls: ['http://d'], clientUrls: [] },
    ]);
  });

  it('reads what it writes, for any id and name', () => {
    const member = fc.record({
      id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((id) => id.toString(16)),
      name: fc.string(),
      peerUrls: fc.array(fc.webUrl()).map((urls) => urls.sort()),
      clientUrls: fc.array(fc.webUrl()),
    });
    fc.assert(
      fc.property(fc.array(member), (members) => {
        expect(parseMembers(renderMembers(members))).toEqual(members);
      }),
    );
  });

  it('is asked peer by peer until one gives a cluster', async () => {
    const peers = [
      await refusingUrl(),
      (await peer(body, undefined)).url,
      (await peer(body, 'no hex')).url,
      (await peer('[]', 'abc')).url,
      (await peer('<html>', 'abc')).url,
      (await peer('{"members":[]}', 'abc')).url,
      (await fakeMember((response) => response.socket?.destroy())).url,
      (await fakeTcp(() => undefined)).url,
      (await peer(body, 'b5dcd11575fe1d3d')).url,
    ];

    const cluster = await fetchCluster(peers, { timeoutMs: 500, dialMap: asIs });

    expect(cluster?.clusterId).toBe('b5dcd11575fe1d3d');
    expect(cluster?.members.map((one) => one.id)).toEqual(['ffffffffffffffff', '20000000000001']);
  });

  it('gives nothing when nobody knows, and at once when its signal aborts', async () => {
    const frozen = await fakeTcp(() => undefined);
    const controller = new AbortController();
    const options = { timeoutMs: 60_000, dialMap: asIs, signal: controller.signal };
    const asked = fetchCluster([frozen.url, frozen.url], options);

    controller.abort();

    expect(await asked).toBeUndefined();
    expect(
      await fetchCluster([await refusingUrl()], { timeoutMs: 500, dialMap: asIs }),
    ).toBeUndefined();
  });
});
