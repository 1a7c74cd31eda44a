// One small cluster, every command on it, as the built program does it.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asProcess, newHome } from './run.js';
import type { Ran } from './run.js';

type Status = {
  readonly schema: number;
  readonly name: string;
  readonly state: string;
  readonly leader: string | null;
  readonly nodes: readonly {
    readonly name: string;
    readonly role: string;
    readonly state: string;
    readonly clientUrls: readonly string[];
    readonly faults: readonly string[];
    readonly memberId: string | null;
  }[];
};

const undo: (() => void)[] = [];
const home = newHome((one) => undo.push(one));
const corral = (...words: readonly string[]): Promise<Ran> => asProcess(words, { home });
const json = async (...words: readonly string[]): Promise<Status> => {
  const ran = await corral(...words, '-o', 'json');
  expect(ran.code, ran.stderr).toBe(0);
  return JSON.parse(ran.stdout) as Status;
};
let up: Ran;

beforeAll(async () => {
  up = await corral('up', '--central', '3', '--workers', '1');
}, 60_000);

afterAll(async () => {
  await corral('down', '--all');
  for (const one of undo) one();
});

describe('up', () => {
  it('tells each step on stderr, one line each without a terminal, and the result on stdout', () => {
    expect(up.code, up.stderr).toBe(0);
    const line = /^\d{4}-\d\d-\d\dT[\d:.]+Z (ok \w+(?: \w+)?) {2,}\S.* {2}\d+\.\d s$/;
    const steps = up.stderr.split('\n').map((text) => line.exec(text)?.[1]);
    expect(steps.slice(1, 6)).toEqual([
      'ok preflight',
      'ok discovery',
      'ok central nodes',
      'ok worker nodes',
      'ok proof',
    ]);
    expect(up.stderr).toContain('cluster "default"');
    expect(`${up.stderr}${up.stdout}`).not.toContain('\u001b');
    expect(up.stdout).toMatch(/^Ready in \d+\.\d s\. Healthy: can lose 1 of 3 central nodes\.\n/);
    expect(up.stdout).toContain('corral fault kill leader');
  });

  it('a second time changes nothing', async () => {
    const before = await json('status');
    const again = await corral('up');
    const same = await corral('up', '--central', '3', '--workers', '1');

    expect(again.code, again.stderr).toBe(0);
    expect(again.stdout).toMatch(
      /^Unchanged, \d\.\d s\. Healthy: can lose 1 of 3 central nodes\.\n/,
    );
    expect(same.stdout).toMatch(/^Unchanged/);
    expect((await json('status')).leader).toBe(before.leader);
  });

  it('a second time with something else refuses: what differs, and what can be done', async () => {
    const { code, stderr } = await corral('up', '--central', '5');

    expect(code).toBe(4);
    expect(stderr).toMatch(/E_CLUSTER_EXISTS \(4\) {2}"default" runs since .* with 3\+1 nodes/);
    expect(stderr).toContain('you asked for another one: central: 3 -> 5');
    expect(stderr).toContain('--recreate, with your options (loses its data)');
  });
});

describe('status and ls', () => {
  it('status is a table with the verdict first, and the contract as JSON', async () => {
    const text = (await corral('status')).stdout;
    const status = await json('status');

    expect(text).toMatch(/^HEALTHY {2}can lose 1 of 3 central nodes\nNODE +ROLE +STATE +TERM/);
    expect(status).toMatchObject({ schema: 1, name: 'default', state: 'healthy' });
    expect(status.nodes.map(({ name, role, state }) => [name, role, state])).toEqual([
      ['n1', 'central', 'running'],
      ['n2', 'central', 'running'],
      ['n3', 'central', 'running'],
      ['w1', 'worker', 'running'],
    ]);
    expect(status.nodes.filter((node) => node.memberId !== null).length).toBe(3);
  });

  it('ls has a row for each cluster', async () => {
    const { stdout } = await corral('ls');

    expect(stdout).toMatch(
      /^NAME +RUNTIME +STATE +NODES +LEADER +AGE +DISK\ndefault +process +healthy +4\/4 +n\d +\d+ s +[\d.]+ MiB\n$/,
    );
  });
});

describe('working with it', () => {
  it('etcdctl reaches the cluster and keeps its exit codes', async () => {
    expect(await corral('etcdctl', 'set', '/hello', 'world')).toMatchObject({
      code: 0,
      stdout: 'world\n',
    });
    expect((await corral('etcdctl', 'ls')).stdout).toContain('/hello');
    const missing = await corral('etcdctl', 'get', '/none');
    expect(missing.code).toBe(4);
    expect(missing.stderr).toMatch(/^Error: +100: Key not found/);
  });

  it('exec runs on a node: its own store, its own root', async () => {
    const through = await corral('exec', 'w1', '--', 'etcdctl', 'get', '/hello');
    const folder = await corral('exec', 'n1', '--', 'pwd');
    const failed = await corral('exec', 'n1', '--', 'sh', '-c', 'exit 7');

    expect(through.stdout).toBe('world\n');
    expect(folder.stdout).toMatch(/\/nodes\/n1\/root\n$/);
    expect(failed.code).toBe(7);
  });

  it('what exec runs on a node reaches the other nodes through its links', async () => {
    const { nodes } = await json('status');
    const [url = ''] = nodes.find((node) => node.name === 'n2')?.clientUrls ?? [];
    const get = [
      'exec',
      'n1',
      '--',
      'etcdctl',
      '--timeout',
      '500ms',
      '--endpoints',
      url,
      'get',
      '/hello',
    ];

    const before = await corral(...get);
    await corral('fault', 'partition', 'n1', '/', 'n2');
    const during = await corral(...get);
    const fromOutside = await corral('etcdctl', '--endpoints', url, 'get', '/hello');
    await corral('fault', 'heal', '--all');

    expect(before.stdout).toBe('world\n');
    expect(during.code).not.toBe(0);
    expect(fromOutside.stdout).toBe('world\n');
  });

  it('exec of a program that is not there says so', async () => {
    const { code, stderr } = await corral('exec', 'n1', '--', 'no-such-program');

    expect(code).toBe(127);
    expect(stderr).toMatch(
      /E_PROGRAM_MISSING \(127\) {2}there is no program no-such-program on n1/,
    );
  });

  it('env gives what an etcd client needs, and takes it away', async () => {
    const { stdout } = await corral('env');
    const unset = await corral('env', '--unset');

    expect(stdout).toMatch(
      /^export ETCDCTL_ENDPOINTS=http:\/\/127\.[\d.]+:2379,.*\nexport ETCDCTL_API=2\nexport CORRAL_NAME=default\nexport CORRAL_URL=http:\/\/127\.[\d.]+:2379\n$/,
    );
    expect(unset.stdout).toBe('unset ETCDCTL_ENDPOINTS ETCDCTL_API CORRAL_NAME CORRAL_URL\n');
  });

  it('logs of one node, of all, filtered', async () => {
    const one = await corral('logs', 'n1');
    const all = await corral('logs', '--grep', 'ready to serve');
    const none = await corral('logs', 'n1', '--unit', 'nothing');

    expect(one.stdout).toMatch(/"msg":"starting member"/);
    expect(all.stdout).toMatch(/^n1 {2}.*ready to serve/m);
    expect(all.stdout).toMatch(/^n3 {2}.*ready to serve/m);
    expect(all.stdout).not.toContain('starting member');
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringMatching(/no log of nothing on n1; there are: .*etcd2\.service/),
    ]);
  });

  it('logs with a bad expression', async () => {
    const { code, stderr } = await corral('logs', '--grep', '(');

    expect(code).toBe(2);
    expect(stderr).toContain('--grep (: Invalid regular expression');
  });

  it('wait for states and keys; what does not come is a time-out', async () => {
    expect((await corral('wait', '--for', 'ready')).code).toBe(0);
    expect((await corral('wait', '--for', 'converged')).code).toBe(0);
    expect((await corral('wait', '--for', 'key/hello')).code).toBe(0);
    const late = await corral('wait', '--for', 'key/never', '--timeout', '200ms');
    const wrong = await corral('wait', '--for', 'luck');

    expect(late.code).toBe(6);
    expect(late.stderr).toMatch(
      /E_TIMEOUT \(6\) {2}"key\/never" did not come within 200ms; now: healthy, leader n\d, applied n1:\d+ n2:\d+ n3:\d+\n/,
    );
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('--for luck: ready, leader, converged or key/PATH');
  });

  it('version names what it claims to be', async () => {
    expect((await corral('version')).stdout).toMatch(/^corral 0\.1\.0 \(etcd2 2\.3\.8, node 2\d\./);
  });
});

describe('breaking and mending', () => {
  it('kills the leader by its role, says who follows, and heals', async () => {
    const before = await json('status');
    const killed = await corral('fault', 'kill', 'leader');
    const during = await json('status');
    const listed = await corral('fault', 'ls');
    const healed = await corral('fault', 'heal', '--all');
    const after = await json('status');

    expect(killed.stdout).toMatch(
      new RegExp(`^ killed ${before.leader} \\(leader, term \\d+\\) · n\\d leads, term \\d+`),
    );
    expect(killed.stdout).toContain('DEGRADED  2 of 3 central nodes · one more loss stops writes');
    expect(killed.stdout).toContain('next: corral fault heal --all');
    expect(during.state).toBe('degraded');
    expect(during.leader).not.toBe(before.leader);
    expect(listed.stdout).toMatch(
      new RegExp(`^ID +FAULT +WHERE +AGE +ENDS\\n\\d+ +kill +${before.leader} +\\d+ s +healed\\n$`),
    );
    expect(healed.stdout).toMatch(/^ healed everything\nHEALTHY/);
    expect(after.state).toBe('healthy');
  });

  it('partitions one way, for a while, and heals by itself', async () => {
    const cut = await corral('fault', 'partition', 'n1', '/', 'w1', '--one-way', '--for', '400ms');
    expect(cut.stdout).toMatch(/^ n1 -x> w1\n/);
    expect(cut.stdout).toContain('cut:n1>w1');
    expect((await corral('wait', '--for', 'ready', '--timeout', '10s')).code).toBe(0);
    expect((await corral('fault', 'ls')).stdout).toBe('none\n');
  });

  it('stops the discovery service and brings it back', async () => {
    const stopped = await corral('fault', 'stop', 'discovery');
    expect(stopped.stdout).toContain('the discovery service is stopped');
    expect((await corral('fault', 'ls')).stdout).toMatch(/\n\d+ +discovery +discovery /);
    await corral('fault', 'heal', '--all');
    expect((await corral('fault', 'ls')).stdout).toBe('none\n');
  });

  it('slows, throttles, resets and refuses a link; one fault is healed by its number', async () => {
    const slowed = await corral('fault', 'slow', 'n1:n3', '--delay', '20ms', '--rate', '1mbit');
    const refused = await corral('fault', 'refuse', 'w1:n1', '-o', 'json');
    const reset = await corral('fault', 'reset', 'n1:n2');
    const listed = await corral('fault', 'ls', '-o', 'json');
    const faults = JSON.parse(listed.stdout) as { readonly id: number; readonly spec: unknown }[];
    const healed = await corral('fault', 'heal', String(faults[0]?.id));
    const left = await corral('fault', 'ls', '-o', 'json');
    await corral('fault', 'heal', '--all');

    expect(slowed.stdout).toMatch(/^ n1 -> n3 slowed: 20ms, 1mbit\n/);
    expect((JSON.parse(refused.stdout) as Status).nodes[3]?.faults).toEqual(['refuse:w1>n1']);
    expect(reset.stdout).toMatch(/^ n1 -> n2 reset\n/);
    expect(faults.map(({ spec }) => spec)).toEqual([
      {
        kind: 'slow',
        links: [{ from: 'n1', to: 'n3' }],
        delayMs: 20,
        jitterMs: 0,
        bytesPerSecond: 125_000,
      },
      { kind: 'refuse', links: [{ from: 'w1', to: 'n1' }] },
    ]);
    expect(healed.stdout).toMatch(new RegExp(`^ healed ${faults[0]?.id}\\n`));
    expect(JSON.parse(left.stdout)).toEqual([faults[1]]);
  });

  it.each([
    ['drop', 'n1:n2', /fault drop is not available here: TCP hides lost packets/],
    ['clock', 'n1', /fault clock is not available here: plain processes share the clock/],
    ['disk', 'n1', /fault disk is not available here: plain processes share the disk/],
  ])('what processes cannot imitate is said: %s', async (kind, target, message) => {
    const { code, stderr } = await corral('fault', kind, target);

    expect(code).toBe(5);
    expect(stderr).toMatch(/E_FAULT_UNAVAILABLE \(5\)/);
    expect(stderr).toMatch(message);
  });

  it('unknown nodes, links and durations are refused with what would do', async () => {
    const node = await corral('fault', 'kill', 'node2');
    const near = await corral('fault', 'kill', 'n02');
    const link = await corral('fault', 'slow', 'n1', '--delay', '10ms');
    const time = await corral('fault', 'pause', 'n1', '--for', 'long');
    const never = await corral('fault', 'pause', 'n1', '--for', '0s');
    const groups = await corral('fault', 'partition', '/', 'n1');
    const what = await corral('fault', 'heal');
    const slash = await corral('fault', 'partition', 'n1', 'n2');

    expect(node.code).toBe(3);
    expect(node.stderr).toMatch(
      /E_UNKNOWN_NODE \(3\) {2}No node "node2" in "default"\. Did you mean n2\? Nodes: n1 n2 n3 w1/,
    );
    expect(near.stderr).toContain('Did you mean n2?');
    expect([link.code, time.code, groups.code, what.code]).toEqual([2, 2, 2, 2]);
    expect(link.stderr).toContain('n1 is no link: give FROM:TO, for instance n1:n3');
    expect(never.code).toBe(2);
    expect(never.stderr).toContain('--for 0s: more than nothing is needed');
    expect(time.stderr).toContain('--for long: a duration such as 250ms, 5s or 2m is needed');
    expect(groups.stderr).toContain('corral fault partition n1 / n2,n3');
    expect([slash.code, slash.stderr]).toEqual([
      2,
      expect.stringContaining('two groups, with one slash between them'),
    ]);
    expect(what.stderr).toContain('heal what? Give a node, the number of a fault, or --all');
    const loop = await corral('fault', 'refuse', 'n1:n1');
    const nothing = await corral('fault', 'slow', 'n1:n2');
    const tempo = await corral('fault', 'slow', 'n1:n2', '--rate', 'fast');
    const number = await corral('fault', 'heal', '99');
    expect([loop.code, nothing.code, tempo.code, number.code]).toEqual([2, 2, 2, 2]);
    expect(loop.stderr).toContain('n1:n1: a link has two different ends');
    expect(nothing.stderr).toContain('slow by what? Give --delay, --jitter or --rate');
    expect(tempo.stderr).toContain('--rate fast: a rate such as 64kbit or 1mbit is needed');
    expect(number.stderr).toContain('no fault 99 is in force: corral fault ls');
    expect((await json('status')).state).toBe('healthy');
  });

  it('adds and removes a worker', async () => {
    const added = await json('node', 'add');
    expect(added.nodes.map((node) => node.name)).toContain('w2');
    const removed = await json('node', 'rm', 'w2');
    expect(removed.nodes.map((node) => node.name)).not.toContain('w2');
    expect((await corral('node', 'add', '--role', 'king')).stderr).toContain(
      '--role king: worker or central',
    );
  });

  it('without a quorum membership cannot change', async () => {
    const { leader, nodes } = await json('status');
    const others = nodes.filter((node) => node.role === 'central' && node.name !== leader);
    for (const { name } of others) await corral('fault', 'kill', name);

    const refused = await corral('node', 'add', '--role', 'central');
    const status = await corral('status');
    await corral('fault', 'heal', '--all');

    expect(refused.code).toBe(7);
    const why = others.map(({ name }) => `${name} killed \\d+ s ago by fault #\\d+`);
    expect(refused.stderr).toMatch(
      new RegExp(
        `membership cannot change: 1 of 3 central nodes reachable \\(${leader}\\), ${why.join(', ')}`,
      ),
    );
    expect(refused.stderr).toMatch(/fix +corral fault heal \d+\n +or +corral fault heal \d+\n/);
    expect(status.stdout).toMatch(
      new RegExp(
        `^NO QUORUM {2}1 of 3 central nodes reachable \\(${leader}\\) · writes are impossible`,
      ),
    );
    expect(status.stdout).toMatch(
      new RegExp(
        `\n {2}${others[0]?.name} {2}killed \\d+ s ago by fault #(\\d+) +fix: corral fault heal \\1\n`,
      ),
    );
    expect(status.stdout).toMatch(/faults in force\n {2}#\d+ {2}kill {2}n\d {2}\d+ s ago\n/);
    expect((await corral('wait', '--timeout', '20s')).code).toBe(0);
  });
});

describe('the end', () => {
  it('stop keeps the data, start brings the same cluster back, down leaves nothing', async () => {
    const before = await json('status');
    const stopped = await corral('stop');
    const meanwhile = await json('status');
    const started = await corral('start');
    const after = await json('status');
    const kept = await corral('etcdctl', 'get', '/hello');
    const down = await corral('down');

    expect(stopped.stdout).toBe('stopped default; corral start brings it back\n');
    expect(meanwhile.state).toBe('stopped');
    expect(started.code, started.stderr).toBe(0);
    expect(after.nodes.map((node) => node.memberId)).toEqual(
      before.nodes.map((node) => node.memberId),
    );
    expect(kept.stdout).toBe('world\n');
    expect(down.stdout).toMatch(
      /^removed 4 nodes, [\d.]+ MiB in \d+\.\d s; nothing left behind\n$/,
    );
    expect(existsSync(join(home, 'clusters', 'default'))).toBe(false);
    expect((await corral('ls')).stdout).toMatch(/^NAME.*\n$/);
  });

  it('a boot that cannot end says why and undoes itself; --keep-on-failure leaves it', async () => {
    const file = join(home, 'broken.yaml');
    // A member whose own peer address is not in its initial cluster does not start.
    writeFileSync(
      file,
      `#cloud-config
coreos:
  etcd2:
    initial-cluster: other=http://127.0.0.9:2380
    listen-client-urls: http://$private_ipv4:2379
    advertise-client-urls: http://$private_ipv4:2379
    listen-peer-urls: http://$private_ipv4:2380
`,
    );
    const words = ['--central', '1', '--workers', '0', '--cloud-config', `central=${file}`];

    const undone = await corral('up', 'broken', ...words);
    const gone = existsSync(join(home, 'clusters', 'broken'));
    const kept = await corral('up', 'broken', '--keep-on-failure', ...words);
    const logs = await corral('logs', '-n', 'broken', 'n1');
    const down = await corral('down', 'broken');

    expect(undone.code).toBe(1);
    expect(undone.stderr).toMatch(/E_FAILED \(1\) {2}etcd2 of n1 does not start/);
    expect(undone.stderr).toMatch(/ {2}\| .*initial/);
    expect(gone).toBe(false);
    expect(kept.code).toBe(1);
    expect(logs.stdout).toMatch(/initial/);
    expect(down.code).toBe(0);
    expect(existsSync(join(home, 'clusters', 'broken'))).toBe(false);
  });
});
