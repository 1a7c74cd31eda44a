import { writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { extract, pack as newPack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import type { Base } from '../../../src/docker/image/base.js';
import { bundlePrograms, writeContext } from '../../../src/docker/image/context.js';
import type { ImageTarget } from '../../../src/docker/image/names.js';
import type { NodeBinary } from '../../../src/docker/image/node-binary.js';
import { clusterErrorOf } from './errors.js';
import { smallInstallation } from './installation.js';

type Entry = { readonly mode: number; readonly text: string };

async function contextOf(options: {
  readonly target: ImageTarget;
  readonly folder: string;
  readonly base?: Base;
}): Promise<ReadonlyMap<string, Entry>> {
  const { target, folder, base } = options;
  const bundles = join(folder, 'bundles');
  mkdirSync(bundles);
  for (const name of ['etcd2', 'etcdctl', 'discovery-service', 'coreos-cloudinit']) {
    writeFileSync(join(bundles, `${name}.mjs`), `// ${name}\n`);
  }
  writeFileSync(join(folder, 'node'), 'binary');
  writeFileSync(join(folder, 'libm'), 'library');
  const binary: NodeBinary = {
    path: join(folder, 'node'),
    libraries: [{ path: '/lib/libm.so.6', file: join(folder, 'libm') }],
  };
  const pack = newPack();
  const written = writeContext(pack, {
    target,
    folder,
    bundles,
    base,
    binary: base === undefined ? binary : undefined,
  });
  const entries = new Map<string, Entry>();
  for await (const entry of pack.pipe(extract())) {
    let text = entry.header.type === 'symlink' ? entry.header.linkname : '';
    for await (const chunk of entry) text += String(chunk);
    entries.set(entry.header.name, { mode: entry.header.mode, text });
  }
  await written;
  return entries;
}

describe('the build context', () => {
  it('of a node has its files, its units, its programs and the Node of this machine', async () => {
    using installation = smallInstallation();

    const entries = await contextOf({ target: 'node', folder: installation.folder });

    expect(entries.get('node/usr/lib/corral/launch')?.mode).toBe(0o755);
    expect(entries.get('units/usr/lib/systemd/system/fleet.service')?.text).toContain(
      'ConditionPathExists=/usr/bin/fleetd',
    );
    expect(entries.get('programs/coreos-cloudinit.mjs')?.text).toBe('// coreos-cloudinit\n');
    expect(entries.get('node-binary/usr/bin/node')).toEqual({ mode: 0o755, text: 'binary' });
    expect(entries.get('Dockerfile')?.text).toMatch(/^FROM \S+ AS node$/m);
    expect(entries.get('Dockerfile')?.text).not.toContain('AS etcd2');
    expect([...entries.keys()].some((name) => name.startsWith('libs/lib'))).toBe(false);
  });

  it('of a component has the libraries of Node and the files of any system', async () => {
    using installation = smallInstallation();

    const entries = await contextOf({ target: 'etcd2', folder: installation.folder });

    expect(entries.get('libs/lib/libm.so.6')).toEqual({ mode: 0o755, text: 'library' });
    expect(entries.get('libs/etc/passwd')?.text).toMatch(/^root:x:0:0:/);
    expect(entries.get('libs/etc/nsswitch.conf')?.text).toBe('hosts: files dns\n');
    const programs = [...entries.keys()].filter((name) => name.startsWith('programs/'));
    expect(programs).toEqual(['programs/etcd2.mjs', 'programs/etcdctl.mjs']);
  });

  it('on a base image leaves Node and its libraries to that image', async () => {
    using installation = smallInstallation();
    const base = { name: 'node:20', id: 'sha256:b', node: '/usr/local/bin/node' };

    const entries = await contextOf({ target: 'etcd2', folder: installation.folder, base });

    expect(entries.get('node-binary/usr/bin/node')?.text).toBe('/usr/local/bin/node');
    expect([...entries.keys()].filter((name) => name.startsWith('libs/'))).toEqual([]);
  });

  it('of the cli has the installation as it runs, without what only its authors need', async () => {
    using installation = smallInstallation();

    const entries = await contextOf({ target: 'cli', folder: installation.folder });

    const names = [...entries.keys()].filter((name) => name.startsWith('installation/'));
    expect(names).toContain('installation/packages/cluster/dist/index.js');
    expect(names).toContain('installation/node_modules/yaml/index.js');
    expect(names).toContain('installation/packages/cli/node_modules/yaml/index.js');
    expect(names).toContain('installation/docker/Dockerfile');
    expect(names.filter((name) => /vitest|README|\.d\.ts$|\/src\//.test(name))).toEqual([]);
    expect(entries.get('installation/node_modules/.bin/corral')?.text).toBe(
      '../../packages/cli/bin/corral.js',
    );
    expect(entries.get('installation/node_modules/@corral/cli')?.text).toBe('../../packages/cli');
  });
});

describe('bundles of our programs', () => {
  it('that fail say what the bundler said', async () => {
    using installation = smallInstallation();
    installation.put('tools/bundle.js', "console.error('no such module'); process.exitCode = 1;\n");

    const error = await clusterErrorOf(() =>
      bundlePrograms(['etcd2'], { folder: installation.folder }),
    );

    expect(error.code).toBe('E_IMAGE_BUILD');
    expect(error.message).toBe('bundling etcd2 failed');
    expect(error.details['log']).toEqual(['no such module']);
    expect(error.remedies[0]).toBe('npm ci && npm run build');
  });
});
