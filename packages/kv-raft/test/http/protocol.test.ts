// What happens below the API: bytes that are no HTTP, bodies that never end, other origins.
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange, formType, get, parsed } from '../support/exchange.js';
import { startSingleMember } from '../support/member.js';
import type { TestMember } from '../support/member.js';

let member: TestMember;

beforeAll(async () => {
  member = await startSingleMember(['--cors', 'http://good.example,http://also.example']);
});
afterAll(() => member[Symbol.asyncDispose]());

/** Sends bytes as they are; resolves with all that comes back when the server ends, or `until`. */
async function raw(bytes: string, until?: string): Promise<string> {
  const socket = connect(Number(new URL(member.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(bytes);
  let text = '';
  try {
    for await (const chunk of socket) {
      text += (chunk as Buffer).toString('latin1');
      if (until !== undefined && text.includes(until)) break;
    }
  } catch {
    text += '(reset)';
  }
  socket.destroy();
  return text;
}

describe('bytes that are no request', () => {
  it.each([
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['a method with blanks', 'PUT  /v2/keys/x\r\n\r\n'],
    ['two lengths', 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'],
    [
      'a bad chunk',
      'PUT /v2/keys/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ],
  ])('(%s) are answered 400 and the end of the connection', async (_what, bytes) => {
    const answer = await raw(bytes);

    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect((await get(member.url, '/version')).status).toBe(200);
  });

  it('with a head above 1 MiB are answered 431', async () => {
    const answer = await raw(
      `GET /v2/keys HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(1_100_000)}\r\n\r\n`,
    );

    expect(answer).toMatch(/^HTTP\/1\.1 431 |^\(reset\)/);
    expect((await get(member.url, '/version')).status).toBe(200);
  });
});

describe('requests', () => {
  it('on one connection without waiting are answered in their order', async () => {
    const put = (value: string): string =>
      `PUT /v2/keys/line?value=${value} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`;
    const get = 'GET /v2/keys/line HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

    const answers = await raw(put('1') + put('2') + get);

    const bodies = answers.split('\r\n').filter((line) => line.startsWith('{'));
    const values = bodies.map(
      (body) => (JSON.parse(body.split('\n')[0]!) as { node: { value: string } }).node.value,
    );
    expect(values).toEqual(['1', '2', '2']);
  });

  it('that name the whole URL, as to a proxy, are served by their path', async () => {
    const answer = await exchange(member.url, {
      method: 'GET',
      path: `${member.url}/v2/keys/nothing-here`,
    });

    expect([answer.status, parsed(answer).cause]).toEqual([404, '/nothing-here']);
  });

  it('that wait for "100 Continue" get it', async () => {
    const answer = await raw(
      'PUT /v2/keys/continue HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n' +
        `Content-Type: ${formType}\r\nContent-Length: 7\r\n\r\nvalue=1`,
      '"createdIndex"',
    );

    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /);
  });

  it('whose client goes away in the middle write nothing, and are no error of the server', async () => {
    const socket = connect(Number(new URL(member.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `PUT /v2/keys/half HTTP/1.1\r\nHost: a\r\nContent-Type: ${formType}\r\n` +
        'Content-Length: 100\r\n\r\nvalue=half',
    );
    socket.resume();
    socket.end();
    await once(socket, 'close');

    const read = await get(member.url, '/v2/keys/half');

    expect(read.status).toBe(404);
    expect(member.log.lines.filter((line) => line.level === 'error')).toEqual([]);
  });
});

describe('another origin', () => {
  it('that is listed may read the answer', async () => {
    const headers = { Origin: 'http://also.example' };
    const answer = await exchange(member.url, { method: 'GET', path: '/version', headers });

    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'http://also.example',
      'access-control-allow-methods': 'POST, GET, OPTIONS, PUT, DELETE',
      'access-control-allow-headers': 'accept, content-type, authorization',
    });
  });

  it('that is not listed is served without leave to read', async () => {
    const headers = { Origin: 'http://bad.example' };
    const answer = await exchange(member.url, { method: 'GET', path: '/version', headers });

    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('is always welcome where "*" is listed', async () => {
    await using open = await startSingleMember(['--cors', '*']);

    const answer = await exchange(open.url, { method: 'OPTIONS', path: '/v2/keys' });

    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });
});
