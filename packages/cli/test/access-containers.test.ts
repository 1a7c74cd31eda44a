// exec, shell, ssh, cp, logs and env on a node that is a container, as the built program does it.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chooseRuntime } from '@corral/cluster';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { asProcess, inProcess, newHome } from './run.js';
import type { Ran } from './run.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const { runtime, why } = await chooseRuntime(process.env);
const isHere = runtime === 'docker';
if (!isHere) process.stdout.write(`cli: containers are not tested here: ${why}\n`);

const undo: (() => void)[] = [];
const home = newHome((one) => undo.push(one));
const corral = (...words: readonly string[]): Promise<Ran> => asProcess(words, { home });
const name = `cli-${process.pid}`;
const config = `#cloud-config
coreos:
  etcd2:
    initial-cluster: one=http://$private_ipv4:2380
    name: one
    initial-advertise-peer-urls: http://$private_ipv4:2380
    listen-peer-urls: http://$private_ipv4:2380
    listen-client-urls: http://$private_ipv4:2379
    advertise-client-urls: http://$private_ipv4:2379
  # Its port is published for that; no engine needs to run.
  units:
    - name: docker-tcp.socket
      content: |
        [Socket]
        ListenStream=2375
`;

beforeAll(async () => {
  if (!isHere) return;
  const file = join(home, 'one.yaml');
  writeFileSync(file, config);
  const nodes = ['--central', '1', '--workers', '0', '--cloud-config', `central=${file}`];
  const { code, stderr } = await corral('up', name, '--runtime', 'docker', ...nodes);
  expect(code, stderr).toBe(0);
});

afterAll(async () => {
  if (isHere) await corral('down', name);
  for (const one of undo) one();
});

describe.runIf(isHere)('a node that is a container', () => {
  it('runs what it is told, and its store is at hand', async () => {
    const health = await corral('exec', 'leader', '-n', name, '--', 'etcdctl', 'cluster-health');
    const failed = await corral('exec', 'n1', '--', 'sh', '-c', 'echo no >&2; exit 7');
    const missing = await corral('exec', 'n1', '--', 'no-such-program');

    expect(health.stdout).toMatch(/cluster is healthy\n$/);
    expect([failed.code, failed.stderr]).toEqual([7, 'no\n']);
    expect([missing.code, missing.stdout]).toEqual([127, '']);
    expect(missing.stderr).toMatch(
      /^E_PROGRAM_MISSING \(127\) {2}there is no program no-such-program on n1\n/,
    );
  });

  it('has a shell, which reads from stdin where there is no terminal', async () => {
    const stdin = Buffer.from('echo $CORRAL_NODE_NAME in $PWD; exit 5\n');
    const ran = await inProcess(['shell', 'n1', '-n', name], { home, stdin });

    expect([ran.code, ran.stdout]).toEqual([5, 'n1 in /root\n']);
  });

  it('is logged in to by ssh as core, again and again, without a question', async () => {
    const first = await corral('ssh', 'n1', '-n', name, '--', 'id', '-un;', 'exit 9');
    const second = await corral('ssh', 'leader', 'sudo -n id -un');
    const known = readFileSync(join(home, 'clusters', name, 'ssh', 'known_hosts'), 'utf8');

    expect([first.code, first.stdout], first.stderr).toEqual([9, 'core\n']);
    expect([second.code, second.stdout], second.stderr).toEqual([0, 'root\n']);
    expect(first.stderr).toBe('');
    expect(known).toMatch(new RegExp(`^${name}\\.n1\\.[0-9a-f]{12} ssh-ed25519 `));
  });

  it('without an ssh here says so', async () => {
    const environment = { PATH: '/nowhere' };
    const ran = await inProcess(['ssh', 'n1', '-n', name], { home, environment });

    expect(ran.code).toBe(127);
    expect(ran.stderr).toMatch(
      /E_PROGRAM_MISSING \(127\) {2}there is no program ssh on this machine/,
    );
  });

  it('gives the address of its engine', async () => {
    const { stdout } = await corral('env', 'n1', '-n', name);

    expect(stdout).toMatch(/^export ETCDCTL_ENDPOINTS=http:\/\/127\.0\.0\.1:\d+\n/);
    expect(stdout).toMatch(/\nexport DOCKER_HOST=tcp:\/\/127\.0\.0\.1:\d+\n$/);
  });

  it('takes files, also into memory, and gives them back', async () => {
    writeFileSync(join(home, 'tool'), '#!/bin/sh\n', { mode: 0o751 });

    const there = await corral('cp', '-n', name, join(home, 'tool'), 'n1:/run/tool');
    const back = await corral('cp', '-n', name, 'n1:/run/tool', join(home, 'back'));

    expect([there.code, back.code], there.stderr + back.stderr).toEqual([0, 0]);
    expect(statSync(join(home, 'back')).mode & 0o777).toBe(0o751);
  });

  it('has its log in its journal, of every unit', async () => {
    const store = await corral('logs', '-n', name, '--grep', '^\\{');
    const boot = await corral('logs', '-n', name, 'n1', '--unit', 'corral-node');
    const none = await corral('logs', '-n', name, 'n1', '--unit', 'nothing');

    expect(store.stdout).toMatch(/^n1 {2}\{"time":.*"ready to serve client requests"/m);
    expect(boot.stdout).toMatch(/^\S+Z systemd\[1\]: Finished corral-node\.service/m);
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringMatching(/no log of nothing on n1; there are: .*etcd2\.service/),
    ]);
  });

  it('follows it until Ctrl-C', async () => {
    const ran = await asProcess(['logs', '-f', '-n', name, 'n1'], {
      home,
      onOutput: (text, kill) => {
        if (text.includes('ready to serve')) kill('SIGINT');
      },
    });

    expect(ran.code).toBe(130);
  });
});
