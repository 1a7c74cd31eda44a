import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mapUrls } from '../src/node-urls.js';
import { mapEnvironment, resolveExecutable } from '../src/process/mapping.js';

const node = { address: '127.9.0.1', root: '/state/n1/root' };

describe('what a node says means on this machine', () => {
  it.each([
    ['http://0.0.0.0:2379', 'http://127.9.0.1:2379'],
    ['http://0.0.0.0:2379,http://0.0.0.0:4001', 'http://127.9.0.1:2379,http://127.9.0.1:4001'],
    ['http://localhost:2379', 'http://127.9.0.1:2379'],
    ['http://127.0.0.1:2379', 'http://127.9.0.1:2379'],
    ['http://[::]:2379', 'http://127.9.0.1:2379'],
    ['http://127.0.0.10:2379', 'http://127.0.0.10:2379'],
    ['http://localhost.example:1', 'http://localhost.example:1'],
  ])('%s is %s', (value, mapped) => {
    expect(mapUrls(value, node.address)).toBe(mapped);
  });

  it('addresses and absolute paths of etcd are mapped, the rest is left alone', () => {
    const mapped = mapEnvironment(
      {
        ETCD_DATA_DIR: '/var/lib/etcd2',
        ETCD_CERT_FILE: '/etc/ssl/etcd.pem',
        ETCD_WAL_DIR: 'relative',
        ETCD_LISTEN_CLIENT_URLS: 'http://0.0.0.0:2379',
        SSL_CERT_FILE: '/host/ca.pem',
        OTHER: 'http://0.0.0.0:1/var/lib',
      },
      node,
    );

    expect(mapped).toEqual({
      ETCD_DATA_DIR: '/state/n1/root/var/lib/etcd2',
      ETCD_CERT_FILE: '/state/n1/root/etc/ssl/etcd.pem',
      ETCD_WAL_DIR: 'relative',
      ETCD_LISTEN_CLIENT_URLS: 'http://127.9.0.1:2379',
      SSL_CERT_FILE: '/host/ca.pem',
      OTHER: 'http://0.0.0.0:1/var/lib',
    });
  });
});

describe('a path of a node', () => {
  it('never leads out of its root, by dots or by links', () => {
    const root = mkdtempSync(join(tmpdir(), 'corral-map-'));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    symlinkSync('/', join(root, 'link'));
    symlinkSync('../../..', join(root, 'up'));
    const dir = (value: string): unknown =>
      mapEnvironment({ ETCD_DATA_DIR: value }, { ...node, root })['ETCD_DATA_DIR'];

    expect(dir('/../../data')).toBe(join(root, 'data'));
    expect(dir('/link/data')).toBe(join(root, 'data'));
    expect(dir('/up/data')).toBe(join(root, 'data'));
    expect(dir('../../data')).toBe(join(root, 'data'));
    expect(dir('data')).toBe('data');
  });
});

describe('a program of a unit', () => {
  it("is the node's own file, else ours, else the host's, else none", () => {
    const root = mkdtempSync(join(tmpdir(), 'corral-map-'));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    mkdirSync(join(root, 'opt/bin'), { recursive: true });
    writeFileSync(join(root, 'opt/bin/tool'), '');
    const programs = { etcd2: '/repo/etcd2.js' };
    const find = (path: string): unknown => resolveExecutable(path, root, programs, '/bin/node');

    expect(find('/opt/bin/tool')).toEqual({ file: join(root, 'opt/bin/tool'), words: [] });
    expect(find('/usr/bin/etcd2')).toEqual({ file: '/bin/node', words: ['/repo/etcd2.js'] });
    expect(find('/bin/sh')).toEqual({ file: '/bin/sh', words: [] });
    expect(find('/nowhere/at/all')).toBeUndefined();
  });

  it('code from a working tree goes before the program of its name, and before no other', () => {
    const root = mkdtempSync(join(tmpdir(), 'corral-map-'));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const dev = join(root, 'usr/lib/corral/dev');
    mkdirSync(dev, { recursive: true });
    writeFileSync(join(dev, 'etcd2.mjs'), '');
    writeFileSync(join(dev, 'sh.mjs'), '');
    const programs = { etcd2: '/repo/etcd2.js', etcdctl: '/repo/etcdctl.js' };
    const find = (path: string): unknown => resolveExecutable(path, root, programs, '/bin/node');

    expect(find('/usr/bin/etcd2')).toEqual({ file: '/bin/node', words: [join(dev, 'etcd2.mjs')] });
    expect(find('/usr/bin/etcdctl')).toEqual({ file: '/bin/node', words: ['/repo/etcdctl.js'] });
    expect(find('/bin/sh')).toEqual({ file: '/bin/sh', words: [] });
  });
});
