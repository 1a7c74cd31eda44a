import { chmodSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageTargets } from '../../../src/docker/image/names.js';
import type { ImageTarget } from '../../../src/docker/image/names.js';
import {
  contentHash,
  contextFiles,
  debianPackages,
  installationFolder,
} from '../../../src/docker/image/sources.js';
import { clusterErrorOf } from './errors.js';
import { smallInstallation } from './installation.js';

const hashes = (folder: string): readonly string[] =>
  imageTargets.map((target) => contentHash(target, folder));

/** The targets whose content a change makes another. */
function changedBy(change: (put: (path: string, text: string) => void, folder: string) => void): {
  readonly targets: readonly ImageTarget[];
} {
  using installation = smallInstallation();
  const before = hashes(installation.folder);
  change(installation.put, installation.folder);
  const after = hashes(installation.folder);
  return { targets: imageTargets.filter((_target, i) => before[i] !== after[i]) };
}

describe('the content that names an image', () => {
  it('is twelve hex digits, the same for the same files in another folder at another time', () => {
    using one = smallInstallation();
    using other = smallInstallation();
    utimesSync(join(other.folder, 'docker/setup-node'), 1, 1);

    const [first, second] = [hashes(one.folder), hashes(other.folder)];

    expect(first).toEqual(second);
    expect(new Set(first).size).toBe(imageTargets.length);
    for (const hash of first) expect(hash).toMatch(/^[0-9a-f]{12}$/);
  });

  it.each<[string, string, readonly ImageTarget[]]>([
    ['a program of the store', 'packages/raft/dist/index.js', imageTargets],
    ['a file below a package', 'packages/kv-raft/dist/disk/wal.js', imageTargets],
    ['the harness', 'packages/cluster/dist/index.js', ['cli']],
    ['a file of the node', 'docker/node/etc/motd', ['node']],
    ['the packages of the system', 'docker/packages.txt', ['node', 'cli']],
    ['versions of libraries', 'package-lock.json', imageTargets],
    [
      'the health check',
      'docker/component/usr/lib/corral/health.mjs',
      ['etcd2', 'discovery-service', 'coreos-cloudinit'],
    ],
  ])('changes with %s, where that is in the image', (_what, path, targets) => {
    const changed = changedBy((put) => put(path, '{"packages":{}}\n'));

    expect(changed.targets).toEqual(targets);
  });

  it.each([
    ['types', 'packages/raft/dist/index.d.ts'],
    ["the store's own bundle", 'packages/kv-raft/dist/bundle/main.js'],
    ['papers', 'docker/README.md'],
  ])('does not change with %s', (_what, path) => {
    const changed = changedBy((put) => put(path, 'other\n'));

    expect(changed.targets).toEqual([]);
  });

  it('changes when a file becomes executable, and with no other bit of its mode', () => {
    const path = 'docker/node/usr/lib/systemd/system/sshd.socket';
    const group = changedBy((_put, folder) => chmodSync(join(folder, path), 0o664));
    const executable = changedBy((_put, folder) => chmodSync(join(folder, path), 0o755));

    expect([group.targets, executable.targets]).toEqual([[], ['node']]);
  });

  it('cannot be told where nothing is compiled', async () => {
    using installation = smallInstallation();
    rmSync(join(installation.folder, 'packages/store/dist'), { recursive: true });

    const error = await clusterErrorOf(() => contentHash('etcd2', installation.folder));

    expect(error.code).toBe('E_IMAGE_BUILD');
    expect(error.message).toMatch(/not compiled: no .*packages\/store\/dist/);
    expect(error.remedies).toEqual(['npm run build']);
  });
});

describe('what images are made of', () => {
  it('is looked for upwards; without a clone there is none', async () => {
    using installation = smallInstallation();

    const found = installationFolder(join(installation.folder, 'packages/cluster/dist'));
    const error = await clusterErrorOf(() => installationFolder('/'));

    expect(found).toBe(installation.folder);
    expect(error.code).toBe('E_IMAGE_BUILD');
    expect(error.remedies).toContain('corral image load FILE.tar');
  });

  it("holds the units of the stack as files of the node's own root, under its own name", () => {
    const files = contextFiles('node', installationFolder());

    const text = (path: string): string =>
      files.find((file) => file.path === path)!.bytes.toString();
    expect(text('units/usr/lib/systemd/system/etcd2.service')).toMatch(
      /^Type=notify\nNotifyAccess=all\nStateDirectory=etcd2\n/m,
    );
    expect(text('units/etc/os-release')).toContain('PRETTY_NAME="Corral node (container)"');
    const init = files.find((file) => file.path === 'node/usr/lib/corral/node-init')!;
    expect(init.mode).toBe(0o755);
  });

  it('starts a component without a shell', () => {
    const files = contextFiles('etcd2', installationFolder());

    const entry = files.find(({ path }) => path === 'entries/etcd')!;
    expect(entry.bytes.toString()).toBe("#!/usr/bin/node\nimport('/usr/lib/corral/etcd2.mjs');\n");
    expect(entry.mode).toBe(0o755);
  });

  it('names packages, one a line', () => {
    const packages = debianPackages(installationFolder());

    expect(packages).toContain('systemd-sysv');
    expect(packages.every((name) => /^[a-z0-9][a-z0-9+.-]+$/.test(name))).toBe(true);
  });
});
