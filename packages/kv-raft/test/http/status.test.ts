import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange, get } from '../support/exchange.js';
import { startSingleMember } from '../support/member.js';
import type { TestMember } from '../support/member.js';
import { goDuration } from '../../src/http/status-routes.js';

let member: TestMember;

beforeAll(async () => {
  member = await startSingleMember();
});
afterAll(() => member[Symbol.asyncDispose]());

async function json(path: string): Promise<Record<string, unknown>> {
  const { body } = await get(member.url, path);
  return JSON.parse(body) as Record<string, unknown>;
}

describe('what a member says of itself', () => {
  it('its version and the cluster’s, with and without a newline as etcd has them', async () => {
    const version = await get(member.url, '/version');
    const health = await get(member.url, '/health');

    expect(version.body).toBe('{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}');
    expect([health.status, health.body]).toEqual([200, '{"health":"true"}']);
  });

  it('its figures, in etcd’s order', async () => {
    const self = await json('/v2/stats/self');

    expect(Object.keys(self).slice(0, 6)).toEqual([
      'name',
      'id',
      'state',
      'startTime',
      'leaderInfo',
      'recvAppendRequestCnt',
    ]);
    expect(self).toMatchObject({ name: 'one', id: member.memberId, state: 'StateLeader' });
    const info = self['leaderInfo'] as Record<string, string>;
    expect(info['leader']).toBe(member.memberId);
    expect(info['uptime']).toMatch(/^(\d+h)?(\d+m)?[\d.]+m?s$/);
  });

  it('its followers: none', async () => {
    expect(await json('/v2/stats/leader')).toEqual({ leader: member.memberId, followers: {} });
  });

  it('what its store has done, in etcd’s order, and counts on', async () => {
    const before = await json('/v2/stats/store');
    await exchange(member.url, { method: 'PUT', path: '/v2/keys/counted?value=1' });
    await exchange(member.url, { method: 'DELETE', path: '/v2/keys/never' });
    const after = await json('/v2/stats/store');

    expect(Object.keys(after)).toEqual([
      'getsSuccess',
      'getsFail',
      'setsSuccess',
      'setsFail',
      'deleteSuccess',
      'deleteFail',
      'updateSuccess',
      'updateFail',
      'createSuccess',
      'createFail',
      'compareAndSwapSuccess',
      'compareAndSwapFail',
      'compareAndDeleteSuccess',
      'compareAndDeleteFail',
      'expireCount',
      'watchers',
    ]);
    expect(Number(after['setsSuccess']) - Number(before['setsSuccess'])).toBe(1);
    expect(Number(after['deleteFail']) - Number(before['deleteFail'])).toBe(1);
  });

  it('its variables, one entry a line', async () => {
    const { body, headers } = await get(member.url, '/debug/vars');

    const variables = JSON.parse(body) as Record<string, unknown>;
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(Object.keys(variables)).toEqual([
      'cmdline',
      'file_descriptor_limit',
      'memstats',
      'raft.status',
    ]);
    expect(variables['cmdline']).toEqual(['etcd2']);
    expect(variables['file_descriptor_limit']).toBeGreaterThan(0);
    expect(variables['raft.status']).toMatchObject({
      id: member.memberId,
      lead: member.memberId,
      raftState: 'StateLeader',
    });
  });

  it('its metrics, each with a type', async () => {
    const { body } = await get(member.url, '/metrics');

    const samples = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const typed = new Set([...body.matchAll(/^# TYPE (\S+) (counter|gauge)$/gm)].map((m) => m[1]));
    const names = samples.map((line) => line.split(/[ {]/)[0]);
    expect(body).toContain('\netcd_server_has_leader 1\n');
    expect(body).toMatch(/etcd_http_received_total\{method="GET"\} \d+/);
    expect(names.filter((name) => !typed.has(name))).toEqual([]);
  });

  it('its log level, and changes it', async () => {
    const put = (body: string): Promise<{ status: number }> =>
      exchange(member.url, { method: 'PUT', path: '/config/local/log', body });

    const answers = [await put('{"Level":"debug"}'), await put('{"level":"Warning"}')];

    expect(answers.map((answer) => answer.status)).toEqual([204, 204]);
    expect(member.levels).toEqual(['debug', 'warn']);
  });
});

describe('a duration', () => {
  it.each([
    [0, '0s'],
    [1.5, '1.5ms'],
    [919.052304, '919.052304ms'],
    [1_000, '1s'],
    [110_750, '1m50.75s'],
    [3_600_000, '1h0m0s'],
    [7_203_000, '2h0m3s'],
  ])('of %d ms is written %s, as Go does', (milliseconds, written) => {
    expect(goDuration(milliseconds)).toBe(written);
  });
});

describe('the peer port', () => {
  it('lists the members with decimal ids, for those who join and for proxies', async () => {
    const { body, headers } = await get(member.peerUrl, '/members');

    const id = BigInt(`0x${member.memberId}`);
    expect(headers['x-etcd-cluster-id']).toBe(member.clusterId);
    expect(body.startsWith(`[{"id":${id},`)).toBe(true);
    expect((await get(member.peerUrl, '/version')).status).toBe(200);
  });

  it('has nothing of the client API, and takes no other method', async () => {
    const keys = await get(member.peerUrl, '/v2/keys');
    const post = await exchange(member.peerUrl, { method: 'POST', path: '/members' });

    expect([keys.status, post.status]).toEqual([404, 405]);
  });

  it('tells a real etcd that it speaks another protocol, and the log says so once', async () => {
    const path = '/raft/stream/message/8e9e05c52164694d';
    const first = await get(member.peerUrl, path);
    await get(member.peerUrl, path);

    const warnings = member.log.lines.filter((line) => line.message.includes('a real etcd'));
    expect(first.status).toBe(412);
    expect(first.body).toContain('another peer protocol than etcd');
    expect(warnings).toHaveLength(1);
  });
});
