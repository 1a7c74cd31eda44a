import { lstatSync, mkdirSync, readlinkSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { enableUnit } from '../src/enable.js';
import { loadUnit } from '../src/load.js';
import { resolveBelow } from '../src/rooted.js';
import { nodeRoot } from './node-root.js';

function valueOf(root: string, name: string, key: string): readonly string[] | string {
  const loaded = loadUnit(root, name);
  return loaded.kind === 'loaded' ? loaded.unit.names('Service', key) : loaded.kind;
}

describe('a unit is found', () => {
  it('in the first folder of the search path that has it', async () => {
    await using node = nodeRoot();
    node.put('usr/lib/systemd/system/a.service', '[Service]\nx=usr\n');
    node.put('run/systemd/system/a.service', '[Service]\nx=run\n');

    const before = valueOf(node.path, 'a.service', 'x');
    node.put('etc/systemd/system/a.service', '[Service]\nx=etc\n');

    expect([before, valueOf(node.path, 'a.service', 'x')]).toEqual([['run'], ['etc']]);
  });

  it('with its drop-ins by file name over all folders; of equal names the higher folder wins', async () => {
    await using node = nodeRoot();
    node.put('usr/lib/systemd/system/a.service', '[Service]\nx=0\n');
    node.put('run/systemd/system/a.service.d/20.conf', '[Service]\nx=20run\n');
    node.put('usr/lib/systemd/system/a.service.d/30.conf', '[Service]\nx=30usr\n');
    node.put('etc/systemd/system/a.service.d/30.conf', '[Service]\nx=30etc\n');
    node.put('etc/systemd/system/a.service.d/10.conf', '[Service]\nx=10\n');
    node.put('etc/systemd/system/a.service.d/40.txt', '[Service]\nx=no\n');

    expect(valueOf(node.path, 'a.service', 'x')).toEqual(['0', '10', '20run', '30etc']);
  });

  it('from its template, with the drop-ins of both', async () => {
    await using node = nodeRoot();
    node.unit('a@.service', '[Service]\nx=t\n');
    node.unit('a@.service.d/1.conf', '[Service]\nx=d\n');
    node.unit('a@1.service.d/2.conf', '[Service]\nx=i\n');

    expect(valueOf(node.path, 'a@1.service', 'x')).toEqual(['t', 'd', 'i']);
  });

  it('masked by a link to /dev/null or by an empty file', async () => {
    await using node = nodeRoot();
    node.unit('a.service', '');
    symlinkSync('/dev/null', join(node.path, 'etc/systemd/system/b.service'));

    expect([valueOf(node.path, 'a.service', 'x'), valueOf(node.path, 'b.service', 'x')]).toEqual([
      'masked',
      'masked',
    ]);
  });

  it.each(['../../../secret.service', '..', '', 'a/b.service'])('never as %j', async (name) => {
    await using node = nodeRoot();
    node.put('secret.service', '[Service]\nx=1\n');
    node.unit('a/b.service', '[Service]\nx=1\n');

    expect(loadUnit(node.path, name).kind).toBe('not-found');
  });

  it('through absolute links below the root, and not through ones that lead out', async () => {
    await using node = nodeRoot();
    node.put('usr/lib/systemd/system/a.service', '[Service]\nx=1\n');
    mkdirSync(join(node.path, 'etc/systemd/system'), { recursive: true });
    const link = (name: string, to: string): void =>
      symlinkSync(to, join(node.path, 'etc/systemd/system', name));
    link('alias.service', '/usr/lib/systemd/system/a.service');
    link('out.service', '/etc/hostname');

    expect(valueOf(node.path, 'alias.service', 'x')).toEqual(['1']);
    expect(valueOf(node.path, 'out.service', 'x')).toBe('not-found');
  });
});

describe('a path below a root', () => {
  it.each([
    ['/a/b', '/a/b'],
    ['../../a', '/a'],
    ['/up/x', '/x'],
    ['/abs/x', '/etc/x'],
    ['/abs', '/etc'],
    ['/far/x', '/x'],
  ])('%s is %s', async (path, wanted) => {
    await using node = nodeRoot();
    symlinkSync('../../..', join(node.path, 'up'));
    symlinkSync('/etc', join(node.path, 'abs'));
    symlinkSync('/../../', join(node.path, 'far'));

    expect(resolveBelow(node.path, path)).toBe(join(node.path, wanted));
  });

  it('keeps a link at its end when that is not to be followed', async () => {
    await using node = nodeRoot();
    symlinkSync('/etc', join(node.path, 'abs'));

    expect(resolveBelow(node.path, '/abs', { followLast: false })).toBe(join(node.path, 'abs'));
  });
});

describe('enabling a unit', () => {
  it('links it where [Install] says, also what it names in Also=', async () => {
    await using node = nodeRoot();
    node.unit(
      'a.service',
      '[Install]\nWantedBy=x.target y.target\nAlias=b.service\nAlso=c.service\n',
    );
    node.put(
      'usr/lib/systemd/system/c.service',
      '[Install]\nRequiredBy=x.target\nAlso=a.service\n',
    );

    const result = enableUnit(node.path, 'a.service', { runtime: true });

    const folder = '/run/systemd/system';
    expect(result).toEqual({
      kind: 'enabled',
      links: [
        `${folder}/x.target.wants/a.service`,
        `${folder}/y.target.wants/a.service`,
        `${folder}/b.service`,
        `${folder}/x.target.requires/c.service`,
      ],
    });
    expect(readlinkSync(join(node.path, folder, 'x.target.requires/c.service'))).toBe(
      '/usr/lib/systemd/system/c.service',
    );
  });

  it('replaces links that are there', async () => {
    await using node = nodeRoot();
    node.unit('a.service', '[Install]\nWantedBy=x.target\n');
    mkdirSync(join(node.path, 'etc/systemd/system/x.target.wants'));
    symlinkSync('/old', join(node.path, 'etc/systemd/system/x.target.wants/a.service'));

    enableUnit(node.path, 'a.service', { runtime: false });

    expect(readlinkSync(join(node.path, 'etc/systemd/system/x.target.wants/a.service'))).toBe(
      '/etc/systemd/system/a.service',
    );
  });

  it('makes no link for a name that leads elsewhere', async () => {
    await using node = nodeRoot();
    node.unit('a.service', '[Install]\nWantedBy=../../../../evil\nAlias=../x\n');

    expect(enableUnit(node.path, 'a.service', { runtime: false })).toEqual({
      kind: 'enabled',
      links: [],
    });
    expect(readdirSync(node.path).sort()).toEqual(['etc', 'logs']);
  });

  it('says why it did not', async () => {
    await using node = nodeRoot();
    node.unit('m.service', '');

    expect(enableUnit(node.path, 'm.service', { runtime: false })).toMatchObject({
      reason: 'm.service is masked',
    });
    expect(enableUnit(node.path, 'n.service', { runtime: false })).toMatchObject({
      reason: 'no unit n.service',
    });
    expect(lstatSync(join(node.path, 'etc/systemd/system')).isDirectory()).toBe(true);
  });
});
