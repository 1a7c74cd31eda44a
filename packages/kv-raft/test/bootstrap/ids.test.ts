// Ids against vectors that real etcds gave, and against a real etcd where there is one.
import { describe, expect, it } from 'vitest';
import { clusterId, memberId, runtimeMemberId } from '../../src/bootstrap/ids.js';
import { get } from '../support/exchange.js';
import { etcdFound, startEtcd } from '../support/programs.js';

const discoveryUrl = 'http://127.0.0.1:21086/dbb111a38d099f51984539cfb3462659';

describe('a member id', () => {
  it.each([
    [['http://127.0.0.1:23480'], 'tok1', '3eb62a060376dacc'],
    [['http://127.0.0.1:23580'], 'tok1', 'ce8089838476e6cc'],
    [['http://127.0.0.1:23680'], 'tok1', 'cf6ab4148ad210d'],
    [['http://127.0.0.1:21101'], discoveryUrl, '6d950fb351cbda65'],
    [
      ['http://127.0.0.1:21449', 'http://127.0.0.1:21441'],
      'http://127.0.0.1:21086/d0ced6bd10ccc2e96eeb7e3632919aa4',
      '49c5871d1546195a',
    ],
    [
      ['http://127.0.0.1:21391'],
      'http://127.0.0.1:21307/2aafef1b7d9645f45a6f262a18ea7f12',
      'e73959dcd0c15a2',
    ],
    [
      ['http://127.0.0.1:21721'],
      'http://127.0.0.1:21086/aaaae645eb20d65bb8f58bc143410903/',
      'd35864990fc5a676',
    ],
  ])('of %j and %s is %s', (urls, token, id) => {
    expect(memberId(urls, token)).toBe(id);
  });

  it('of a member added later depends on the second, not on a token', () => {
    const urls = ['http://127.0.0.1:1'];

    const ids = [0, 999, 1_000].map((wallTime) => runtimeMemberId(urls, wallTime));

    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).not.toBe(ids[2]);
    expect(ids[0]).toBe(memberId(urls, '0'));
  });
});

describe('a cluster id', () => {
  it.each([
    [['3eb62a060376dacc', 'ce8089838476e6cc', 'cf6ab4148ad210d'], 'cae4294677cabe07'],
    [['da29ac759316a6e6', '6d950fb351cbda65', 'c2cac0fb2e3992ed'], 'b5dcd11575fe1d3d'],
  ])('of %j, in any order, is %s', (ids, id) => {
    expect(clusterId(ids)).toBe(id);
    expect(clusterId([...ids].reverse())).toBe(id);
  });
});

describe.runIf(etcdFound)('a real etcd', () => {
  it('reckons the same ids from the same flags', async () => {
    await using etcd = await startEtcd(['--initial-cluster-token', 'a token of its own']);

    const answer = await get(etcd.url, '/v2/members');

    const { members } = JSON.parse(answer.body) as { members: { id: string }[] };
    const id = memberId([etcd.peerUrl], 'a token of its own');
    expect(members.map((member) => member.id)).toEqual([id]);
    expect(answer.headers['x-etcd-cluster-id']).toBe(clusterId([id]));
  });
});
