import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { poll, systemClock } from '@corral/kit';
import {
  chooseMaker,
  installOnBase,
  makeRootImage,
  rootOnBaseReference,
  rootReference,
} from '../../../src/docker/image/root-system.js';
import type { Maker } from '../../../src/docker/image/root-system.js';
import { clusterErrorOf } from './errors.js';
import { FakeEngine } from './fake-engine.js';

const system = { packages: ['systemd', 'curl'], mirror: undefined };
const environment = { PATH: process.env['PATH'] };

/** A folder with one program that stands for mmdebstrap or debootstrap; gone with the scope. */
function fakeTool(
  name: Maker['name'],
  script: string,
): { readonly maker: Maker; readonly folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'corral-tool-'));
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return {
    maker: { name, path },
    folder,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

describe('which tool makes a Debian', () => {
  it('is mmdebstrap, for anyone, where both are there', () => {
    using both = fakeTool('mmdebstrap', '');
    writeFileSync(join(both.folder, 'debootstrap'), '', { mode: 0o755 });

    const maker = chooseMaker({ PATH: both.folder }, 1000);

    expect(maker).toEqual({ name: 'mmdebstrap', path: join(both.folder, 'mmdebstrap') });
  });

  it('is debootstrap for root where there is nothing else', async () => {
    using only = fakeTool('debootstrap', '');
    const path = { PATH: only.folder };

    const maker = chooseMaker(path, 0, []);
    const error = await clusterErrorOf(() => chooseMaker(path, 1000, []));

    expect(maker.name).toBe('debootstrap');
    expect(error.code).toBe('E_IMAGE_BUILD');
    expect(error.message).toMatch(/^debootstrap needs root/);
    expect(error.remedies).toContain('sudo corral image build');
  });

  it('is none: the error names what to install, and the ways without it', async () => {
    using nothing = fakeTool('debootstrap', '');
    rmSync(join(nothing.folder, 'debootstrap'));

    const error = await clusterErrorOf(() => chooseMaker({ PATH: nothing.folder }, 0, []));

    expect(error.message).toContain('neither mmdebstrap nor debootstrap is on this machine');
    expect(error.remedies).toEqual([
      'sudo apt-get install mmdebstrap',
      expect.stringContaining('--base node:20-bookworm-slim'),
      expect.stringContaining('corral image load FILE.tar'),
    ]);
  });
});

describe('the tag of a system', () => {
  it('is another for other packages, another mirror or another base', () => {
    const base = { name: 'node:20', id: 'sha256:a', node: '/usr/local/bin/node' };

    const tags = [
      rootReference(system),
      rootReference({ ...system, packages: ['systemd'] }),
      rootReference({ ...system, mirror: 'http://mirror/debian' }),
      rootOnBaseReference(system.packages, base),
      rootOnBaseReference(system.packages, { ...base, id: 'sha256:b' }),
    ];

    expect(new Set(tags).size).toBe(5);
    for (const tag of tags) expect(tag).toMatch(/^corral\/root:[0-9a-f]{12}$/);
    expect(rootReference({ ...system })).toBe(tags[0]);
  });
});

describe('making a system', () => {
  const accepts = { 'POST /images/create': { lines: [{ status: 'sha256:1' }] } };

  it('gives the engine what the tool writes, under its tag and label', async () => {
    using tool = fakeTool('mmdebstrap', 'echo "$*" >&2; printf system');
    await using fake = await FakeEngine.start(accepts);
    const lines: string[] = [];

    await makeRootImage(fake.engine, { ...system, mirror: 'http://m/debian' }, tool.maker, {
      environment,
      onLine: (line) => lines.push(line),
    });

    const [repo, tag] = rootReference({ ...system, mirror: 'http://m/debian' }).split(':');
    expect(fake.asked).toMatchObject([
      { query: { fromSrc: '-', repo, tag, changes: 'LABEL io.corral.image=root' } },
    ]);
    expect(fake.asked[0]!.body.toString()).toBe('system');
    expect(fake.asked[0]!.complete).toBe(true);
    expect(lines[0]).toMatch(/--include=systemd,curl .*bookworm - http:\/\/m\/debian$/);
  });

  it('with debootstrap packs what it left in its folder', async () => {
    using tool = fakeTool('debootstrap', 'mkdir -p "$4/etc"; echo bookworm >"$4/etc/name"');
    await using fake = await FakeEngine.start(accepts);

    await makeRootImage(fake.engine, system, tool.maker, { environment });

    expect(fake.asked[0]!.body.toString('latin1')).toContain('./etc/name');
  });

  it('that fails gives the engine no image of it, and says what the tool said', async () => {
    using tool = fakeTool(
      'mmdebstrap',
      'printf half; echo "E: no such package: curl" >&2; exit 25',
    );
    await using fake = await FakeEngine.start(accepts);

    const error = await clusterErrorOf(() =>
      makeRootImage(fake.engine, system, tool.maker, { environment }),
    );

    expect(error.code).toBe('E_IMAGE_BUILD');
    expect(error.message).toBe('no node image: making a Debian system failed (exit code 25)');
    expect(error.details['log']).toEqual(['E: no such package: curl']);
    expect(fake.asked.filter(({ complete }) => complete)).toEqual([]);
  });

  it.each([
    'E: Failed to fetch http://deb.debian.org/x',
    "W: Temporary failure resolving 'deb.debian.org'",
    'E: Failed getting release file http://deb.debian.org/debian/dists/bookworm/Release',
  ])('without a network says which mirror, and how to name another: %s', async (line) => {
    using tool = fakeTool('mmdebstrap', `echo "${line}" >&2; exit 25`);
    await using fake = await FakeEngine.start(accepts);

    const error = await clusterErrorOf(() =>
      makeRootImage(fake.engine, system, tool.maker, { environment }),
    );

    expect(error.message).toContain('mirror http://deb.debian.org/debian cannot be reached');
    expect(error.remedies[0]).toContain('--mirror URL');
  });

  it('that is given up ends the tool, and leaves nothing of it', async () => {
    using tool = fakeTool('mmdebstrap', 'echo "$TMPDIR" >"${0%/*}/where"; exec sleep 600');
    await using fake = await FakeEngine.start(accepts);
    const giving = new AbortController();
    const where = join(tool.folder, 'where');
    const options = { environment, signal: giving.signal };

    const made = makeRootImage(fake.engine, system, tool.maker, options);
    const failed = made.catch((error: unknown) => error);
    const temporary = await poll(
      () => (existsSync(where) && readFileSync(where, 'utf8').trim()) || undefined,
      { clock: systemClock, what: 'the tool to start', timeoutMs: 20_000 },
    );
    giving.abort(new Error('interrupted'));

    expect(await failed).toMatchObject({ message: 'interrupted' });
    expect(existsSync(temporary)).toBe(false);
  });

  it('that the engine does not take says what the engine said', async () => {
    using tool = fakeTool('mmdebstrap', 'printf system');
    await using fake = await FakeEngine.start({
      'POST /images/create': { lines: [{ error: 'no space left on device' }] },
    });

    const error = await clusterErrorOf(() =>
      makeRootImage(fake.engine, system, tool.maker, { environment }),
    );

    expect(error.message).toContain('did not take over the system that was made: no space left');
  });
});

describe('packages on a base image', () => {
  it('are installed by a build that has the base as its start', async () => {
    const base = { name: 'node:20', id: 'sha256:b', node: '/usr/local/bin/node' };
    await using fake = await FakeEngine.start({ 'POST /build': { lines: [] } });

    const wanted = { packages: system.packages, base, reference: 'corral/root:x' };
    await installOnBase(fake.engine, wanted, { environment: undefined });

    const [sent] = fake.asked;
    expect(sent!.query).toMatchObject({ t: 'corral/root:x', buildargs: '{"BASE":"node:20"}' });
    expect(sent!.body.toString()).toMatch(
      /apt-get install -y --no-install-recommends systemd curl/,
    );
  });
});
