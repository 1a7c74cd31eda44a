import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { goFloat, parseUserData } from '../src/config.js';
import type { CloudConfig } from '../src/config.js';
import { userDataText } from '../src/user-data.js';

function configOf(body: string): CloudConfig {
  const data = parseUserData(`#cloud-config\n${body}`);
  if (data.kind !== 'cloud-config') throw new Error(JSON.stringify(data));
  return data.config;
}

describe('the kind of user-data', () => {
  it.each([
    ['', 'empty'],
    ['#!/bin/sh\n', 'script'],
    ['#!', 'script'],
    ['#cloud-config', 'cloud-config'],
    ['#cloud-config\u00a0\r\n', 'cloud-config'],
    ['{"ignitionVersion":0}', 'ignition'],
    ['{"IGNITIONVERSION": 1, "a": 2}', 'ignition'],
    ['{"ignition":{"version":"2.0.0"}}', 'ignition'],
    ['{}', 'error'],
    ['{"ignitionVersion":"1"}', 'error'],
    ['{"ignitionVersion":1.0}', 'error'],
    [' #cloud-config\n', 'error'],
    ['\ufeff#cloud-config\n', 'error'],
    ['\n#cloud-config\n', 'error'],
    ['#Cloud-config\n', 'error'],
    ['#cloud-config foo\n', 'error'],
    ['Content-Type: multipart/mixed\n', 'error'],
    ['#include http://x\n', 'error'],
  ])('%j is %s', (text, kind) => {
    expect(parseUserData(text).kind).toBe(kind);
  });

  it('names the first line when it is none of them', () => {
    expect(parseUserData('#include\n').findings).toMatchObject([
      { severity: 'error', line: 1, message: 'must be "#cloud-config" or begin with "#!"' },
    ]);
  });

  it('is told after unpacking', () => {
    const packed = gzipSync('#cloud-config\nhostname: a\n');

    expect(userDataText(packed)).toBe('#cloud-config\nhostname: a\n');
    expect(() => userDataText(Buffer.from([0x1f, 0x8b, 9]))).toThrow(
      expect.objectContaining({ code: 'E_USER_DATA' }),
    );
  });
});

describe('typed decoding', () => {
  it('keeps scalars as they are written where text is wanted', () => {
    const config = configOf(
      'hostname: 0x10\nwrite-files:\n  - {path: a, permissions: 0644, owner: ~}\n' +
        'coreos: {update: {reboot-strategy: off}}\n',
    );

    expect(config.hostname).toBe('0x10');
    expect(config.writeFiles).toMatchObject([{ path: 'a', permissions: '0644', owner: '' }]);
    expect(config.update.get('reboot_strategy')).toBe('off');
  });

  it('drops what does not fit', () => {
    const config = configOf(
      'hostname: [a]\nusers:\n  - core\n  - {name: b, system: "true", groups: a b}\n' +
        'ssh_authorized_keys:\n  - {a: b}\n  - ~\n  - 5\n',
    );

    expect(config.hostname).toBe('');
    expect(config.users).toMatchObject([{ name: 'b', system: false, groups: [] }]);
    expect(config.sshAuthorizedKeys).toEqual(['', '5']);
  });

  it('takes hyphens for underscores in keys, not in values', () => {
    const config = configOf(
      'coreos:\n  units:\n    - {name: a-b.service, drop-ins: [{name: c-d}]}\n',
    );

    expect(config.units).toMatchObject([{ name: 'a-b.service', dropIns: [{ name: 'c-d' }] }]);
  });

  it('adds up blocks and lists of a key that comes twice; the last scalar wins', () => {
    const config = configOf(
      'coreos:\n  etcd2: {name: a, debug: on}\n  units: [{name: a}]\n' +
        'hostname: a\ncoreos:\n  etcd2: {name: b}\n  units: [{name: b}]\nhostname: b\n',
    );

    expect(config.hostname).toBe('b');
    expect(config.units.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(config.etcd2).toEqual([
      { variable: 'ETCD_DEBUG', value: 'true' },
      { variable: 'ETCD_NAME', value: 'b' },
    ]);
  });

  it('follows aliases and merge keys; own keys win', () => {
    const config = configOf(
      'write_files:\n  - &x {path: /a, owner: root}\n  - {<<: *x, path: /b}\n  - *x\n',
    );

    expect(config.writeFiles.map(({ path, owner }) => `${path} ${owner}`)).toEqual([
      '/a root',
      '/b root',
      '/a root',
    ]);
  });

  it('writes options in the order of the table, without zero values', () => {
    const config = configOf(
      'coreos:\n  etcd2:\n    wal-dir: w\n    name: n\n    election-timeout: 0x10\n' +
        '    max-wals: 0\n    debug: no\n    cors: ""\n    max-snapshots: 1.9\n',
    );

    expect(config.etcd2.map(({ variable, value }) => `${variable}=${value}`)).toEqual([
      'ETCD_ELECTION_TIMEOUT=16',
      'ETCD_MAX_SNAPSHOTS=1',
      'ETCD_NAME=n',
      'ETCD_WAL_DIR=w',
    ]);
  });

  it('has the odd variables of the original', () => {
    const config = configOf(
      'coreos:\n  etcd: {snapshot-count: 1}\n  flannel: {interface: eth0, ip-masq: yes}\n' +
        '  locksmith: {window-start: "10:00"}\n  fleet: {engine-reconcile-interval: 2}\n',
    );

    expect([config.etcd, config.flannel, config.locksmith, config.fleet].flat()).toEqual([
      { variable: 'ETCD_SNAPSHOTCOUNT', value: '1' },
      { variable: 'FLANNELD_IP_MASQ', value: 'yes' },
      { variable: 'FLANNELD_IFACE', value: 'eth0' },
      { variable: 'REBOOT_WINDOW_START', value: '10:00' },
      { variable: 'FLEET_ENGINE_RECONCILE_INTERVAL', value: '2' },
    ]);
  });
});

describe('a float', () => {
  it.each([
    [0.5, '0.5'],
    [1800, '1800'],
    [999999.5, '999999.5'],
    [999999.9999999999, '999999.9999999999'],
    [1e6, '1e+06'],
    [1234567, '1.234567e+06'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [1e100, '1e+100'],
    [-Infinity, '-Inf'],
  ])('%s prints as %s', (value, text) => {
    expect(goFloat(value)).toBe(text);
  });
});
