import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { listImages, loadImage, removeImages } from '../../../src/docker/image/stored.js';
import { contentHash, installationFolder } from '../../../src/docker/image/sources.js';
import { clusterErrorOf } from './errors.js';
import { FakeEngine } from './fake-engine.js';

function image(name: string, tags: readonly string[] | null, more: object = {}): unknown {
  return {
    Id: `sha256:${name}`,
    RepoTags: tags,
    Labels: { 'io.corral.image': name, 'io.corral.image.content': 'old' },
    Size: 1000,
    Created: 1_700_000_000,
    ...more,
  };
}

const current = contentHash('node', installationFolder());
const listed = {
  'GET /images/json': {
    json: [
      image('root', ['corral/root:r1']),
      image('node', ['corral/node:old'], { Created: 1_600_000_000 }),
      image('node', [`corral/node:${current}`, 'corral/node:latest'], {
        Labels: { 'io.corral.image': 'node', 'io.corral.image.content': current },
      }),
      image('etcd2', ['corral/etcd2:latest']),
      // Made from one of ours by someone else, and what a failed build left.
      image('node', ['mine:1']),
      image('node', null),
    ],
  },
};
const removed = { status: 200, json: [] };

describe('the images on an engine', () => {
  it('are those of ours by name, the newest first; the one of this tree is marked', async () => {
    await using fake = await FakeEngine.start(listed);

    const images = await listImages(fake.engine);

    expect(images.map(({ references, current: is }) => [references.join(' '), is])).toEqual([
      ['corral/etcd2:latest', false],
      [`corral/node:${current} corral/node:latest`, true],
      ['corral/node:old', false],
      ['corral/root:r1', false],
    ]);
    expect(images[0]).toMatchObject({ bytes: 1000, createdAt: '2023-11-14T22:13:20.000Z' });
    expect(JSON.parse(fake.asked[0]!.query['filters']!)).toEqual({ label: ['io.corral.image'] });
  });
});

describe('removing images', () => {
  it.each([
    ['a target', 'etcd2', ['corral/etcd2:latest']],
    ['a tag', 'old', ['corral/node:old']],
    ['a reference', 'corral/node:old', ['corral/node:old']],
    ['one of two tags', current, [`corral/node:${current}`, 'corral/node:latest']],
  ])('by %s', async (_what, name, references) => {
    const answers = references.map((one) => [`DELETE /images/${one}`, removed] as const);
    await using fake = await FakeEngine.start({ ...listed, ...Object.fromEntries(answers) });

    const gone = await removeImages(fake.engine, { names: [name] });

    expect(gone).toEqual([{ references, bytes: 1000 }]);
    expect(fake.words.slice(1)).toEqual(references.map((one) => `DELETE /images/${one}`));
  });

  it('all: what the others are made on goes last, and what is gone already is no trouble', async () => {
    await using fake = await FakeEngine.start(listed);

    await removeImages(fake.engine, { all: true });

    expect(fake.words.slice(1)).toEqual([
      'DELETE /images/corral/etcd2:latest',
      `DELETE /images/corral/node:${current}`,
      'DELETE /images/corral/node:latest',
      'DELETE /images/corral/node:old',
      'DELETE /images/corral/root:r1',
    ]);
  });

  it('a name that fits none is an error before anything is removed', async () => {
    await using fake = await FakeEngine.start(listed);

    const error = await clusterErrorOf(() => removeImages(fake.engine, { names: ['old', 'mine'] }));

    expect(error).toMatchObject({ code: 'E_IMAGE_MISSING', exitCode: 5 });
    expect(error.message).toBe('no image of Corral is called mine');
    expect(error.remedies).toEqual(['corral image ls shows what is there']);
    expect(fake.words).toEqual(['GET /images/json']);
  });

  it('one that a container uses stays, and the engine says why', async () => {
    const message = 'conflict: image is being used by running container abc';
    await using fake = await FakeEngine.start({
      ...listed,
      'DELETE /images/corral/etcd2:latest': { status: 409, json: { message } },
    });

    const error = await clusterErrorOf(() => removeImages(fake.engine, { names: ['etcd2'] }));

    expect(error.code).toBe('E_FAILED');
    expect(error.message).toBe(`corral/etcd2:latest stays: ${message}`);
    expect(error.remedies[0]).toContain('corral down');
  });
});

describe('loading an archive', () => {
  it('gives the names in it, and whether one belongs to this tree', async () => {
    await using fake = await FakeEngine.start({
      'POST /images/load': {
        lines: [
          { status: 'Loading layer' },
          { stream: `Loaded image: corral/node:${current}\n` },
          { stream: 'Loaded image: corral/node:old\n' },
        ],
      },
    });

    const loaded = await loadImage(fake.engine, Readable.from([Buffer.from('tar')]));

    expect(loaded).toEqual([
      { reference: `corral/node:${current}`, current: true },
      { reference: 'corral/node:old', current: false },
    ]);
    expect(fake.asked[0]!.body.toString()).toBe('tar');
  });

  it.each([
    ['is no archive', [{ error: 'unexpected EOF' }], 'unexpected EOF'],
    ['has no image with a name', [{ stream: 'Loaded image ID: sha256:1\n' }], 'holds no image'],
  ])('that %s is an error with the way to make one', async (_what, lines, why) => {
    await using fake = await FakeEngine.start({ 'POST /images/load': { lines } });

    const error = await clusterErrorOf(() => loadImage(fake.engine, Readable.from(['x'])));

    expect(error.code).toBe('E_FAILED');
    expect(error.message).toMatch(new RegExp(`^the archive gives no image: .*${why}`));
    expect(error.remedies[0]).toContain('docker save');
  });
});
