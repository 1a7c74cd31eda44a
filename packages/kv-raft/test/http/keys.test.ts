import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { poll, systemClock } from '@corral/kit';
import { exchange, form, formType, get, parsed } from '../support/exchange.js';
import { startSingleMember } from '../support/member.js';
import type { TestMember } from '../support/member.js';

let member: TestMember;

beforeAll(async () => {
  member = await startSingleMember();
});
afterAll(() => member[Symbol.asyncDispose]());

describe('values', () => {
  it('of more than a megabyte are kept byte by byte', async () => {
    const value = 'é'.repeat(1_000_000);

    const put = await form(member.url, 'PUT', '/v2/keys/big', `value=${value}`);
    const read = await get(member.url, '/v2/keys/big');

    expect(put.status).toBe(201);
    expect(parsed(read).node?.value === value).toBe(true);
  });

  it('may fill a form of 10 MiB, and not a byte more', async () => {
    const fits = 'x'.repeat(10 * 1024 * 1024 - 'value='.length);

    const taken = await form(member.url, 'PUT', '/v2/keys/limit', `value=${fits}`);
    const refused = await form(member.url, 'PUT', '/v2/keys/limit', `value=${fits}x`);
    const read = await get(member.url, '/v2/keys/limit');

    expect(taken.status).toBe(201);
    expect(refused.status).toBe(400);
    expect(parsed(refused)).toEqual({
      errorCode: 210,
      message: 'Invalid POST form',
      cause: 'http: POST too large',
      index: 0,
    });
    expect(parsed(read).node?.value?.length).toBe(fits.length);
  });

  it('above 2 KiB are answered in chunks, smaller ones with a length', async () => {
    const large = await form(member.url, 'PUT', '/v2/keys/large', `value=${'x'.repeat(4096)}`);
    const small = await form(member.url, 'PUT', '/v2/keys/small', 'value=x');
    const head = await exchange(member.url, { method: 'HEAD', path: '/v2/keys/large' });

    expect(large.headers['transfer-encoding']).toBe('chunked');
    expect(small.headers['content-length']).toBe(String(small.body.length));
    expect(Number(head.headers['content-length'])).toBeGreaterThan(4096);
  });
});

describe('the headers of an answer', () => {
  it('tell the cluster, the store’s index, and Raft’s index and term', async () => {
    const first = await form(member.url, 'PUT', '/v2/keys/headers', 'value=1');
    const second = await form(member.url, 'PUT', '/v2/keys/headers', 'value=2');

    expect(first.headers['x-etcd-cluster-id']).toBe(member.clusterId);
    expect(first.headers['x-etcd-index']).toBe(String(parsed(first).node?.modifiedIndex));
    expect(Number(second.headers['x-etcd-index'])).toBe(Number(first.headers['x-etcd-index']) + 1);
    expect(Number(second.headers['x-raft-index'])).toBeGreaterThan(
      Number(first.headers['x-raft-index']),
    );
    expect(Number(second.headers['x-raft-term'])).toBeGreaterThanOrEqual(2);
  });

  it('of an error tell the index of its body and nothing of Raft', async () => {
    const answer = await get(member.url, '/v2/keys/missing');

    expect(answer.headers['x-etcd-index']).toBe(String(parsed(answer).index));
    expect(answer.headers['x-raft-index']).toBeUndefined();
    expect(answer.headers['x-raft-term']).toBeUndefined();
  });
});

describe('keys in order', () => {
  it('get names that rise with every POST, also when many come at once', async () => {
    const posts = Array.from({ length: 20 }, (_unused, i) =>
      form(member.url, 'POST', '/v2/keys/queue', `value=${i}`),
    );

    const created = (await Promise.all(posts)).map((answer) => parsed(answer).node!);
    const list = parsed(await get(member.url, '/v2/keys/queue?sorted=true')).node?.nodes ?? [];

    expect(created.every((node) => /^\/queue\/\d{20}$/.test(node.key ?? ''))).toBe(true);
    expect(new Set(created.map((node) => node.key)).size).toBe(20);
    expect(list.map((node) => node.createdIndex)).toEqual(
      created.map((node) => node.createdIndex).sort((a, b) => a! - b!),
    );
  });
});

describe('a ttl', () => {
  it('shows the seconds that are left, and takes the key away when it is over', async () => {
    const put = await form(member.url, 'PUT', '/v2/keys/short?ttl=1', 'value=1');
    const gone = await poll(
      async () => {
        const answer = await get(member.url, '/v2/keys/short');
        return answer.status === 404 ? answer : undefined;
      },
      { what: 'the expiry', timeoutMs: 15_000, clock: systemClock },
    );

    const { ttl, expiration = '' } = parsed(put).node!;
    expect(ttl).toBe(1);
    expect(expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z$/);
    expect(parsed(gone).errorCode).toBe(100);
    expect(parsed(gone).index).toBeGreaterThan(parsed(put).node!.modifiedIndex!);
  });

  it('of 2^64-1 seconds is over at once, as etcd’s overflow has it', async () => {
    const answer = await form(
      member.url,
      'PUT',
      '/v2/keys/overflow?ttl=18446744073709551615',
      'value=1',
    );

    expect(answer.status).toBe(201);
    expect(Date.parse(parsed(answer).node?.expiration ?? '')).toBeLessThan(Date.now());
  });
});

describe('concurrent writers', () => {
  it('of one compareAndSwap: exactly one wins, the others see 101', async () => {
    const base = await form(member.url, 'PUT', '/v2/keys/race', 'value=0');
    const index = parsed(base).node!.modifiedIndex!;
    const swaps = Array.from({ length: 10 }, (_unused, i) =>
      form(member.url, 'PUT', `/v2/keys/race?prevIndex=${index}`, `value=${i + 1}`),
    );

    const answers = await Promise.all(swaps);

    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    const lost = answers.filter((answer) => answer.status === 412).map(parsed);
    expect(lost.map((answer) => answer.errorCode)).toEqual(Array(9).fill(101));
  });
});

describe('a DELETE', () => {
  it('never reads its body: a condition there is none', async () => {
    await form(member.url, 'PUT', '/v2/keys/unguarded', 'value=1');

    const answer = await exchange(member.url, {
      method: 'DELETE',
      path: '/v2/keys/unguarded',
      headers: { 'Content-Type': formType },
      body: 'prevValue=other',
    });

    expect(answer.status).toBe(200);
    expect(parsed(answer).prevNode?.value).toBe('1');
  });
});
