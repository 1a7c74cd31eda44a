// Programs of the etcd 2 era against our cluster: etcdctl, the etcd proxy, and an etcd that takes
// us for one of its own.
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { poll, systemClock } from '@corral/kit';
import { freePorts } from '@corral/kit/testing';
import { planCluster, spawnEtcd2 } from '../support/etcd2.js';
import type { ClusterMember, Etcd2 } from '../support/etcd2.js';
import { form, get, parsed } from '../support/exchange.js';
import { settled, temporaryDirectory } from '../support/member.js';
import { cleanEnvironment, endChild, etcdFound, etcdctlFound } from '../support/programs.js';

const run = promisify(execFile);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let plan: readonly ClusterMember[] = [];
let processes: readonly Etcd2[] = [];

beforeAll(async () => {
  directory = await temporaryDirectory();
  plan = await planCluster(directory.path, ['a', 'b', 'c']);
  processes = plan.map((member) => spawnEtcd2(member.words));
  await Promise.all(processes.map((one) => one.logged('published')));
  await Promise.all(plan.map((member) => settled(member.url)));
}, 60_000);
afterAll(async () => {
  for (const one of processes) await one[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function etcdctl(...words: string[]): Promise<Ran> {
  const endpoints = plan.map((member) => member.url).join(',');
  try {
    const env = cleanEnvironment({ ETCDCTL_API: '2' });
    const ran = await run('etcdctl', ['--endpoints', endpoints, ...words], { env });
    return { code: 0, ...ran };
  } catch (error) {
    const { code, stdout, stderr } = error as Ran;
    return { code, stdout, stderr };
  }
}

describe.runIf(etcdctlFound)('etcdctl', () => {
  it('sets, gets, lists, makes, updates and removes', async () => {
    const told = [
      await etcdctl('set', '/app/color', 'blue'),
      await etcdctl('get', '/app/color'),
      await etcdctl('-o', 'extended', 'get', '--quorum', '/app/color'),
      await etcdctl('mk', '/app/size', '7'),
      await etcdctl('mk', '/app/size', '8'),
      await etcdctl('update', '/app/size', '9'),
      await etcdctl('update', '/app/none', '9'),
      await etcdctl('mkdir', '/app/empty'),
      await etcdctl('ls', '--sort', '-r', '-p', '/app'),
      await etcdctl('rm', '/app/size'),
      await etcdctl('rmdir', '/app/empty'),
      await etcdctl('get', '/app/size'),
      await etcdctl('rm', '--recursive', '/app'),
    ];

    expect(told.map(({ code, stdout, stderr }) => [code, maskIndexes(stdout + stderr)])).toEqual([
      [0, 'blue\n'],
      [0, 'blue\n'],
      [0, 'Key: /app/color\nCreated-Index: N\nModified-Index: N\nTTL: 0\nIndex: N\n\nblue\n'],
      [0, '7\n'],
      [4, 'Error:  105: Key already exists (/app/size) [N]\n'],
      [0, '9\n'],
      [4, 'Error:  100: Key not found (/app/none) [N]\n'],
      [0, ''],
      [0, '/app/color\n/app/empty/\n/app/size\n'],
      [0, 'PrevNode.Value: 9\n'],
      [0, ''],
      [4, 'Error:  100: Key not found (/app/size) [N]\n'],
      [0, ''],
    ]);
  });

  it('swaps and removes under conditions', async () => {
    await etcdctl('set', '/lock', 'mine');

    const wrong = await etcdctl('set', '--swap-with-value', 'yours', '/lock', 'stolen');
    const right = await etcdctl('set', '--swap-with-value', 'mine', '/lock', 'still mine');
    const removed = await etcdctl('rm', '--with-value', 'still mine', '/lock');

    expect([wrong.code, maskIndexes(wrong.stderr)]).toEqual([
      4,
      'Error:  101: Compare failed ([yours != mine]) [N]\n',
    ]);
    expect([right.code, right.stdout]).toEqual([0, 'still mine\n']);
    expect(removed.code).toBe(0);
  });

  it('watches', async () => {
    const watching = etcdctl('watch', '--recursive', '/watched');
    // It has no way to say that it watches: write until it has seen something.
    const done = watching.then(() => true);
    await poll(
      async () => {
        await form(plan[1]!.url, 'PUT', '/v2/keys/watched/key', 'value=seen');
        return Promise.race([done, systemClock.sleep(50).then(() => undefined)]);
      },
      { what: 'etcdctl watch', timeoutMs: 15_000, clock: systemClock },
    );

    expect(await watching).toEqual({ code: 0, stdout: '[set] /watched/key\nseen\n', stderr: '' });
  });

  it('lists members and tells their health', async () => {
    const list = await etcdctl('member', 'list');
    const health = await etcdctl('cluster-health');

    const lines = list.stdout.trim().split('\n');
    const names = lines.map((line) => /name=(\w+) /.exec(line)?.[1]);
    expect(names.sort()).toEqual(['a', 'b', 'c']);
    expect(lines.filter((line) => line.endsWith('isLeader=true'))).toHaveLength(1);
    expect(health.code).toBe(0);
    expect(
      health.stdout.match(/member \w+ is healthy: got healthy result from http:/g),
    ).toHaveLength(3);
    expect(health.stdout).toMatch(/\ncluster is healthy\n$/);
  });

  it('adds, moves and removes a member', async () => {
    const added = await etcdctl('member', 'add', 'd', 'http://127.0.0.1:9');
    const id = /with ID (\w+) to cluster/.exec(added.stdout)?.[1] ?? '';
    const moved = await etcdctl('member', 'update', id, 'http://127.0.0.1:8');
    const unstarted = await etcdctl('member', 'list');
    const removed = await etcdctl('member', 'remove', id);
    const again = await etcdctl('member', 'remove', id);

    expect(added.stdout).toMatch(
      /^Added member named d .*\n\nETCD_NAME="d"\nETCD_INITIAL_CLUSTER=/,
    );
    expect(moved.stdout).toBe(`Updated member with ID ${id} in cluster\n`);
    expect(unstarted.stdout).toContain(`${id}[unstarted]: peerURLs=http://127.0.0.1:8\n`);
    expect(removed.stdout).toBe(`Removed member ${id} from cluster\n`);
    expect(again.code).toBe(1);
  });
});

describe.runIf(etcdFound)('a real etcd proxy', () => {
  it('in front of our cluster serves reads, writes and watches', async () => {
    const [port = 0] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const initialCluster = plan.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
    const proxy = spawn(
      'etcd',
      [
        ...['--proxy', 'on', '--enable-v2', '--data-dir', join(directory.path, 'proxy')],
        ...['--listen-client-urls', url, '--initial-cluster', initialCluster],
      ],
      { stdio: 'ignore', env: cleanEnvironment() },
    );
    try {
      const endpoints = await poll(
        async () => {
          const answer = await get(url, '/v2/config/local/proxy').catch(() => undefined);
          return answer?.body.includes('http://') === true ? answer.body : undefined;
        },
        { what: 'the proxy', timeoutMs: 20_000, clock: systemClock },
      );
      // This proxy holds the head of an answer back until there is a body: watch by index.
      const { headers } = await get(url, '/v2/keys?quorum=true');
      const next = Number(headers['x-etcd-index']) + 1;
      const watching = get(url, `/v2/keys/p?wait=true&waitIndex=${next}`);
      const put = await form(url, 'PUT', '/v2/keys/p', 'value=through');
      const event = parsed(await watching);
      const read = await get(plan[2]!.url, '/v2/keys/p?quorum=true');

      expect((JSON.parse(endpoints) as { endpoints: string[] }).endpoints.sort()).toEqual(
        plan.map((member) => member.url).sort(),
      );
      expect(put.status).toBe(201);
      expect(event.node?.value).toBe('through');
      expect(parsed(read).node?.value).toBe('through');
    } finally {
      await endChild(proxy, 'SIGKILL');
    }
  });
});

describe.runIf(etcdFound)('a real etcd that takes us for a peer', () => {
  it('is refused with a message, and neither side harms the other', async () => {
    const [ours, theirs] = await planCluster(join(directory.path, 'mixed'), ['ours', 'theirs']);
    const words = theirs!.words.map((word) => word.replace(/^-(?=[a-z])/, '--'));
    const etcd = spawn('etcd', [...words, '--enable-v2'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: cleanEnvironment(),
    });
    let theirLog = '';
    etcd.stderr.on('data', (data: Buffer) => (theirLog += data.toString('utf8')));
    await using etcd2 = spawnEtcd2(ours!.words);
    try {
      const line = await etcd2.logged('a real etcd tries to join this Raft group');
      await poll(() => (theirLog.includes(ours!.peerUrl.slice(7)) ? true : undefined), {
        what: 'the other side to say so',
        timeoutMs: 15_000,
        clock: systemClock,
      });
      const leader = await get(ours!.url, '/v2/members/leader');

      expect(line.msg).toContain(
        'share discovery, proxies and clients, never one group of members',
      );
      expect([leader.status, leader.body]).toEqual([503, '{"message":"During election"}']);
      expect(etcd2.child.exitCode).toBeNull();
      expect(etcd.exitCode).toBeNull();
    } finally {
      await endChild(etcd, 'SIGKILL');
    }
  });
});

function maskIndexes(text: string): string {
  return text.replace(/\[\d+\]/g, '[N]').replace(/Index: \d+/g, 'Index: N');
}
