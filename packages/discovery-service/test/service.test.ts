// The routes, over the service's own store: tokens, registrations, waits, and what is refused.
import { join } from 'node:path';
import { freePort } from '@corral/kit/testing';
import { describe, expect, it } from 'vitest';
import { ask, newToken, open, register, service, tempDir } from './support/world.js';

const seat = (n: number): string => `n${n}=http://10.0.0.${n}:2380`;

describe('/new', () => {
  it.each(['GET', 'PUT', 'POST', 'DELETE'])('issues a token to %s', async (method) => {
    const { url } = await service();

    const { status, text } = await ask(url, '/new?size=5', { method });
    const token = text.slice(url.length + 1);
    const size = await ask(url, `/${token}/_config/size`);

    expect([status, text.startsWith(`${url}/`)]).toEqual([200, true]);
    expect(token).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.parse(size.text)).toMatchObject({ node: { value: '5' } });
  });

  it.each([
    ['/new', '', '3'],
    ['/new?size=', '', '3'],
    ['/new?size=03', '', '3'],
    ['/new?size=%2B5', '', '5'],
    ['/new?size=3', 'size=7', '7'],
  ])('%s with the form %j is of size %s', async (path, body, size) => {
    const { url } = await service();

    const { text } = await ask(url, path, { method: 'POST', body });
    const stored = await ask(url, `${text.slice(url.length)}/_config/size`);

    expect(JSON.parse(stored.text)).toMatchObject({ node: { value: size } });
  });

  it('refuses sizes that no cluster has, as Go words it, and warns of even ones', async () => {
    const { url } = await service();
    const answers = [];
    for (const size of ['abc', '3.5', '99999999999999999999', '0', '-1', '101']) {
      const { status, text } = await ask(url, `/new?size=${size}`);
      answers.push(`${status} ${text}`);
    }

    expect(answers).toEqual([
      '400 strconv.Atoi: parsing "abc": invalid syntax\n',
      '400 strconv.Atoi: parsing "3.5": invalid syntax\n',
      '400 strconv.Atoi: parsing "99999999999999999999": value out of range\n',
      '400 size must be between 1 and 100, not 0\n',
      '400 size must be between 1 and 100, not -1\n',
      '400 size must be between 1 and 100, not 101\n',
    ]);
    expect((await ask(url, '/new?size=4')).headers['warning']).toContain('no more failures than 3');
    expect((await ask(url, '/new?size=5')).headers['warning']).toBeUndefined();
  });

  it('answers with --host, or the address it was asked under when it listens on all', async () => {
    const port = await freePort();
    const named = await service({ host: 'https://discovery.test/' });
    const all = await service({ listen: { host: '0.0.0.0', port } });
    const headers = { Host: 'disc.example:80' };

    const first = await ask(named.url, '/new', { headers });
    const second = await ask(`http://127.0.0.1:${port}`, '/new', { headers });

    expect(first.text).toMatch(/^https:\/\/discovery\.test\/[0-9a-f]{32}$/);
    expect([second.status, all.url]).toEqual([200, `http://0.0.0.0:${port}`]);
    expect(second.text).toMatch(/^http:\/\/disc\.example:80\/[0-9a-f]{32}$/);
  });
});

describe('a token', () => {
  it('takes registrations once each and lists them without its own settings', async () => {
    const { url } = await service();
    const token = await newToken(url);

    const first = await register(url, token, 'a1', seat(1));
    const again = await register(url, token, 'a1', seat(2));
    const listing = await ask(url, `/${token}?recursive=true`);

    expect([first.status, again.status]).toEqual([201, 412]);
    expect(JSON.parse(again.text)).toMatchObject({ errorCode: 105 });
    const { node } = JSON.parse(listing.text) as {
      node: { nodes: { key: string; value: string }[] };
    };
    expect(node.nodes).toMatchObject([{ key: `/_etcd/registry/${token}/a1`, value: seat(1) }]);
    expect(Number(listing.headers['x-etcd-index'])).toBeGreaterThan(0);
  });

  it.each(['', '?prevExist=true', '?prevValue=x'])(
    'never lets a registration be overwritten, also not with %j',
    async (query) => {
      const { url } = await service();
      const token = await newToken(url);
      await register(url, token, 'a1', seat(1));

      const body = `value=${encodeURIComponent(seat(9))}&prevExist=true`;
      await ask(url, `/${token}/a1${query}`, { method: 'PUT', body });
      const stored = await ask(url, `/${token}/a1`);

      expect(JSON.parse(stored.text)).toMatchObject({ node: { value: seat(1) } });
    },
  );

  it('lets a late machine take its registration back', async () => {
    const { url } = await service();
    const token = await newToken(url);
    await register(url, token, 'a1', seat(1));

    const gone = await ask(url, `/${token}/a1`, { method: 'DELETE' });

    expect([gone.status, (await ask(url, `/${token}/a1`)).status]).toEqual([200, 404]);
  });

  it('tells those who wait, with the head at once, and answers the past at once', async () => {
    const { url } = await service();
    const token = await newToken(url);
    const index = Number((await ask(url, `/${token}`)).headers['x-etcd-index']);
    const path = `/${token}?wait=true&recursive=true&waitIndex=${index + 1}`;

    const { response } = await open(url, path);
    await register(url, token, 'b2', seat(2));
    let live = '';
    for await (const chunk of response) live += String(chunk);
    const past = await ask(url, path);

    expect(JSON.parse(live)).toMatchObject({ action: 'create', node: { value: seat(2) } });
    expect(JSON.parse(past.text)).toEqual(JSON.parse(live));
  });

  it.each([
    ['_config', seat(1)],
    ['_state', 'started'],
    ['xyz', seat(1)],
    ['a1', 'no pair'],
    ['a1', 'n1=http://10.0.0.1'],
  ])('refuses PUT %s with the value %j', async (id, value) => {
    const { url } = await service();
    const token = await newToken(url);

    const answer = await register(url, token, id, value);

    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({
      message: expect.stringContaining('PUT /TOKEN') as string,
    });
  });

  it('does not let its size be deleted', async () => {
    const { url } = await service();
    const token = await newToken(url);

    const answer = await ask(url, `/${token}/_config?recursive=true`, { method: 'DELETE' });

    expect([answer.status, (await ask(url, `/${token}/_config/size`)).status]).toEqual([403, 200]);
  });

  it.each(['/..', '/.', '/..%2f..', '/%2e%2e', '/..%2fother', '/a%2fb', '/%2e%2e%2f%2e%2e%2f'])(
    'is not left by the path %s',
    async (steps) => {
      const { url } = await service({ tokens: [{ name: 'secret', size: 3 }] });
      const token = await newToken(url);

      const read = await ask(url, `/${token}${steps}?recursive=true`);
      const remove = await ask(url, `/${token}${steps}?recursive=true&dir=true`, {
        method: 'DELETE',
      });

      expect([read.status, remove.status]).toEqual([404, 404]);
      expect(read.text).not.toContain('secret');
      expect((await ask(url, '/secret/_config/size')).status).toBe(200);
    },
  );

  it('that was never issued is 404 in JSON, for reads and registrations', async () => {
    const { url } = await service();
    const token = 'f'.repeat(32);
    const answers = [
      await ask(url, `/${token}`),
      await ask(url, `/${token}/_config/size`),
      await register(url, token, 'a1', seat(1)),
      await ask(url, '/my-cluster'),
    ];

    for (const answer of answers) {
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.text)).toMatchObject({ errorCode: 100 });
    }
  });

  it('of a name is issued by flag, once, and only in one size', async () => {
    const running = await service({ tokens: [{ name: 'my_cluster-1', size: 3 }] });

    await running.issue('my_cluster-1', 3);
    const size = await ask(running.url, '/my_cluster-1/_config/size');
    const other = running.issue('my_cluster-1', 5);

    expect(JSON.parse(size.text)).toMatchObject({ node: { value: '3' } });
    await expect(other).rejects.toMatchObject({ code: 'E_DISCOVERY_FLAGS' });
  });

  it('has a page for people that says who is missing, with nothing executable in it', async () => {
    const { url } = await service();
    const token = await newToken(url, 1);
    const headers = { Accept: 'text/html,*/*' };
    const before = await ask(url, `/${token}`, { headers });
    await register(url, token, 'a1', '<b>=http://h:1');
    await register(url, token, 'b2', seat(2));

    const page = await ask(url, `/${token}`, { headers });

    expect(before.text).toContain('Waiting for 1 more');
    expect(page.text).toContain('&lt;b&gt;=http://h:1');
    expect(page.text).toContain('<td>late</td><td>b2</td>');
    expect((await ask(url, '/nobody', { headers })).status).toBe(404);
  });

  it('and its registrations outlive the service', async () => {
    const dataDir = join(tempDir(), 'data');
    const first = await service({ dataDir });
    const token = await newToken(first.url);
    await register(first.url, token, 'a1', seat(1));
    await first.close();

    const second = await service({ dataDir });

    expect(JSON.parse((await ask(second.url, `/${token}/a1`)).text)).toMatchObject({
      node: { value: seat(1) },
    });
    expect((await register(second.url, token, 'a1', seat(1))).status).toBe(412);
  });
});

describe('other paths', () => {
  it.each([
    ['GET', '/new/', 404, '404 page not found\n'],
    ['GET', '/health/', 404, '404 page not found\n'],
    ['GET', `/${'a'.repeat(65)}`, 404, '404 page not found\n'],
    ['GET', '/a/b/c', 404, '404 page not found\n'],
    ['GET', '/robots.txt', 200, 'User-agent: *\nDisallow: /'],
    ['POST', '/sometoken', 405, ''],
    ['HEAD', '/sometoken', 405, ''],
    ['DELETE', '/sometoken', 405, ''],
    ['PUT', '/sometoken/_config/size', 405, ''],
    ['POST', '/sometoken/a1', 405, ''],
    ['GET', '/health', 200, 'OK'],
  ])('%s %s is %d', async (method, path, status, text) => {
    const { url } = await service();

    const answer = await ask(url, path, { method });

    expect([answer.status, answer.text]).toEqual([status, text]);
  });

  it('count what they answered', async () => {
    const { url } = await service();
    await newToken(url);

    const { text } = await ask(url, '/metrics');

    expect(text).toContain('endpoint_new_requests_total{code="200",method="get"} 1\n');
  });
});

describe('--strict-compat', () => {
  it('takes 32 hex digits only, any size and any key, and shows no page', async () => {
    const { url } = await service({ strict: true });
    const token = await newToken(url, -1);
    const put = await ask(url, `/${token}/_state`, { method: 'PUT', body: 'value=x' });
    const page = await ask(url, `/${token}`, { headers: { Accept: 'text/html' } });

    expect([put.status, page.headers['content-type']]).toEqual([201, 'application/json']);
    expect((await ask(url, '/my-cluster')).text).toBe('404 page not found\n');
    expect((await ask(url, `/${token}/..%2f..`)).status).toBe(404);
  });
});
