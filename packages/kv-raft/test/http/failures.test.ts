// What clients are told when the member behind the handlers cannot do what they ask: a backend
// whose answers the test gives.
import { describe, expect, it } from 'vitest';
import type { MemberRefusal, RequestFailure } from '../../src/backend.js';
import { exchange, get } from '../support/exchange.js';
import { serve } from '../support/served-backend.js';

const causes: readonly (readonly [RequestFailure, string])[] = [
  ['E_RAFT_TIMEOUT', 'etcdserver: request timed out'],
  [
    'E_RAFT_TIMEOUT_LEADER_FAILED',
    'etcdserver: request timed out, possibly due to previous leader failure',
  ],
  [
    'E_RAFT_TIMEOUT_CONNECTION_LOST',
    'etcdserver: request timed out, possibly due to connection lost',
  ],
  ['E_RAFT_NO_LEADER', 'etcdserver: no leader'],
  ['E_RAFT_STOPPED', 'etcdserver: server stopped'],
  ['E_RAFT_CANCELLED', 'etcdserver: request cancelled'],
  ['E_RAFT_TOO_MANY_REQUESTS', 'etcdserver: too many requests'],
  ['E_DISK_FULL', 'etcdserver: no space'],
];

describe('a request that the member could not finish', () => {
  it.each(causes)('(%s) is answered 500, code 300, with the cause', async (failure, cause) => {
    const outcome = { ok: false, failure } as const;
    await using server = await serve({
      write: () => Promise.resolve(outcome),
      readBarrier: () => Promise.resolve(outcome),
    });

    const written = await exchange(server.url, { method: 'PUT', path: '/v2/keys/a?value=1' });
    const read = await get(server.url, '/v2/keys/a?quorum=true');

    const body = `{"errorCode":300,"message":"Raft Internal Error","cause":"${cause}","index":0}\n`;
    expect([written.status, written.body]).toEqual([500, body]);
    expect([read.status, read.body]).toEqual([500, body]);
    expect(written.headers['x-etcd-index']).toBe('0');
  });

  it('because of a fault in here is answered 500 without telling what, and logged', async () => {
    await using server = await serve({ write: () => Promise.reject(new Error('secret detail')) });

    const answer = await exchange(server.url, { method: 'PUT', path: '/v2/keys/a?value=1' });

    expect([answer.status, answer.body]).toEqual([500, 'Internal Server Error\n']);
    expect(server.log.lines.at(-1)).toMatchObject({
      level: 'error',
      fields: { error: 'secret detail' },
    });
  });
});

describe('a membership change that is refused', () => {
  const refusals: readonly (readonly [MemberRefusal, number, string])[] = [
    [{ kind: 'id-exists' }, 409, 'etcdserver: ID exists'],
    [{ kind: 'peer-url-exists' }, 409, 'etcdserver: peerURL exists'],
    [{ kind: 'not-found' }, 404, 'No such member: AB'],
    [{ kind: 'removed' }, 500, 'Member permanently removed: AB'],
    [{ kind: 'unsafe', reason: 'two are down' }, 500, 'two are down'],
    [{ kind: 'failed', failure: 'E_RAFT_NO_LEADER' }, 500, 'etcdserver: no leader'],
  ];

  it.each(refusals)('(%j) is answered %d and %j', async (refusal, status, message) => {
    const asked: string[] = [];
    await using server = await serve({
      updateMember: (id) => {
        asked.push(id);
        return Promise.resolve({ ok: false, refusal });
      },
    });

    const answer = await exchange(server.url, {
      method: 'PUT',
      path: '/v2/members/AB',
      headers: { 'Content-Type': 'application/json' },
      body: '{"peerURLs":["http://127.0.0.1:1"]}',
    });

    expect([answer.status, answer.body]).toEqual([status, JSON.stringify({ message })]);
    expect(asked).toEqual(['ab']);
  });

  it('because the member was removed before is answered 410 to a second DELETE', async () => {
    await using server = await serve({});

    const answer = await exchange(server.url, { method: 'DELETE', path: '/v2/members/00ab' });

    expect([answer.status, answer.body]).toEqual([
      410,
      '{"message":"Member permanently removed: 00ab"}',
    ]);
  });
});

describe('a member without a leader', () => {
  it('says so everywhere, and still reads', async () => {
    await using server = await serve({});

    const answers = await Promise.all(
      ['/v2/members/leader', '/v2/stats/leader', '/health', '/version', '/v2/keys'].map((path) =>
        get(server.url, path),
      ),
    );

    expect(answers.map(({ status, body }) => [status, body])).toEqual([
      [503, '{"message":"During election"}'],
      [403, '{"message":"not current leader"}'],
      [503, '{"health":"false"}\n'],
      [200, '{"etcdserver":"2.3.8","etcdcluster":"not_decided"}'],
      [200, '{"action":"get","node":{"dir":true}}\n'],
    ]);
  });

  it('is unhealthy after a second, also when nothing answers', async () => {
    await using server = await serve({ readBarrier: () => new Promise(() => undefined) });

    const answer = await get(server.url, '/health');

    expect(answer.status).toBe(503);
  });

  it('tells its figures without one, and leaves rates of zero out', async () => {
    await using server = await serve({});

    const answer = await get(server.url, '/v2/stats/self');

    expect(answer.body).toBe(
      '{"name":"n","id":"a1","state":"StateFollower","startTime":"1970-01-01T00:00:00Z",' +
        '"leaderInfo":{"leader":"","uptime":"0s","startTime":"0001-01-01T00:00:00Z"},' +
        '"recvAppendRequestCnt":0,"sendAppendRequestCnt":0,"sendPkgRate":1.5}',
    );
  });
});
