// What a call on keys sends, and what it makes of the answer.
import { describe, expect, it, onTestFinished } from 'vitest';
import { EtcdClient } from '../src/etcd-client.js';
import { keyPath } from '../src/keys.js';
import { fakeMember, sendJson, written } from './support/fakes.js';
import type { Seen } from './support/fakes.js';

async function sent(act: (etcd: EtcdClient) => Promise<unknown>): Promise<Seen | undefined> {
  const member = await fakeMember((response) => sendJson(response, 200, written));
  const etcd = new EtcdClient({ endpoints: [member.url] });
  onTestFinished(() => etcd.close());
  await act(etcd);
  return member.seen[0];
}

describe('a request', () => {
  it.each<[string, (etcd: EtcdClient) => Promise<unknown>, Seen]>([
    [
      'get',
      (etcd) => etcd.keys.get('/a', { recursive: true, sorted: true, quorum: true }),
      { method: 'GET', path: '/v2/keys/a?recursive=true&sorted=true&quorum=true', body: '' },
    ],
    [
      'plain get',
      (etcd) => etcd.keys.get('a', { quorum: false }),
      { method: 'GET', path: '/v2/keys/a', body: '' },
    ],
    [
      'set',
      (etcd) => etcd.keys.set('/a', 'x & y=z+ä%', { ttl: 5 }),
      { method: 'PUT', path: '/v2/keys/a', body: 'value=x%20%26%20y%3Dz%2B%C3%A4%25&ttl=5' },
    ],
    [
      'create',
      (etcd) => etcd.keys.set('/a', '', { prevExist: false }),
      { method: 'PUT', path: '/v2/keys/a', body: 'value=&prevExist=false' },
    ],
    [
      'compare and swap',
      (etcd) => etcd.keys.set('/a', '2', { prevValue: '1', prevIndex: 7 }),
      { method: 'PUT', path: '/v2/keys/a', body: 'value=2&prevValue=1&prevIndex=7' },
    ],
    [
      'refresh',
      (etcd) => etcd.keys.set('/a', undefined, { ttl: 9, refresh: true, prevExist: true }),
      { method: 'PUT', path: '/v2/keys/a', body: 'ttl=9&prevExist=true&refresh=true' },
    ],
    [
      'make a directory',
      (etcd) => etcd.keys.set('/a', undefined, { dir: true }),
      { method: 'PUT', path: '/v2/keys/a', body: 'dir=true' },
    ],
    [
      'create in order',
      (etcd) => etcd.keys.createInOrder('/q', 'v', { ttl: 3 }),
      { method: 'POST', path: '/v2/keys/q', body: 'value=v&ttl=3' },
    ],
    [
      'delete',
      (etcd) => etcd.keys.delete('/a', { dir: true, recursive: true, prevIndex: 3 }),
      { method: 'DELETE', path: '/v2/keys/a?recursive=true&dir=true&prevIndex=3', body: '' },
    ],
  ])('to %s is sent as etcd reads it', async (_what, act, request) => {
    expect(await sent(act)).toEqual(request);
  });

  it('encodes each segment of a key, so that no character of it becomes syntax', () => {
    expect(keyPath('/a b/?x=1#y/100%/ä//c/')).toBe('/v2/keys/a%20b/%3Fx%3D1%23y/100%25/%C3%A4/c');
    expect([keyPath('/'), keyPath('')]).toEqual(['/v2/keys', '/v2/keys']);
  });
});

describe('an answer', () => {
  it('carries node, previous node, indexes and where it came from', async () => {
    const member = await fakeMember((response) => {
      response.writeHead(201, { 'X-Etcd-Index': 12, 'X-Raft-Index': 30, 'X-Raft-Term': 4 });
      const node = { key: '/a', value: '', expiration: '2026-01-01T00:00:00Z', ttl: 5 };
      const prevNode = { key: '/a', dir: true, createdIndex: 1, modifiedIndex: 2 };
      response.end(JSON.stringify({ action: 'set', node, prevNode }));
    });
    const etcd = new EtcdClient({ endpoints: [member.url] });
    onTestFinished(() => etcd.close());

    const answer = await etcd.keys.set('/a', '');

    const common = { nodes: [], dir: false, expiration: undefined, ttl: undefined };
    expect(answer).toEqual({
      action: 'set',
      created: true,
      etcdIndex: 12,
      raftIndex: 30,
      raftTerm: 4,
      endpoint: member.url,
      node: {
        ...common,
        key: '/a',
        value: '',
        expiration: '2026-01-01T00:00:00Z',
        ttl: 5,
        createdIndex: 0,
        modifiedIndex: 0,
      },
      prevNode: {
        ...common,
        key: '/a',
        value: undefined,
        dir: true,
        createdIndex: 1,
        modifiedIndex: 2,
      },
    });
  });

  it('of a listing has its nodes; the root has no key of its own', async () => {
    const member = await fakeMember((response) => {
      const nodes = [{ key: '/d', dir: true, nodes: [{ key: '/d/a', value: '1' }] }];
      sendJson(response, 200, { action: 'get', node: { dir: true, nodes } });
    });
    const etcd = new EtcdClient({ endpoints: [member.url] });
    onTestFinished(() => etcd.close());

    const { node } = await etcd.keys.get('/', { recursive: true });

    expect([node.key, node.nodes[0]?.key, node.nodes[0]?.nodes[0]?.value]).toEqual(['', '/d', '1']);
  });
});
