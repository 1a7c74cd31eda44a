import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange, get } from '../support/exchange.js';
import type { Answer } from '../support/exchange.js';
import { startSingleMember } from '../support/member.js';
import type { TestMember } from '../support/member.js';

type Listed = {
  readonly id: string;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
};

let member: TestMember;

// Strict, so that nothing here makes the cluster of one lose its majority.
beforeAll(async () => {
  member = await startSingleMember(['--strict-reconfig-check']);
});
afterAll(() => member[Symbol.asyncDispose]());

function send(method: string, path: string, body: string | Buffer): Promise<Answer> {
  const headers = { 'Content-Type': 'application/json' };
  return exchange(member.url, { method, path, headers, body });
}

async function list(): Promise<readonly Listed[]> {
  const { body } = await get(member.url, '/v2/members');
  return (JSON.parse(body) as { members: Listed[] }).members;
}

describe('the members API', () => {
  it('lists members with exactly four fields, and names the leader', async () => {
    const own = {
      id: member.memberId,
      name: 'one',
      peerURLs: ['http://127.0.0.1:2380'],
      clientURLs: ['http://127.0.0.1:2379'],
    };

    const listed = await get(member.url, '/v2/members');
    const leader = await get(member.url, '/v2/members/leader');

    expect(listed.body).toBe(`{"members":[${JSON.stringify(own)}]}\n`);
    expect(leader.body).toBe(`${JSON.stringify(own)}\n`);
    expect(listed.headers['x-etcd-cluster-id']).toBe(member.clusterId);
  });

  it('moves a member to other peer URLs, sorted', async () => {
    const path = `/v2/members/${member.memberId}`;
    const body = '{"peerURLs":["http://127.0.0.1:2382","http://127.0.0.1:2381"]}';

    const answer = await send('PUT', path, body);
    const moved = await list();
    await send('PUT', path, '{"peerURLs":["http://127.0.0.1:2380"]}');

    expect([answer.status, answer.body]).toEqual([204, '']);
    expect(moved[0]?.peerURLs).toEqual(['http://127.0.0.1:2381', 'http://127.0.0.1:2382']);
  });

  it('refuses a JSON body above 1 MiB with 413 and goes on serving', async () => {
    const fits = `{"peerURLs":[]}${' '.repeat(1024 * 1024 - 15)}`;

    const large = await send('POST', '/v2/members', `${fits} `);
    const largest = await send('POST', '/v2/members', fits);

    expect(large.status).toBe(413);
    expect(large.body).toBe('{"message":"the body is larger than 1048576 bytes"}');
    expect(largest.status).toBe(400);
    expect(await list()).toHaveLength(1);
  });

  it.each([
    ['no list', '{"peerURLs":"http://127.0.0.1:1"}', /"peerURLs" must be a list of strings/],
    ['numbers', '{"peerURLs":[7]}', /"peerURLs" must be a list of strings/],
    ['two URLs in one', '{"peerURLs":["http://a:1,http://b:2"]}', /does not have the form/],
    ['an impossible port', '{"peerURLs":["http://127.0.0.1:70000"]}', /port above 65535/],
    ['half of a body', '{"peerURLs":[', /Unexpected end of JSON/],
  ])('refuses %s with 400', async (_what, body, why) => {
    const answer = await send('POST', '/v2/members', body);

    expect(answer.status).toBe(400);
    expect((JSON.parse(answer.body) as { message: string }).message).toMatch(why);
    expect(await list()).toHaveLength(1);
  });

  it('refuses peer URLs that a member has with 409', async () => {
    const answer = await send('POST', '/v2/members', '{"peerURLs":["http://127.0.0.1:2380"]}');

    expect([answer.status, answer.body]).toEqual([409, '{"message":"etcdserver: peerURL exists"}']);
  });

  it('refuses to remove the only member and says why', async () => {
    const answer = await exchange(member.url, {
      method: 'DELETE',
      path: `/v2/members/${member.memberId}`,
    });

    expect(answer.status).toBe(500);
    expect(answer.body).toContain('not enough started members');
    expect(await list()).toHaveLength(1);
  });
});

describe('a cluster without the strict check', () => {
  it('adds a member that nobody has started: 201, no name, no client URLs', async () => {
    await using lax = await startSingleMember(['--listen-peer-urls', 'http://127.0.0.1:0']);
    const headers = { 'Content-Type': 'application/json' };
    const path = '/v2/members';
    const body = '{"peerURLs":["http://127.0.0.1:9"],"name":"ignored"}';

    // From the moment of the addition two of two are needed, and one is missing.
    const added = await exchange(lax.url, { method: 'POST', path, headers, body });
    const { id } = JSON.parse(added.body) as Listed;
    const unknown = await exchange(lax.url, { method: 'DELETE', path: `${path}/00abc` });

    expect(added.status).toBe(201);
    expect(added.body).toBe(
      `{"id":"${id}","name":"","peerURLs":["http://127.0.0.1:9"],"clientURLs":[]}\n`,
    );
    expect([unknown.status, unknown.body]).toEqual([404, '{"message":"No such member: 00abc"}']);
  });
});
