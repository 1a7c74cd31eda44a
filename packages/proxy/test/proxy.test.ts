// The proxy as a server: local resources, the readonly filter, members that fail and come back.
import { describe, expect, it } from 'vitest';
import { ManualClock, refusingUrl } from '@corral/kit/testing';
import { systemClock } from '@corral/kit';
import type { Clock } from '@corral/kit';
import { ProxyError } from '../src/directory.js';
import {
  ask,
  asMember,
  member,
  named,
  open,
  peer,
  proxyTo,
  proxyWith,
  rawMember,
  until,
} from './support/world.js';

describe('local resources', () => {
  it('tell the endpoints, as text with a newline', async () => {
    const upstream = await named('a');
    const { url } = await proxyTo([upstream.url]);

    const answer = await ask(url, '/v2/config/local/proxy');

    expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([
      200,
      'text/plain; charset=utf-8',
      `{"endpoints":["${upstream.url}"]}\n`,
    ]);
    expect(upstream.seen).toEqual([]);
  });

  it('are only read', async () => {
    const { url } = await proxyTo([]);

    const answer = await ask(url, '/v2/config/local/proxy', { method: 'PUT', body: 'x' });

    expect([answer.status, answer.headers.allow, answer.text]).toEqual([
      405,
      'GET',
      'Method Not Allowed\n',
    ]);
  });

  it('count requests by method', async () => {
    const upstream = await named('a');
    const { url } = await proxyTo([upstream.url]);
    await ask(url, '/a');
    await ask(url, '/a', { method: 'PUT', body: 'value=1' });

    const { text } = await ask(url, '/metrics');

    expect(text).toContain('etcd_proxy_requests_total{method="PUT"} 1\n');
    expect(text).toContain('etcd_proxy_requests_total{method="GET"} 2\n');
  });
});

describe('a time limit of zero', () => {
  it('is none: a dial takes the time it takes', async () => {
    const upstream = await named('a');
    const clock: Clock = {
      ...systemClock,
      // Time that is over at once, before any connection can be up.
      setTimer(delayMs, callback, options) {
        if (delayMs > 0) return systemClock.setTimer(delayMs, callback, options);
        queueMicrotask(callback);
        return { cancel: () => undefined };
      },
    };
    const { url } = await proxyTo([upstream.url], { dialTimeoutMs: 0, clock });

    const answer = await ask(url, '/v2/keys/a');

    expect([answer.status, answer.text]).toEqual([200, 'a']);
  });
});

describe('a readonly proxy', () => {
  it.each(['PUT', 'POST', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'])(
    'refuses %s on any path, with an empty 501',
    async (method) => {
      const upstream = await named('a');
      const { url } = await proxyTo([upstream.url], { mode: 'readonly' });

      for (const path of ['/v2/keys/a', '/v2/config/local/proxy', '/anything']) {
        const answer = await ask(url, path, { method });
        expect([answer.status, answer.headers['content-length'], answer.text]).toEqual([
          501,
          '0',
          '',
        ]);
      }
      expect(upstream.seen).toEqual([]);
    },
  );

  it('passes reads, quorum reads and watches', async () => {
    const upstream = await named('a');
    const { url } = await proxyTo([upstream.url], { mode: 'readonly' });

    for (const path of ['/v2/keys/a', '/v2/keys/a?quorum=true', '/v2/keys/a?wait=true']) {
      expect((await ask(url, path)).text).toBe('a');
    }
  });
});

describe('members', () => {
  it('share the requests', async () => {
    const members = [await named('a'), await named('b'), await named('c')];
    const { url } = await proxyTo(members.map((one) => one.url));

    for (let i = 0; i < 9; i += 1) await ask(url, '/x');

    expect(members.map((one) => one.seen.length)).toEqual([3, 3, 3]);
  });

  it('that fail are set aside for the failure wait and then come back', async () => {
    const clock = new ManualClock();
    const [good, bad] = [await named('good'), await named('bad')];
    const { url, proxy } = await proxyTo([good.url, bad.url], { clock });
    const port = Number(new URL(bad.url).port);
    await bad.stop();

    await ask(url, '/x');
    await ask(url, '/x');
    const during = [...proxy.endpoints()];
    const back = await named('back', port);
    await clock.advance(5_000);
    const after = [await ask(url, '/x'), await ask(url, '/x')].map((answer) => answer.text);

    expect(during).toEqual([good.url]);
    expect(after.sort()).toEqual(['back', 'good']);
    expect(back.seen).toHaveLength(1);
  });

  it('that accept and never answer lose a plain read after 5 s, which the next one gets', async () => {
    const clock = new ManualClock();
    const [frozen, good] = [await member(() => undefined), await named('good')];
    const { url, proxy } = await proxyTo([frozen.url, good.url], { clock });
    const asked = [ask(url, '/v2/keys/a'), ask(url, '/v2/keys/a')];
    await until(() => frozen.seen.length === 1);

    await clock.advance(4_999);
    const before = [...proxy.endpoints()];
    await clock.advance(1);
    const answers = await Promise.all(asked);

    expect(before).toEqual([frozen.url, good.url]);
    expect(answers.map((answer) => answer.text)).toEqual(['good', 'good']);
    expect(proxy.endpoints()).toEqual([good.url]);
  });

  it.each([
    ['a write', 'PUT', '/v2/keys/a'],
    ['a quorum read', 'GET', '/v2/keys/a?quorum=true&wait=true'],
  ])(
    'that never answer %s are left after 10 s, longer than a member itself tries',
    async (_what, method, path) => {
      const clock = new ManualClock();
      const frozen = await member(() => undefined);
      const { url } = await proxyTo([frozen.url], { clock });
      const asked = ask(url, path, { method });
      await until(() => frozen.seen.length === 1);

      await clock.advance(9_999);
      await ask(url, '/metrics');
      const during = frozen.sockets.size;
      await clock.advance(1);

      expect([during, (await asked).status]).toEqual([1, 502]);
    },
  );

  it('may hold a watch for ever', async () => {
    const clock = new ManualClock();
    let answer = (): void => undefined;
    const holding = await member((response) => {
      answer = () => void response.end('event');
    });
    const { url } = await proxyTo([holding.url], { clock });
    const asked = ask(url, '/v2/keys/a?wait=true&recursive=true');
    await until(() => holding.seen.length === 1);

    await clock.advance(3_600_000);
    answer();

    expect((await asked).text).toBe('event');
  });

  it('that join are known soon after another has failed', async () => {
    const [first, second] = [await named('first'), await named('second')];
    const list = [first.url];
    const directory = await peer(() => list.map((one) => asMember(one, directory.url)));
    const { url, proxy } = await proxyWith({ peerUrls: [directory.url] });
    list.push(second.url);
    await first.stop();

    await ask(url, '/x');
    await until(() => proxy.endpoints().includes(second.url));

    expect((await ask(url, '/x')).text).toBe('second');
  });

  it('that advertise the proxy’s own address are not asked, under whatever name of it', async () => {
    const free = await refusingUrl();
    const { port } = new URL(free);
    const good = await named('good');
    const own = [free, `http://localhost:${port}`];

    const { proxy } = await proxyTo([...own, good.url], { listenClientUrls: [free] });

    expect(proxy.endpoints()).toEqual([good.url]);
  });

  it('that advertise any address of this machine are the proxy itself when it listens on all', async () => {
    const { port } = new URL(await refusingUrl());
    const good = await named('good');
    const own = ['127.0.0.1', '127.9.0.1', 'localhost', '0.0.0.0'].map(
      (host) => `http://${host}:${port}`,
    );

    const { proxy } = await proxyTo([...own, good.url], {
      listenClientUrls: [`http://0.0.0.0:${port}`],
    });

    expect(proxy.endpoints()).toEqual([good.url]);
  });
});

describe('time limits', () => {
  it('for reading break off an answer that falls silent', async () => {
    const silent = await member((response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('half');
    });
    const { url } = await proxyTo([silent.url], { readTimeoutMs: 200 });

    const { response } = await open(url, '/v2/keys/a?wait=true');
    response.resume();

    await expect(new Promise((_resolve, reject) => response.on('error', reject))).rejects.toThrow(
      'aborted',
    );
    await until(() => silent.sockets.size === 0);
  });

  it('for writing leave a member that stops reading, and the write is unknown', async () => {
    const stuck = await rawMember((socket) => void socket.pause());
    const { url } = await proxyTo([stuck.url], { writeTimeoutMs: 300 });

    const answer = await ask(url, '/v2/keys/a', {
      method: 'PUT',
      body: Buffer.alloc(10 * 1024 * 1024),
    });

    expect([answer.status, answer.text.includes('outcome of this write is unknown')]).toEqual([
      502,
      true,
    ]);
  });

  it('none for reading is the default: silence is not the end', async () => {
    const answers: (() => void)[] = [];
    const slow = await member((response) => {
      response.writeHead(200);
      response.write('a');
      answers.push(() => void response.end('b'));
    });
    const patient = await proxyTo([slow.url], { writeTimeoutMs: 100 });
    const impatient = await proxyTo([slow.url], { readTimeoutMs: 100 });
    const asked = ask(patient.url, '/v2/keys/a?wait=true');
    await until(() => answers.length === 1);

    // As long as a proxy with a limit waits, and that one began later.
    const cut = await ask(impatient.url, '/v2/keys/a?wait=true').catch((error: unknown) => error);
    answers[0]?.();

    expect((await asked).text).toBe('ab');
    expect(cut).toBeInstanceOf(Error);
  });
});

describe('life', () => {
  it('begins without members: 503 until one is found', async () => {
    const { port } = new URL(await refusingUrl());
    const upstream = await named('here');
    const { url, proxy } = await proxyWith({ peerUrls: [`http://127.0.0.1:${port}`] });

    const early = await ask(url, '/a');
    await member((response) => {
      response.setHeader('X-Etcd-Cluster-Id', 'abc');
      response.end(JSON.stringify([asMember(upstream.url)]));
    }, Number(port));
    await until(() => proxy.endpoints().length === 1);

    expect([early.status, early.text]).toEqual([
      503,
      '{"message":"proxy: zero endpoints currently available"}',
    ]);
    expect((await ask(url, '/a')).text).toBe('here');
  });

  it('does not begin where another listens, and leaves nothing open then', async () => {
    const other = await named('other');
    const free = await refusingUrl();

    const failure = await proxyWith({ listenClientUrls: [free, other.url] }).catch(
      (error: unknown) => error,
    );

    expect(failure).toBeInstanceOf(ProxyError);
    expect(failure).toMatchObject({ code: 'E_PROXY_LISTEN' });
    expect(String(failure)).toContain('address already in use');
    await expect(ask(free, '/')).rejects.toThrow('ECONNREFUSED');
  });

  it('ends with the requests that are on their way, and then ends long polls', async () => {
    let answer = (): void => undefined;
    const upstream = await member((response, { url }) => {
      if (url === '/slow') answer = () => void response.end('done');
      else response.flushHeaders();
    });
    const { url, proxy } = await proxyTo([upstream.url]);
    const slow = ask(url, '/slow');
    const poll = await open(url, '/v2/keys/a?wait=true');
    const ended = new Promise((resolve) => poll.response.on('error', resolve));
    poll.response.resume();
    await until(() => upstream.seen.length === 2);

    const closed = proxy.close();
    answer();

    expect((await slow).text).toBe('done');
    await closed;
    await ended;
    await until(() => upstream.sockets.size === 0);
    await expect(ask(url, '/')).rejects.toThrow('ECONNREFUSED');
  });
});
