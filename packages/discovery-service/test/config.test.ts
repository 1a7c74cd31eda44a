// The command line.
import { expect, it } from 'vitest';
import { readServiceConfig } from '../src/config.js';

const read = (line: string, environment: Record<string, string> = {}): unknown => {
  try {
    return readServiceConfig(line.split(' ').filter(Boolean), environment);
  } catch (error) {
    return String(error);
  }
};

it('has the defaults of the original, with a store of its own', () => {
  expect(read('')).toEqual({
    listen: { host: '0.0.0.0', port: 8087 },
    plain: undefined,
    etcd: undefined,
    host: undefined,
    dataDir: 'discovery.data',
    tokens: [],
    strict: false,
    tls: undefined,
  });
});

it('prefers a flag, long or short, to its variable', () => {
  const environment = { DISC_ADDR: ':1', DISC_ETCD: 'http://e:1', DISC_HOST: 'http://h' };

  expect(read('', environment)).toMatchObject({ listen: { port: 1 }, etcd: 'http://e:1' });
  expect(read('-a [::1]:2 -e https://e:2 -h https://d.example/pre', environment)).toMatchObject({
    listen: { host: '::1', port: 2 },
    etcd: 'https://e:2',
    host: 'https://d.example/pre',
  });
});

it('takes several named tokens', () => {
  expect(read('--token a_B-1=3 --token x=5')).toMatchObject({
    tokens: [
      { name: 'a_B-1', size: 3 },
      { name: 'x', size: 5 },
    ],
  });
});

it.each([
  ['--addr 8087', 'is not HOST:PORT'],
  ['--addr :70000', 'is not HOST:PORT'],
  ['--etcd nonsense', 'Invalid url given'],
  ['--etcd ftp://x', 'neither http nor https'],
  ['--etcd http://x/y', 'Expected url without path (/y)'],
  ['--etcd http://x?y', 'Expected url without query (?y)'],
  ['--host http://x#y', 'Expected url without fragment (#y)'],
  ['--token new=3', 'are taken'],
  ['--token a/b=3', 'is not NAME=SIZE'],
  ['--token a=0', 'is not NAME=SIZE'],
  ['--strict-compat --token short=3', 'is not NAME=SIZE'],
  ['--cert-file x', 'go together'],
  ['--plain-addr :80', 'whose --addr has TLS'],
  ['--cert-file /none --key-file /none', 'cannot read /none'],
  ['--bogus', '--bogus'],
])('refuses %s', (line, why) => {
  expect(read(line)).toContain(why);
  expect(read(line)).toContain('See discovery-service --help');
});

it('helps', () => {
  expect(read('--help')).toBeUndefined();
});
