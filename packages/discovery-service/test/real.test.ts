// Debian's etcd with our service: as the members that boot through it, and as the store behind it.
// TLS with a certificate made by openssl.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { poll, systemClock } from '@corral/kit';
import { freePorts } from '@corral/kit/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, newToken, register, service, tempDir } from './support/world.js';

const etcd = '/usr/bin/etcd';
const hasEtcd = existsSync(etcd);
if (!hasEtcd) console.log(`discovery-service: no ${etcd} here, not tried together`);
const hasOpenssl = existsSync('/usr/bin/openssl');
if (!hasOpenssl) console.log('discovery-service: no /usr/bin/openssl here, TLS is not tried');

async function startEtcd(dir: string, name: string, words: readonly string[]): Promise<string> {
  const [client = 0, peer = 0] = await freePorts(2);
  const clientUrl = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const common = ['--name', name, '--data-dir', join(dir, name), '--enable-v2'];
  common.push('--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl);
  common.push('--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl);
  if (words.length === 0) common.push('--initial-cluster', `${name}=${peerUrl}`);
  const options = { stdio: 'ignore', env: { PATH: process.env['PATH'] } } as const;
  const child = spawn(etcd, [...common, ...words], options);
  onTestFinished(async () => {
    const exited = child.exitCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await exited;
  });
  return clientUrl;
}

const healthy = (url: string): Promise<true> =>
  poll(
    () =>
      ask(url, '/health').then(
        (answer) => (answer.text.includes('true') ? true : undefined),
        () => undefined,
      ),
    { clock: systemClock, what: `${url} to be healthy`, timeoutMs: 50_000, intervalMaxMs: 500 },
  );

describe.runIf(hasEtcd)('with real etcds', () => {
  it('boots a trio through a token, and a fourth becomes a proxy', async () => {
    const dir = tempDir();
    const { url } = await service({ tokens: [{ name: 'trio', size: 3 }] });
    const words = ['--discovery', `${url}/trio`];
    const trio: string[] = [];
    for (const name of ['infra0', 'infra1', 'infra2']) trio.push(await startEtcd(dir, name, words));
    for (const one of trio) await healthy(one);
    const fourth = await startEtcd(dir, 'infra3', words);
    await healthy(fourth);

    const members = await ask(trio[0] ?? '', '/v2/members');
    const local = await ask(fourth, '/v2/config/local/proxy');

    const { members: list } = JSON.parse(members.text) as { members: { name: string }[] };
    expect(list.map((one) => one.name).sort()).toEqual(['infra0', 'infra1', 'infra2']);
    expect([...(JSON.parse(local.text) as { endpoints: string[] }).endpoints].sort()).toEqual(
      trio.sort(),
    );
  }, 120_000);

  it('keeps its tokens in one', async () => {
    const store = await startEtcd(tempDir(), 'store', []);
    await healthy(store);
    const { url } = await service({ etcd: store });
    const token = await newToken(url);

    const seat = await register(url, token, 'a1', 'n1=http://h:1');
    const kept = await ask(store, `/v2/keys/_etcd/registry/${token}/a1`);
    const outside = await ask(url, `/${token}/..%2f..`);

    expect(seat.status).toBe(201);
    expect(JSON.parse(kept.text)).toMatchObject({ node: { value: 'n1=http://h:1' } });
    expect([outside.status, (await ask(url, '/health')).text]).toEqual([404, 'OK']);
  }, 90_000);
});

describe.runIf(hasOpenssl)('over TLS', () => {
  it('serves with a certificate, and refuses one that does not fit its key', async () => {
    const dir = tempDir();
    const make = (name: string): { cert: string; key: string } => {
      const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.crt`)];
      const words =
        'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=d ' +
        `-addext subjectAltName=IP:127.0.0.1 -keyout ${key} -out ${cert}`;
      execFileSync('openssl', words.split(' '), { stdio: 'ignore' });
      return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    };
    const [one, two] = [make('one'), make('two')];
    const { url, plainUrl } = await service({ tls: one, plain: { host: '127.0.0.1', port: 0 } });

    const text = await new Promise<string>((resolve, reject) => {
      const asked = request(`${url}/new`, { ca: one.cert, agent: false }, (response) => {
        response.on('data', (chunk: Buffer) => resolve(chunk.toString()));
      });
      asked.on('error', reject);
      asked.end();
    });
    const mixed = service({ tls: { cert: one.cert, key: two.key } });

    expect(text.startsWith(`${url}/`)).toBe(true);
    expect(url.startsWith('https://')).toBe(true);
    expect(plainUrl).toMatch(/^http:/);
    expect((await ask(plainUrl ?? '', new URL(text).pathname)).status).toBe(200);
    await expect(mixed).rejects.toMatchObject({ code: 'E_DISCOVERY_FLAGS' });
  });
});
