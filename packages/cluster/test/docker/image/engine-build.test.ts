import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { buildOnEngine } from '../../../src/docker/image/engine-build.js';
import type { EngineBuild } from '../../../src/docker/image/engine-build.js';
import { ClusterError } from '../../../src/errors.js';
import { clusterErrorOf } from './errors.js';
import { FakeEngine } from './fake-engine.js';

const build: EngineBuild = {
  target: 'node',
  tags: ['corral/node:abc', 'corral/node:latest'],
  labels: { 'io.corral.image': 'node' },
  buildArguments: { ROOT: 'corral/root:r' },
  writeContext: (pack) => {
    pack.entry({ name: 'Dockerfile' }, 'FROM scratch\n');
    pack.finalize();
    return Promise.resolve();
  },
};
const tagged = { status: 201, json: undefined };

async function namesIn(tar: Buffer): Promise<readonly string[]> {
  const names: string[] = [];
  const reader = extract();
  reader.end(tar);
  for await (const entry of reader) {
    names.push(entry.header.name);
    entry.resume();
  }
  return names;
}

describe('a build', () => {
  it('sends the context with its target, labels and arguments, and gives all tags', async () => {
    await using fake = await FakeEngine.start({
      'POST /build': { lines: [{ stream: 'Step 1/1 : FROM scratch\n' }, { aux: { ID: 'x' } }] },
      'POST /images/corral/node:abc/tag': tagged,
    });
    const lines: string[] = [];

    await buildOnEngine(fake.engine, { ...build, onLine: (line) => lines.push(line) });

    const [sent, tag] = fake.asked;
    expect(sent!.query).toMatchObject({
      t: 'corral/node:abc',
      target: 'node',
      forcerm: 'true',
      labels: '{"io.corral.image":"node"}',
      buildargs: '{"ROOT":"corral/root:r"}',
    });
    expect(sent!.query).not.toHaveProperty('pull');
    expect(await namesIn(sent!.body)).toEqual(['Dockerfile']);
    expect(tag).toMatchObject({ what: 'POST /images/corral/node:abc/tag' });
    expect(tag!.query).toEqual({ repo: 'corral/node', tag: 'latest' });
    expect(lines).toEqual(['Step 1/1 : FROM scratch']);
  });

  it("that fails says so with the step's last words, and leaves no layers behind", async () => {
    await using fake = await FakeEngine.start({
      'POST /build': {
        lines: [
          { stream: 'Step 2/3 : RUN false\n' },
          { stream: ' ---> 0123456789ab\n' },
          { stream: '\u001b[91museradd: no such group\n\u001b[0m' },
          { error: 'The command returned a non-zero code: 6' },
        ],
      },
      'GET /images/0123456789ab/json': { json: { RepoTags: [] } },
      'DELETE /images/0123456789ab': { json: [] },
    });

    const error = await clusterErrorOf(() => buildOnEngine(fake.engine, build));

    expect(error.code).toBe('E_IMAGE_BUILD');
    expect(error.message).toBe(
      'building the node image failed: The command returned a non-zero code: 6',
    );
    expect(error.details['log']).toEqual([
      'Step 2/3 : RUN false',
      ' ---> 0123456789ab',
      'useradd: no such group',
    ]);
    expect(fake.words).toContain('DELETE /images/0123456789ab');
  });

  it('that fails on a layer of a named image leaves that image alone', async () => {
    await using fake = await FakeEngine.start({
      'POST /build': { lines: [{ stream: ' ---> 0123456789ab\n' }, { error: 'no' }] },
      'GET /images/0123456789ab/json': { json: { RepoTags: ['corral/root:r'] } },
    });

    await clusterErrorOf(() => buildOnEngine(fake.engine, build));

    expect(fake.words).not.toContain('DELETE /images/0123456789ab');
  });

  it('without room says what to free', async () => {
    await using fake = await FakeEngine.start({
      'POST /build': { lines: [{ error: 'write /x: no space left on device' }] },
    });

    const error = await clusterErrorOf(() => buildOnEngine(fake.engine, build));

    expect(error.remedies.join('\n')).toMatch(/free space[^]*corral image rm --all/);
  });

  it('whose context cannot be written fails with that, not with what the engine makes of it', async () => {
    await using fake = await FakeEngine.start({ 'POST /build': { lines: [] } });
    const cause = new ClusterError('E_IMAGE_BUILD', 'no such program');

    const error = await clusterErrorOf(() =>
      buildOnEngine(fake.engine, { ...build, writeContext: () => Promise.reject(cause) }),
    );

    expect(error).toBe(cause);
  });

  it('that is given up ends with the reason', async () => {
    await using fake = await FakeEngine.start({ 'POST /build': 'silence' });
    const giving = new AbortController();
    const built = buildOnEngine(fake.engine, { ...build, signal: giving.signal });

    giving.abort(new Error('interrupted'));

    await expect(built).rejects.toThrow('interrupted');
  });
});
