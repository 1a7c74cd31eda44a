// etcdctl's behaviour towards endpoints, members and signals, over fake members.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { refusingUrl } from '@corral/kit/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fakeMember, fakeTcp, sendJson, written } from '../support/fakes.js';
import type { FakeMember } from '../support/fakes.js';
import { ours } from '../support/etcdctl.js';

type Member = {
  readonly id: string;
  readonly name?: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs?: readonly string[];
};

/** A member that answers keys, /v2/members with `members`, /health with `health`. */
async function cluster(
  members: (own: string) => readonly Member[],
  health: unknown = { health: 'true' },
): Promise<FakeMember> {
  const member: FakeMember = await fakeMember((response, { method, path }) => {
    const list = members(member.url);
    if (path === '/v2/members/leader') sendJson(response, 200, list[0]);
    else if (path === '/v2/members' && method === 'GET') sendJson(response, 200, { members: list });
    else if (path === '/v2/members') sendJson(response, 201, list.at(-1));
    else if (path.startsWith('/v2/members/')) response.writeHead(204).end();
    else if (path === '/health') sendJson(response, 200, health);
    else sendJson(response, 200, written);
  });
  return member;
}

const one = (own: string): Member[] => [
  { id: 'a1', name: 'n1', peerURLs: ['http://p1'], clientURLs: [own] },
];

describe('endpoints', () => {
  it.each([
    [['--endpoints', 'GOOD', 'get', '/a'], { ETCDCTL_ENDPOINTS: 'BAD' }],
    [['get', '/a'], { ETCDCTL_ENDPOINTS: 'GOOD', ETCDCTL_ENDPOINT: 'BAD' }],
    [['--endpoint', 'GOOD', 'get', '/a'], { ETCDCTL_ENDPOINT: 'BAD' }],
    [['get', '/a'], { ETCDCTL_ENDPOINT: 'GOOD', ETCDCTL_PEERS: 'BAD' }],
    [['-C', 'GOOD', 'get', '/a'], { ETCDCTL_PEERS: 'BAD' }],
    [['get', '/a'], { ETCDCTL_PEERS: 'GOOD' }],
    [['--endpoints', 'BAD, GOOD,', 'get', '/a'], {}],
    [['--endpoints', 'GOOD-WITHOUT-SCHEME', 'get', '/a'], {}],
  ])('%j with %j come in the order of etcdctl', async (words, environment) => {
    const good = (await cluster(one)).url;
    const bad = await refusingUrl();
    const put = (text: string): string =>
      text
        .replace('GOOD-WITHOUT-SCHEME', good.replace('http://', ''))
        .replace('GOOD', good)
        .replace('BAD', bad);
    const variables = Object.entries(environment).map(([name, value]) => [name, put(value)]);

    const ran = await ours(words.map(put), {
      environment: Object.fromEntries(variables) as Record<string, string>,
    });

    expect(ran).toEqual({ stdout: '1\n', stderr: '', code: 0 });
  });

  it('are learned from the members first, but not with --no-sync', async () => {
    const advertised = await cluster(one);
    const given = await cluster(() => one(advertised.url));

    await ours(['get', '/a'], { endpoints: given.url });
    await ours(['--no-sync', 'get', '/b'], { endpoints: given.url });

    expect(advertised.seen.map((seen) => seen.path)).toEqual(['/v2/keys/a']);
    expect(given.seen.map((seen) => seen.path)).toEqual(['/v2/members', '/v2/keys/b']);
  });

  it('that are given still serve when the members advertise what nobody can reach', async () => {
    const nowhere = await refusingUrl();
    const given = await cluster(() => one(nowhere));

    const ran = await ours(['get', '/a'], { endpoints: given.url });

    expect(ran).toEqual({ stdout: '1\n', stderr: '', code: 0 });
  });

  it('inside a node are dialled through the link of that node', async () => {
    const member = await cluster(one);
    const { port } = new URL(member.url);
    const environment = { CORRAL_DIAL: '0.0', ETCDCTL_ENDPOINTS: `http://127.0.0.1:${port}` };

    const direct = await ours(['get', '/a'], { endpoints: `http://127.0.0.1:${port}` });
    const relayed = await ours(['get', '/a'], {
      environment: { ...environment, CORRAL_DIAL: '0.9' },
    });

    expect(direct.code).toBe(0);
    expect([relayed.code, relayed.stderr]).toEqual([
      2,
      expect.stringContaining(`dial tcp 127.0.9.1:${port}: connect: connection refused`),
    ]);
  });

  it('that freeze end the command after its total time-out', async () => {
    const frozen = await fakeTcp(() => undefined);

    const ran = await ours(['--total-timeout', '400ms', 'get', '/a'], { endpoints: frozen.url });

    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('no answer within');
  });
});

describe('writes', () => {
  it('whose outcome is unknown say so and exit with 4, sent once', async () => {
    const member = await fakeMember((response, { method }) => {
      if (method === 'GET') sendJson(response, 200, { members: one('http://127.0.0.1:1') });
      else response.socket?.destroy();
    });

    const ran = await ours(['set', '/a', '1'], { endpoints: member.url });

    expect([ran.code, ran.stdout]).toEqual([4, '']);
    expect(ran.stderr).toContain('It may or may not have happened');
    expect(member.seen.filter((seen) => seen.method === 'PUT')).toHaveLength(1);
  });
});

describe('cluster-health', () => {
  const three =
    (second: string, third: readonly string[]) =>
    (own: string): Member[] => [
      { id: 'a1', name: 'n1', peerURLs: [], clientURLs: [own] },
      { id: 'b2', name: 'n2', peerURLs: [], clientURLs: [second] },
      { id: 'c3', peerURLs: [], clientURLs: third },
    ];

  it('tells healthy, unreachable and silent members apart, and exits with 5', async () => {
    const gone = await refusingUrl();
    const member = await cluster(three(gone, []), { health: true });

    const ran = await ours(['cluster-health'], { endpoints: member.url });

    const { host } = new URL(gone);
    expect(ran).toEqual({
      code: 5,
      stderr: '',
      stdout:
        `member a1 is healthy: got healthy result from ${member.url}\n` +
        `failed to check the health of member b2 on ${gone}: connect ECONNREFUSED ${host}\n` +
        `member b2 is unreachable: [${gone}] are all unreachable\n` +
        'member c3 is unreachable: no available published client urls\n' +
        'cluster is degraded\n',
    });
  });

  it('with no healthy member is unavailable', async () => {
    const member = await cluster(one, { health: 'false' });

    const ran = await ours(['cluster-health'], { endpoints: member.url });

    expect(ran).toEqual({
      code: 5,
      stderr: '',
      stdout: `member a1 is unhealthy: got unhealthy result from ${member.url}\ncluster is unavailable\n`,
    });
  });

  it('--forever ends with the signal', async () => {
    const member = await cluster(one);
    const controller = new AbortController();
    const running = ours(['cluster-health', '--forever'], {
      endpoints: member.url,
      signal: controller.signal,
    });
    while (member.seen.length < 2) await new Promise((next) => setImmediate(next));

    controller.abort();

    expect(await running).toMatchObject({ code: 0 });
  });
});

describe('member', () => {
  const two = (own: string): Member[] => [
    ...one(own),
    { id: 'b2', name: '', peerURLs: ['http://p2', 'http://p3'] },
  ];

  it('list shows the leader and who has not started', async () => {
    const member = await cluster(two);

    const ran = await ours(['member', 'list'], { endpoints: member.url });

    expect(ran.stdout).toBe(
      `a1: name=n1 peerURLs=http://p1 clientURLs=${member.url} isLeader=true\n` +
        'b2[unstarted]: peerURLs=http://p2,http://p3\n',
    );
  });

  it('list without a leader fails', async () => {
    const member = await fakeMember((response, { path }) => {
      if (path.endsWith('leader')) sendJson(response, 503, { message: 'During election' });
      else sendJson(response, 200, { members: [] });
    });

    const ran = await ours(['member', 'list'], { endpoints: member.url });

    expect(ran).toEqual({
      stdout: '',
      stderr: 'Failed to get leader:  During election\n',
      code: 1,
    });
  });

  it('add prints what the new member is started with', async () => {
    const member = await cluster(two);

    const ran = await ours(['member', 'add', 'n2', 'http://p2'], { endpoints: member.url });

    expect(ran.stdout).toBe(
      'Added member named n2 with ID b2 to cluster\n\nETCD_NAME="n2"\n' +
        'ETCD_INITIAL_CLUSTER="n1=http://p1,n2=http://p2,n2=http://p3"\n' +
        'ETCD_INITIAL_CLUSTER_STATE="existing"\n',
    );
  });

  it('remove and update act by id; a name gets a hint', async () => {
    const member = await cluster(one);
    const run = (...words: string[]): Promise<unknown> =>
      ours(['member', ...words], { endpoints: member.url });

    expect(await run('remove', 'a1')).toMatchObject({ stdout: 'Removed member a1 from cluster\n' });
    expect(await run('update', 'a1', 'http://x,http://y')).toMatchObject({
      stdout: 'Updated member with ID a1 in cluster\n',
    });
    expect(await run('remove', 'n1')).toMatchObject({
      stderr:
        'Found a member named n1; please use its ID (a1) instead.\n' +
        "Couldn't find a member in the cluster with an ID of n1.\n",
      code: 1,
    });
    expect(member.seen.filter((seen) => seen.method !== 'GET')).toEqual([
      { method: 'DELETE', path: '/v2/members/a1', body: '' },
      { method: 'PUT', path: '/v2/members/a1', body: '{"peerURLs":["http://x","http://y"]}' },
    ]);
  });

  it('a change that is refused prints the reason of the server', async () => {
    const member = await fakeMember((response, { method }) => {
      if (method === 'GET') sendJson(response, 200, { members: [] });
      else sendJson(response, 409, { message: 'peerURL exists' });
    });

    const ran = await ours(['member', 'add', 'n', 'http://p'], { endpoints: member.url });

    expect(ran).toEqual({ stdout: '', stderr: 'peerURL exists\n', code: 1 });
  });
});

describe('the process', () => {
  const program = join(import.meta.dirname, '../../bin/etcdctl.js');

  it('reads a value from standard input as it is', async () => {
    const member = await cluster(one);
    const child = spawn(process.execPath, [program, 'set', '/a'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ETCDCTL_ENDPOINTS: member.url },
    });
    onTestFinished(() => void child.kill('SIGKILL'));

    child.stdin.end('two\nlines\n');
    const [code] = (await once(child, 'exit')) as [number];

    expect(code).toBe(0);
    expect(member.seen.at(-1)?.body).toBe('value=two%0Alines%0A');
  });

  it('ends a watch with exit code 0 on SIGINT, and the poll with it', async () => {
    let closed = (): void => undefined;
    const pollEnded = new Promise<void>((resolve) => (closed = resolve));
    const member = await fakeMember((response, { path }) => {
      if (path.startsWith('/v2/members')) sendJson(response, 200, { members: [] });
      else if (path.includes('waitIndex=9')) sendJson(response, 200, written, 8);
      else if (path.includes('wait=true')) {
        response.flushHeaders();
        response.on('close', () => closed());
      } else sendJson(response, 200, written, 8);
    });
    const child = spawn(process.execPath, [program, 'watch', '--forever', '/a'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ETCDCTL_ENDPOINTS: member.url },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [first] = (await once(child.stdout, 'data')) as [Buffer];

    child.kill('SIGINT');
    const [code, signal] = (await once(child, 'exit')) as [number, string | null];
    await pollEnded;

    expect([first.toString('utf8'), code, signal]).toEqual(['1\n', 0, null]);
  });
});

it('tells a version of 2.3 and helps without a command', async () => {
  expect((await ours(['--version'])).stdout).toBe('etcdctl version 2.3.8\n');
  expect((await ours([])).stdout).toContain('cluster-health');
  expect(await ours(['help'])).toEqual(await ours(['-h']));
});

it('an unknown command exits with 3 and E_ETCDCTL_EXIT never shows', async () => {
  const ran = await ours(['exec'], { endpoints: 'http://127.0.0.1:1' });

  expect(ran).toEqual({ stdout: '', stderr: "No help topic for 'exec'\n", code: 3 });
});
