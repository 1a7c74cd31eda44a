// image build, load, ls and rm: the words, what is refused before an engine is asked, and what is
// printed of its answers. The engine here is a server of the test.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { inProcess, newHome } from './run.js';
import type { Ran } from './run.js';

const nowhere = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };

const run = (
  words: readonly string[],
  environment: Record<string, string> = nowhere,
): Promise<Ran> => inProcess(words, { home: newHome(onTestFinished), environment });

/** Answers by path; the address for DOCKER_HOST. */
async function engineWith(answers: Readonly<Record<string, unknown>>): Promise<{
  readonly environment: Record<string, string>;
  readonly asked: readonly string[];
}> {
  const asked: string[] = [];
  const known: Readonly<Record<string, unknown>> = {
    '/version': { Version: '20.10.24', ApiVersion: '1.41' },
    '/info': { CgroupVersion: '1' },
    ...answers,
  };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '', 'http://x').pathname);
    asked.push(`${request.method ?? ''} ${path}`);
    request.resume();
    const answer = known[path];
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { message: 'not here' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { environment: { DOCKER_HOST: `tcp://127.0.0.1:${String(port)}` }, asked };
}

const images = [
  {
    Id: 'sha256:0123456789abcdef',
    RepoTags: ['corral/etcd2:aaa', 'corral/etcd2:latest'],
    Labels: { 'io.corral.image': 'etcd2', 'io.corral.image.content': 'aaa' },
    Size: 104_857_600,
    Created: 1_700_000_000,
  },
];

describe('what is refused', () => {
  it.each([
    [['image', 'build', 'nodes'], /E_USAGE \(2\) {2}no image nodes: node, etcd2, discovery-/],
    [['image', 'build', '-o', 'wide'], /-o wide: table, json, yaml are there/],
    [['image', 'rm'], /which images: give names \(corral image ls\), or --all alone/],
    [['image', 'rm', 'node', '--all'], /which images: give names/],
    [['image', 'bild'], /unknown command 'bild'[^]*Did you mean build\?/],
  ])('%j', async (words, message) => {
    const { code, stderr, stdout } = await run(words);

    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(stdout).toBe('');
  });

  it('a file that is not there, before the engine is asked', async () => {
    const { code, stderr } = await run(['image', 'load', '/no/such.tar']);

    expect(code).toBe(1);
    expect(stderr).toMatch(/E_FAILED \(1\) {2}cannot read \/no\/such.tar: ENOENT/);
    expect(stderr).toContain('docker save');
  });

  it.each([['build'], ['ls'], ['rm', '--all']])('image %s without an engine', async (...words) => {
    const { code, stderr } = await run(['image', ...words]);

    expect(code).toBe(5);
    expect(stderr).toMatch(/E_NO_DOCKER \(5\) {2}no Docker engine answers/);
  });

  it('a base image that is not there; nothing is pulled', async () => {
    const { environment, asked } = await engineWith({});

    const { code, stderr } = await run(['image', 'build', '--base', 'mine:1'], environment);

    expect(code).toBe(5);
    expect(stderr).toMatch(/E_IMAGE_MISSING \(5\) {2}the base image mine:1 is not on this machine/);
    expect(stderr).toMatch(/fix +corral image build --base mine:1 --pull/);
    expect(asked.filter((one) => one.startsWith('POST'))).toEqual([]);
  });

  it('an engine that is too old', async () => {
    const { environment } = await engineWith({
      '/version': { Version: '19.03.1', ApiVersion: '1.40' },
    });

    const { code, stderr } = await run(['image', 'ls'], environment);

    expect(code).toBe(5);
    expect(stderr).toMatch(/E_DOCKER_OLD \(5\).*19\.03\.1 \(API 1\.40\)/);
  });
});

describe('image ls', () => {
  it('is a table, with the id when it is wide', async () => {
    const { environment } = await engineWith({ '/images/json': images });

    const plain = await run(['image', 'ls'], environment);
    const wide = await run(['image', 'ls', '-o', 'wide'], environment);

    expect(plain.code).toBe(0);
    expect(plain.stdout).toMatch(/^IMAGE +TAGS +SIZE +AGE\netcd2 +aaa latest +100 MiB +\d+ d\n$/);
    expect(wide.stdout).toContain('0123456789ab');
  });

  it('as data has what programs need', async () => {
    const { environment } = await engineWith({ '/images/json': images });

    const json = await run(['image', 'ls', '-o', 'json'], environment);
    const name = await run(['image', 'ls', '-o', 'name'], environment);

    expect(JSON.parse(json.stdout)).toEqual([
      {
        name: 'etcd2',
        id: 'sha256:0123456789abcdef',
        references: ['corral/etcd2:aaa', 'corral/etcd2:latest'],
        content: 'aaa',
        bytes: 104_857_600,
        createdAt: '2023-11-14T22:13:20.000Z',
        current: false,
      },
    ]);
    expect(name.stdout).toBe('corral/etcd2:aaa\n');
  });

  it('of none says how to get one', async () => {
    const { environment } = await engineWith({ '/images/json': [] });

    const { code, stderr } = await run(['image', 'ls'], environment);

    expect(code).toBe(0);
    expect(stderr).toBe('none yet: corral image build makes them\n');
  });
});

describe('image rm and image load', () => {
  it('say what they removed', async () => {
    const { environment, asked } = await engineWith({
      '/images/json': images,
      '/images/corral/etcd2:aaa': [],
      '/images/corral/etcd2:latest': [],
    });

    const { code, stdout } = await run(['image', 'rm', 'etcd2'], environment);

    expect(code).toBe(0);
    expect(stdout).toBe('removed corral/etcd2:aaa corral/etcd2:latest\n');
    expect(asked).toContain('DELETE /images/corral/etcd2:latest');
  });

  it('say what they loaded, and that it belongs to another Corral', async () => {
    const { environment } = await engineWith({
      '/images/load': { stream: 'Loaded image: corral/node:old\n' },
    });
    const file = join(newHome(onTestFinished), 'node.tar');
    writeFileSync(file, 'tar');

    const { code, stdout, stderr } = await run(['image', 'load', file], environment);

    expect(code).toBe(0);
    expect(stdout).toBe('loaded corral/node:old\n');
    expect(stderr).toContain('none of them belongs to this very Corral');
  });
});
