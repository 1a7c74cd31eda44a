// exec, shell, ssh, cp, env of a node: on one small cluster of plain processes. What the access itself
// promises is tested in @corral/cluster.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readPlace } from '../src/commands/copy.js';
import { asProcess, inProcess, newHome } from './run.js';
import type { Ran } from './run.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const undo: (() => void)[] = [];
const home = newHome((one) => undo.push(one));
const environment = { PATH: process.env['PATH'] ?? '', HOME: home };
const corral = (...words: readonly string[]): Promise<Ran> =>
  inProcess(words, { home, environment });
const root = join(home, 'clusters', 'acc', 'nodes', 'n1', 'root');

beforeAll(async () => {
  const { code, stderr } = await corral('up', 'acc', '--central', '1', '--workers', '0');
  expect(code, stderr).toBe(0);
});

afterAll(async () => {
  await corral('down', '--all');
  for (const one of undo) one();
});

describe('exec', () => {
  it('finds the node by its role, and takes its own options before --', async () => {
    const ran = await corral('exec', 'leader', '-n', 'acc', '--', 'sh', '-c', 'pwd; exit 7');

    expect([ran.code, ran.stdout, ran.stderr]).toEqual([7, `${root}\n`, '']);
  });

  it('of a program that is not there ends with 127 and says so', async () => {
    const { code, stderr } = await corral('exec', 'n1', 'no-such-program');

    expect(code).toBe(127);
    expect(stderr).toMatch(
      /^E_PROGRAM_MISSING \(127\) {2}there is no program no-such-program on n1/,
    );
  });

  it('of a file that is no program ends with 126', async () => {
    const { code, stderr } = await corral('exec', 'n1', '--', './etc/hostname');

    expect(code).toBe(126);
    expect(stderr).toContain('E_PROGRAM_UNFIT (126)  ./etc/hostname on n1 cannot be run: EACCES');
  });

  it('hands a signal on to the program, and ends when that does', async () => {
    const script = 'trap "echo stopped; exit 9" TERM; echo ready; while :; do sleep 0.05; done';
    const ran = await asProcess(['exec', 'n1', '--', 'sh', '-c', script], {
      home,
      onOutput: (text, kill) => {
        if (text === 'ready\n') kill('SIGTERM');
      },
    });

    expect([ran.code, ran.stdout]).toEqual([9, 'ready\nstopped\n']);
  });
});

describe('shell', () => {
  it('reads its commands from stdin where there is no terminal', async () => {
    const stdin = Buffer.from('echo $CORRAL_NODE_NAME; exit 5\n');
    const ran = await inProcess(['shell', 'n1', '-n', 'acc'], { home, environment, stdin });

    expect([ran.code, ran.stdout]).toEqual([5, 'n1\n']);
  });
});

describe('ssh', () => {
  it('says that plain processes have no sshd, and what to use', async () => {
    const { code, stderr } = await corral('ssh', 'n1', '-n', 'acc', '--', 'uptime', '-p');

    expect(code).toBe(5);
    expect(stderr).toMatch(
      /^E_NODE_LACKS \(5\) {2}nodes that are plain processes have no sshd\n +fix +corral shell n1 -n acc\n/,
    );
  });
});

describe('env', () => {
  it('of a node without an engine says so', async () => {
    const { code, stderr, stdout } = await corral('env', 'n1');

    expect([code, stdout]).toEqual([5, '']);
    expect(stderr).toContain('E_NODE_LACKS (5)  n1 has no Docker engine');
  });

  it('takes away what it gave, of a node also DOCKER_HOST', async () => {
    const names = 'ETCDCTL_ENDPOINTS ETCDCTL_API CORRAL_NAME CORRAL_URL';

    expect((await corral('env', '--unset')).stdout).toBe(`unset ${names}\n`);
    expect((await corral('env', 'n1', '--unset')).stdout).toBe(`unset ${names} DOCKER_HOST\n`);
  });
});

describe('cp', () => {
  it('copies there and back; relative paths begin where the user is', async () => {
    writeFileSync(join(home, 'tool'), '#!/bin/sh\n', { mode: 0o751 });
    mkdirSync(join(home, 'back'));

    const there = await corral('cp', 'tool', 'n1:/opt-tool');
    const back = await corral('cp', 'leader:opt-tool', './back/', '-q');

    expect([there.code, back.code], there.stderr + back.stderr).toEqual([0, 0]);
    expect(there.stdout).toBe('');
    expect(there.stderr).toContain('copied tool to n1:/opt-tool\n');
    expect(statSync(join(root, 'opt-tool')).mode & 0o777).toBe(0o751);
    expect(readFileSync(join(home, 'back', 'opt-tool'), 'utf8')).toBe('#!/bin/sh\n');
    expect(back.stderr).toBe('');
  });

  it('- is an archive on stdout, and one on stdin', async () => {
    mkdirSync(join(root, 'from'), { recursive: true });
    mkdirSync(join(root, 'to'), { recursive: true });
    writeFileSync(join(root, 'from', 'a'), 'a\n');

    const out = await asProcess(['cp', 'n1:/from', '-', '-n', 'acc'], { home });
    const stdin = Buffer.from(out.stdout, 'latin1');
    const into = await inProcess(['cp', '-', 'n1:/to'], { home, environment, stdin });

    const names = spawnSync('tar', ['-t'], { input: stdin, encoding: 'utf8' }).stdout;
    expect(names).toBe('from/\nfrom/a\n');
    expect(into.code, into.stderr).toBe(0);
    expect(readFileSync(join(root, 'to', 'from', 'a'), 'utf8')).toBe('a\n');
  });

  it.each([
    [['cp', 'a', 'b'], 2, 'cp a b: one of them must be on a node: NODE:PATH'],
    [['cp', '-', '-'], 2, 'one of them must be on a node'],
    [['cp', 'n1:', 'b'], 2, 'n1:: a path is missing after the colon'],
    [['cp', 'n9:/a', 'b'], 3, 'E_UNKNOWN_NODE (3)'],
    [['cp', 'n1:/none', 'b'], 1, 'there is no n1:/none'],
  ])('%j is refused', async (words, code, message) => {
    const ran = await corral(...words);

    expect(ran.code).toBe(code);
    expect(ran.stderr).toContain(message);
  });

  it.each([
    ['n1:/etc', { node: 'n1', path: '/etc' }],
    ['leader:a:b', { node: 'leader', path: 'a:b' }],
    ['./n1:/etc', { node: undefined, path: './n1:/etc' }],
    ['/a:b', { node: undefined, path: '/a:b' }],
    ['a/b:c', { node: undefined, path: 'a/b:c' }],
    ['plain', { node: undefined, path: 'plain' }],
  ])('%s is read as %j', (text, place) => {
    expect(readPlace(text)).toEqual(place);
  });
});

it('nothing runs on a node that is down; its files and its log can be had', async () => {
  await corral('fault', 'kill', 'n1');

  const ran = await corral('exec', 'n1', '-n', 'acc', '--', 'true');
  const copied = await corral('cp', 'n1:/etc/hostname', '.');
  const logged = await corral('logs', 'n1', '--grep', 'starting member');

  expect(ran.code).toBe(1);
  expect(ran.stderr).toMatch(
    /E_FAILED \(1\) {2}n1 is killed: nothing can be run on it\n +fix +corral node start n1 -n acc\n/,
  );
  expect([copied.code, logged.code], copied.stderr).toEqual([0, 0]);
  expect(logged.stdout).toContain('starting member');
});
