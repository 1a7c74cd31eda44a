// `etcd2 --proxy on` and `--proxy readonly` as processes in front of Debian's etcd, with etcd's own
// client; and etcd's own proxy taking over our data directory.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, poll } from '@corral/kit';
import { refusingUrl } from '@corral/kit/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, open } from './support/world.js';

const [realEtcd, realEtcdctl] = ['/usr/bin/etcd', '/usr/bin/etcdctl'];
const ourEtcd = join(import.meta.dirname, '../../../node_modules/.bin/etcd2');
const missing = [realEtcd, realEtcdctl].filter((program) => !existsSync(program));
if (missing.length > 0) console.log(`proxy: no ${missing.join(', ')} here, not tried together`);

type Running = { readonly url: string; stop(): Promise<void> };

async function start(program: string, url: string, words: readonly string[]): Promise<Running> {
  const child = spawn(program, ['--listen-client-urls', url, ...words], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'] },
  });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  try {
    await poll(
      () =>
        ask(url, '/health').then(
          (answer) => (answer.text.includes('true') ? true : undefined),
          () => undefined,
        ),
      { clock: systemClock, what: `${program} ${words.join(' ')}`, timeoutMs: 40_000 },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

function etcdctl(url: string, ...words: string[]): Promise<{ code: number; stdout: string }> {
  const env = { ETCDCTL_API: '2', ETCDCTL_ENDPOINTS: url };
  return new Promise((resolve) => {
    execFile(realEtcdctl, ['--no-sync', ...words], { env }, (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout });
    });
  });
}

describe.runIf(missing.length === 0)('in front of a real etcd', () => {
  const running: Running[] = [];
  let peerUrl = '';
  let direct = '';
  const dataDir = { path: '' };

  async function proxy(program: string, mode: string, dir: string): Promise<Running> {
    const words = ['--name', 'p', '--proxy', mode, '--data-dir', dir];
    words.push('--initial-cluster', `m1=${peerUrl}`);
    if (program === realEtcd) words.push('--enable-v2');
    const one = await start(program, await refusingUrl(), words);
    running.push(one);
    return one;
  }

  beforeAll(async () => {
    dataDir.path = mkdtempSync(join(tmpdir(), 'corral-proxy-'));
    [direct, peerUrl] = [await refusingUrl(), await refusingUrl()];
    const words = ['--name', 'm1', '--enable-v2', '--data-dir', join(dataDir.path, 'm1')];
    words.push('--advertise-client-urls', direct, '--listen-peer-urls', peerUrl);
    words.push('--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `m1=${peerUrl}`);
    running.push(await start(realEtcd, direct, words));
  }, 60_000);
  afterAll(async () => {
    for (const one of running) await one.stop();
    rmSync(dataDir.path, { recursive: true, force: true });
  });

  it('readwrite serves etcdctl, streams watches and hands its directory over to etcd', async () => {
    const dir = join(dataDir.path, 'rw');
    const ours = await proxy(ourEtcd, 'on', dir);

    const set = await etcdctl(ours.url, 'set', '/a', '1');
    const got = await etcdctl(direct, 'get', '/a');
    const { response } = await open(ours.url, '/v2/keys/a?wait=true');
    await etcdctl(direct, 'set', '/a', '2');
    const [event] = (await once(response, 'data')) as [Buffer];
    const remembered = readFileSync(join(dir, 'proxy', 'cluster'), 'utf8');
    await ours.stop();
    const theirs = await proxy(realEtcd, 'on', dir);
    const through = await etcdctl(theirs.url, 'get', '/a');

    expect([set, got, through]).toEqual([
      { code: 0, stdout: '1\n' },
      { code: 0, stdout: '1\n' },
      { code: 0, stdout: '2\n' },
    ]);
    expect(JSON.parse(event.toString())).toMatchObject({ action: 'set', node: { value: '2' } });
    expect(remembered).toBe(`{"PeerURLs":["${peerUrl}"]}`);
  }, 90_000);

  it('readonly reads and refuses, as etcd’s own readonly proxy does', async () => {
    const ours = await proxy(ourEtcd, 'readonly', join(dataDir.path, 'ro'));
    const theirs = await proxy(realEtcd, 'readonly', join(dataDir.path, 'ro-real'));
    await etcdctl(direct, 'set', '/r', '1');

    const answers = await Promise.all(
      [ours.url, theirs.url].map(async (url) => {
        const put = await ask(url, '/v2/keys/r', { method: 'PUT', body: 'value=2' });
        const head = await ask(url, '/v2/keys/r', { method: 'HEAD' });
        const list = await ask(url, '/v2/config/local/proxy');
        const get = await etcdctl(url, 'get', '/r');
        const refused = await etcdctl(url, 'set', '/r', '2');
        const { status, text, headers } = put;
        const length = headers['content-length'];
        return { status, text, length, head: head.status, list: list.text, get, refused };
      }),
    );

    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]).toMatchObject({ status: 501, get: { code: 0, stdout: '1\n' } });
  }, 90_000);
});
