// One request through the proxy: what arrives, what comes back, and what happens when a member or
// the client fails in the middle.
import { connect } from 'node:net';
import { refusingUrl } from '@corral/kit/testing';
import { describe, expect, it } from 'vitest';
import { ask, collect, member, named, open, proxyTo, rawMember, until } from './support/world.js';

describe('a request', () => {
  it('reaches the member as the client sent it, without what concerns one connection only', async () => {
    const upstream = await member((response) => response.end('ok'));
    const { url } = await proxyTo([upstream.url]);

    await ask(url, '/v2/keys/a%2Fb?wait=maybe&%zz', {
      method: 'PUT',
      headers: {
        Host: 'etcd.test:4001',
        Authorization: 'Basic abc',
        Connection: 'x-private, close',
        'X-Private': 'for the proxy',
        'Proxy-Authorization': 'secret',
        TE: 'trailers',
        Trailer: 'X-T',
        'X-Forwarded-For': '10.0.0.1',
        'Content-Type': 'application/x-www-form-urlencoded',
      },
      body: 'value=1',
    });

    const [seen] = upstream.seen;
    expect(seen).toMatchObject({ method: 'PUT', url: '/v2/keys/a%2Fb?wait=maybe&%zz' });
    expect(seen?.body.toString()).toBe('value=1');
    expect(seen?.headers).toEqual({
      host: 'etcd.test:4001',
      authorization: 'Basic abc',
      'x-forwarded-for': '10.0.0.1, 127.0.0.1',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': '7',
      connection: 'keep-alive',
      via: expect.stringMatching(/^1\.1 corral-proxy-[0-9a-f]{16}$/) as string,
    });
  });

  it('with a body of 11 MiB passes, chunked or waiting for 100 Continue', async () => {
    const upstream = await member((response, { body }) => response.end(String(body.length)));
    const { url } = await proxyTo([upstream.url]);
    const body = Buffer.alloc(11 * 1024 * 1024, 'x');

    const plain = await ask(url, '/v2/keys/a', { method: 'PUT', body });
    const chunked = await ask(url, '/v2/keys/a', {
      method: 'POST',
      headers: { 'Transfer-Encoding': 'chunked', Expect: '100-continue' },
      body,
    });

    expect([plain.text, chunked.text]).toEqual([String(body.length), String(body.length)]);
  });

  it('with a larger body is refused, and the member never sees it', async () => {
    const upstream = await named('a');
    const { url } = await proxyTo([upstream.url]);

    const answer = await ask(url, '/v2/keys/a', {
      method: 'PUT',
      body: Buffer.alloc(11 * 1024 * 1024 + 1),
    });

    expect([answer.status, upstream.seen.length]).toEqual([413, 0]);
  });

  it('whose client breaks off inside the body is not sent on', async () => {
    const upstream = await named('a');
    const { url } = await proxyTo([upstream.url]);
    const { port } = new URL(url);
    const socket = connect({ host: '127.0.0.1', port: Number(port) });
    socket.write('PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nvalue=');

    await until(() => socket.bytesWritten > 50);
    socket.destroy();
    await ask(url, '/version');

    expect(upstream.seen.map((seen) => seen.method)).toEqual(['GET']);
  });

  it('that has come round to this proxy is refused instead of going round for ever', async () => {
    const { url: first, proxy } = await proxyTo([]);
    const seenAt: string[] = [];
    const mirror = await member((response, { headers }) => {
      seenAt.push(headers.via ?? '');
      void ask(url, '/v2/keys/a', { headers: { Via: headers.via ?? '' } }).then((answer) => {
        response.writeHead(answer.status).end(answer.text);
      });
    });
    const { url } = await proxyTo([mirror.url]);

    const answer = await ask(url, '/v2/keys/a');

    expect([first, proxy.endpoints().length]).toEqual([first, 0]);
    expect([answer.status, seenAt.length]).toEqual([502, 1]);
    expect(answer.text).toContain('come round');
  });
});

describe('an answer', () => {
  it('comes back with status, repeated headers and body, without hop-by-hop headers', async () => {
    const upstream = await member((response) => {
      response.writeHead(
        412,
        [
          ['X-Etcd-Index', '7'],
          ['X-Twice', 'a'],
          ['X-Twice', 'b'],
          ['X-Hop', 'private'],
          ['Connection', 'X-Hop'],
          ['Content-Type', 'application/json'],
        ].flat(),
      );
      response.end('{"errorCode":105}\n');
    });
    const { url } = await proxyTo([upstream.url]);

    const answer = await ask(url, '/v2/keys/a', { method: 'PUT', body: 'value=1' });

    expect([answer.status, answer.text]).toEqual([412, '{"errorCode":105}\n']);
    const pairs = answer.rawHeaders.join('|');
    expect(pairs).toContain('X-Twice|a|X-Twice|b');
    expect(pairs).toContain('X-Etcd-Index|7');
    expect(pairs).not.toContain('X-Hop');
  });

  it('of 500 or 503 is the member’s word and is not asked for elsewhere', async () => {
    const upstream = await member((response) => response.writeHead(503).end('{"message":"x"}'));
    const { url } = await proxyTo([upstream.url, upstream.url]);

    const answer = await ask(url, '/health');

    expect([answer.status, answer.text, upstream.seen.length]).toEqual([503, '{"message":"x"}', 1]);
  });

  it('streams: head at once, then each event as it comes', async () => {
    let send: (text: string) => void = () => undefined;
    const upstream = await member((response) => {
      response.writeHead(200, { 'X-Etcd-Index': '7' });
      response.flushHeaders();
      send = (text) => void response.write(text);
    });
    const { url } = await proxyTo([upstream.url]);

    const { response, leave } = await open(url, '/v2/keys/a?wait=true&stream=true');
    const received: string[] = [];
    response.on('data', (chunk: Buffer) => received.push(chunk.toString()));
    for (const event of ['one', 'two']) {
      const count = received.length;
      send(event);
      await until(() => received.length > count);
    }
    leave();

    expect([response.headers['x-etcd-index'], received]).toEqual(['7', ['one', 'two']]);
  });

  it('of a polite shutdown is an empty body that ends', async () => {
    const upstream = await member((response) => {
      response.writeHead(200, { 'X-Etcd-Index': '7' });
      response.flushHeaders();
      response.end();
    });
    const { url } = await proxyTo([upstream.url]);

    const answer = await ask(url, '/v2/keys/a?wait=true');

    expect([answer.status, answer.text]).toEqual([200, '']);
  });

  it('that breaks off breaks off for the client, too', async () => {
    const upstream = await member((response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('half');
      setImmediate(() => response.socket?.destroy());
    });
    const { url } = await proxyTo([upstream.url]);

    const { response } = await open(url, '/v2/keys/a');

    await expect(collect(response)).rejects.toThrow('aborted');
  });

  it('larger than all buffers arrives whole at a slow reader', async () => {
    const big = Buffer.alloc(8 * 1024 * 1024, 'y');
    const upstream = await member((response) => response.end(big));
    const { url } = await proxyTo([upstream.url]);

    const { response } = await open(url, '/v2/keys/a');
    let bytes = 0;
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      await new Promise((next) => setImmediate(next));
    }

    expect(bytes).toBe(big.length);
  });

  it('that HTTP does not allow does not end the proxy', async () => {
    const upstream = await rawMember((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'));
    });
    const { url } = await proxyTo([upstream.url]);

    const odd = await ask(url, '/v2/keys/a');
    const local = await ask(url, '/v2/config/local/proxy');

    expect([odd.status, local.status]).toEqual([502, 200]);
  });

  it('that switches protocols is no answer', async () => {
    const upstream = await rawMember((socket) => {
      socket.once('data', () => {
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
        );
      });
    });
    const { url } = await proxyTo([upstream.url]);

    expect((await ask(url, '/v2/keys/a')).status).toBe(502);
  });
});

describe('a write', () => {
  it('goes to the next member when one cannot be dialled', async () => {
    const good = await named('good');
    const { url } = await proxyTo([await refusingUrl(), await refusingUrl(), good.url]);

    const answers = [];
    for (let i = 0; i < 3; i += 1) {
      answers.push((await ask(url, '/v2/keys/a', { method: 'PUT', body: 'value=1' })).text);
    }

    expect(answers).toEqual(['good', 'good', 'good']);
  });

  it.each(['PUT', 'POST', 'DELETE'])(
    'by %s that a member may have read is never sent to another',
    async (method) => {
      const drops = async (): ReturnType<typeof member> =>
        member((response) => response.socket?.destroy());
      const members = [await drops(), await drops(), await drops()];
      const { url } = await proxyTo(members.map((one) => one.url));

      const answer = await ask(url, '/v2/keys/a?prevIndex=7', { method });

      expect(answer.status).toBe(502);
      expect(JSON.parse(answer.text)).toEqual({
        message:
          'proxy: unable to get response from 1 endpoint(s): the outcome of this write is unknown, ' +
          'so it was not repeated',
      });
      expect(members.map((one) => one.seen.length).sort()).toEqual([0, 0, 1]);
    },
  );

  it('is not repeated either on a kept connection that the member has closed', async () => {
    let calls = 0;
    const upstream = await member((response) => {
      calls += 1;
      if (calls === 2) response.socket?.destroy();
      else response.end('ok');
    });
    const { url } = await proxyTo([upstream.url]);
    await ask(url, '/v2/keys/a', { method: 'PUT', body: 'value=1' });

    const answer = await ask(url, '/v2/keys/a', { method: 'PUT', body: 'value=2' });

    expect([answer.status, calls]).toEqual([502, 2]);
  });
});

describe('a read', () => {
  it('goes on to the next member when one drops it', async () => {
    const bad = await member((response) => response.socket?.resetAndDestroy());
    const good = await named('good');
    const { url } = await proxyTo([bad.url, bad.url.replace('127.0.0.1', 'localhost'), good.url]);

    const answers = [await ask(url, '/a'), await ask(url, '/a'), await ask(url, '/a')];

    expect(answers.map((answer) => answer.text)).toEqual(['good', 'good', 'good']);
  });

  it('survives that its only member had closed the kept connection, which blames nobody', async () => {
    let calls = 0;
    const upstream = await member((response) => {
      calls += 1;
      if (calls === 2) response.socket?.destroy();
      else response.end('ok');
    });
    const { url, proxy } = await proxyTo([upstream.url]);
    await ask(url, '/a');

    const answer = await ask(url, '/a');

    expect([answer.text, proxy.endpoints()]).toEqual(['ok', [upstream.url]]);
  });

  it('that all members drop is 502 with their number', async () => {
    const { url } = await proxyTo([await refusingUrl(), await refusingUrl()]);

    const answer = await ask(url, '/a');

    expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([
      502,
      'application/json',
      '{"message":"proxy: unable to get response from 2 endpoint(s)"}',
    ]);
    expect((await ask(url, '/a')).text).toBe(
      '{"message":"proxy: zero endpoints currently available"}',
    );
  });
});

describe('connections', () => {
  it('to a member are kept and used again', async () => {
    const upstream = await named('a');
    const { url } = await proxyTo([upstream.url]);

    for (let i = 0; i < 5; i += 1) await ask(url, '/a');

    expect(upstream.accepted()).toBe(1);
  });

  it.each(['before', 'after'])(
    'of a client that leaves %s the head of the answer free the member’s, and nothing is marked',
    async (when) => {
      const upstream = await member((response) => {
        if (when === 'after') response.flushHeaders();
      });
      const { url, proxy } = await proxyTo([upstream.url]);
      const { port } = new URL(url);
      const socket = connect({ host: '127.0.0.1', port: Number(port) });
      let received = '';
      socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
      socket.write('GET /v2/keys/a?wait=true HTTP/1.1\r\nHost: x\r\n\r\n');
      await until(() => upstream.seen.length === 1 && (when === 'before' || received !== ''));

      socket.destroy();
      await until(() => upstream.sockets.size === 0);

      expect(proxy.endpoints()).toEqual([upstream.url]);
    },
  );
});
