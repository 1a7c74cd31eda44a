import { describe, expect, it } from 'vitest';
import { pullBase, readBase } from '../../../src/docker/image/base.js';
import { clusterErrorOf } from './errors.js';
import { FakeEngine } from './fake-engine.js';

const container = {
  'GET /images/mine:1/json': { json: { Id: 'sha256:b', Size: 1, Config: { Labels: null } } },
  'POST /containers/create': { status: 201, json: { Id: 'c1' } },
  'DELETE /containers/c1': { status: 204, json: undefined },
};

describe('a base image', () => {
  it('that is not there is not fetched without being asked for', async () => {
    await using fake = await FakeEngine.start({});

    const error = await clusterErrorOf(() => readBase(fake.engine, 'mine:1'));

    expect(error).toMatchObject({ code: 'E_IMAGE_MISSING', exitCode: 5 });
    expect(error.message).toContain('the base image mine:1 is not on this machine');
    expect(error.remedies).toContain('corral image build --base mine:1 --pull');
    expect(fake.words).toEqual(['GET /images/mine:1/json']);
  });

  it('without Node is refused, and the container that was looked into is removed', async () => {
    await using fake = await FakeEngine.start(container);

    const error = await clusterErrorOf(() => readBase(fake.engine, 'mine:1'));

    expect(error.code).toBe('E_IMAGE_BUILD');
    expect(error.message).toContain('mine:1 has no Node');
    expect(fake.words.at(-1)).toBe('DELETE /containers/c1');
  });

  it('has its Node where the official images have it', async () => {
    await using fake = await FakeEngine.start({
      ...container,
      'HEAD /containers/c1/archive?path=/usr/local/bin/node': { json: undefined },
    });

    const base = await readBase(fake.engine, 'mine:1');

    expect(base).toEqual({ name: 'mine:1', id: 'sha256:b', node: '/usr/local/bin/node' });
    expect(fake.words.at(-1)).toBe('DELETE /containers/c1');
  });
});

describe('--pull', () => {
  it('asks for one tag, never for all', async () => {
    await using fake = await FakeEngine.start({
      'POST /images/create': { lines: [{ status: 'Pulling' }] },
    });
    const lines: string[] = [];

    await pullBase(fake.engine, 'registry:5000/mine', { onLine: (line) => lines.push(line) });

    expect(fake.asked[0]!.query).toEqual({
      fromImage: 'registry:5000/mine',
      tag: 'latest',
    });
    expect(lines).toEqual(['Pulling']);
  });

  it.each([
    [{ status: 500, json: { message: 'dial tcp: no such host' } }],
    [{ lines: [{ status: 'Pulling' }, { error: 'dial tcp: no such host' }] }],
  ])('that fails says why, and what needs no registry: %j', async (answer) => {
    await using fake = await FakeEngine.start({ 'POST /images/create': answer });

    const error = await clusterErrorOf(() => pullBase(fake.engine, 'node:20', {}));

    expect(error.code).toBe('E_IMAGE_BUILD');
    expect(error.message).toBe('cannot pull node:20: dial tcp: no such host');
    expect(error.remedies.join('\n')).toContain('corral image load FILE.tar');
  });
});
