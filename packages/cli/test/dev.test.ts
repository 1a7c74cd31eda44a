// corral dev on one small cluster: what it says, what it refuses, watching, and the way back. Sources
// are a small tree of their own, whose store is the real one with another version.
import { cpSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { asProcess, inProcess, newHome } from './run.js';
import type { Ran } from './run.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const repository = join(import.meta.dirname, '..', '..', '..');
const undo: (() => void)[] = [];
const home = newHome((one) => undo.push(one));
const tree = join(
  newHome((one) => undo.push(one)),
  'tree',
);
const versionFile = join(tree, 'packages/kv-raft/src/version.ts');
const corral = (...words: readonly string[]): Promise<Ran> => inProcess(words, { home });

function copyTree(): void {
  for (const name of readdirSync(join(repository, 'packages'))) {
    mkdirSync(join(tree, 'packages', name), { recursive: true });
    for (const part of ['src', 'package.json']) {
      const path = join('packages', name, part);
      cpSync(join(repository, path), join(tree, path), { recursive: true });
    }
  }
  cpSync(join(repository, 'tsconfig.base.json'), join(tree, 'tsconfig.base.json'));
  cpSync(join(repository, 'package.json'), join(tree, 'package.json'));
  symlinkSync(join(repository, 'node_modules'), join(tree, 'node_modules'));
}

const original = readFileSync(join(repository, 'packages/kv-raft/src/version.ts'), 'utf8');

/** The store of the tree says this version, whatever else its file says. */
function setVersion(version: string, more = ''): void {
  writeFileSync(versionFile, `${original.replace('2.3.8', version)}${more}`);
}

type Report = {
  readonly code: string;
  readonly nodes: readonly { readonly node: string; readonly was: string; readonly ms: number }[];
  readonly types: { readonly problems: readonly { readonly file: string }[] } | null;
  readonly timings: Readonly<Record<string, number>>;
};

async function versionOf(node: string): Promise<string> {
  const status = JSON.parse((await corral('status', '-o', 'json')).stdout) as {
    readonly nodes: readonly { readonly name: string; readonly clientUrls: readonly string[] }[];
  };
  const [url = ''] = status.nodes.find(({ name }) => name === node)?.clientUrls ?? [];
  return (await (await fetch(`${url}/version`)).text()).replace(
    /.*"etcdserver":"([^"]*)".*/s,
    '$1',
  );
}

beforeAll(async () => {
  copyTree();
  const { code, stderr } = await corral('up', 'hack', '--central', '1', '--workers', '1');
  expect(code, stderr).toBe(0);
});

afterAll(async () => {
  await corral('down', '--all');
  for (const one of undo) one();
});

describe('corral dev', () => {
  it('puts code into all nodes that run it, tells each step, and what is live where', async () => {
    setVersion('2.3.50');

    const { code, stdout, stderr } = await corral('dev', 'kv-raft', '--no-check', '--from', tree);

    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^kv-raft [0-9a-f]{12} is live on w1 n1 · [\d.]+ s, build [\d.]+ s\n$/);
    expect(stderr).toMatch(/ ok build +[0-9a-f]{12} · \d+ modules, \d+ KiB/);
    expect(stderr).toMatch(/ ok w1 +installed code → [0-9a-f]{12} · serves/);
    expect(stderr).toMatch(/ ok n1 +installed code → [0-9a-f]{12} · leader, term \d+, applied \d+/);
    expect(stderr).toContain('1 central nodes: writes wait while one of them restarts');
    expect(await versionOf('n1')).toBe('2.3.50');
  });

  it('leaves alone what runs the same code', async () => {
    setVersion('2.3.51');
    await corral('dev', 'etcd2', 'n1', '--no-check', '--from', tree);

    const { stdout } = await corral('dev', 'etcd2', 'n1', '--no-check', '--from', tree);

    expect(stdout).toMatch(/^no change: kv-raft [0-9a-f]{12} is on n1 already\n$/);
  });

  it('-o json is one object: code, nodes, times and the errors of types, which stop nothing', async () => {
    setVersion('2.3.52', `export const wrong: number = 'text';\n`);

    const { code, stdout, stderr } = await corral(
      ...['dev', 'kv-raft', 'worker', '--from', tree, '-o', 'json'],
    );

    const report = JSON.parse(stdout) as Report;
    expect(code, stderr).toBe(0);
    expect(report).toMatchObject({
      schema: 1,
      cluster: 'hack',
      component: 'kv-raft',
      program: 'etcd2',
      nodes: [{ node: 'w1', now: report.code }],
      skipped: [],
      types: { state: 'checked', problems: [{ file: 'packages/kv-raft/src/version.ts' }] },
    });
    expect(Object.keys(report.timings)).toEqual(['build', 'roll', 'total']);
    expect(stderr).toMatch(/ ok types +1 error; the code runs all the same/);
    expect(stderr).toMatch(/warning  packages\/kv-raft\/src\/version\.ts:\d+:14: TS2322: /);
    expect((await corral('status', '-o', 'wide')).stdout).toContain(`etcd2 ${report.code} `);
  });

  it('what does not build touches no node, and is told with file, line and column', async () => {
    const before = await versionOf('n1');
    setVersion('2.3.53', 'const = 1;\n');

    const { code, stdout, stderr } = await corral('dev', 'kv-raft', '--no-check', '--from', tree);

    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(
      /E_DEV_BUILD \(1\) {2}kv-raft does not build: packages\/kv-raft\/src\/version\.ts:\d+:7: /,
    );
    expect(stderr).toContain('corral help E_DEV_BUILD');
    expect(await versionOf('n1')).toBe(before);
  });

  it('code that ends at once is taken back, with the end of its log; exit code 1', async () => {
    setVersion('2.3.54');
    await corral('dev', 'kv-raft', '--no-check', '--from', tree);
    setVersion('2.3.55', `process.exit(7);\n`);

    const { code, stderr } = await corral('dev', 'kv-raft', 'n1', '--no-check', '--from', tree);

    expect(code).toBe(1);
    expect(stderr).toMatch(
      /E_DEV_WORSE \(1\) {2}kv-raft [0-9a-f]{12} makes n1 worse: etcd2\.service/,
    );
    expect(stderr).toMatch(/exited with 7.*n1 has [0-9a-f]{12} again/);
    expect(await versionOf('n1')).toBe('2.3.54');
  });

  it('--reset takes it away, on one node or on all; status -o wide tells who has what', async () => {
    setVersion('2.3.56');
    await corral('dev', 'kv-raft', '--no-check', '--from', tree);
    const both = await corral('status', '-o', 'wide');

    const one = await corral('dev', '--reset', 'w1');
    const mixed = await corral('status', '-o', 'wide');
    const rest = await corral('dev', '--reset', '-o', 'json');
    const nothing = await corral('dev', '--reset');

    expect(both.stdout.match(/ etcd2 [0-9a-f]{12} /g)).toHaveLength(2);
    expect(one.stdout).toMatch(/^installed code of kv-raft again on w1 · [\d.]+ s\n$/);
    expect(mixed.stdout).toMatch(/^n1 .* etcd2 [0-9a-f]{12} +-$/m);
    expect(mixed.stdout).toMatch(/^w1 .* - +-$/m);
    expect(JSON.parse(rest.stdout)).toMatchObject({
      cluster: 'hack',
      reset: [{ component: 'kv-raft', nodes: [{ node: 'n1', now: null }] }],
    });
    expect(nothing.stdout).toBe('nothing to take away: all of it is installed code\n');
    expect(await versionOf('n1')).toBe('2.3.8');
  });

  it('of the client restarts nothing, and is what exec finds on the node', async () => {
    const before = (await corral('status', '-o', 'json')).stdout;
    const words = ['exec', '-n', 'hack', 'n1', '--', 'which', 'etcdctl'];

    const { stdout } = await corral('dev', 'etcdctl', '--no-check', '--from', tree);
    const found = await asProcess(words, { home });
    await corral('dev', '--reset', 'etcdctl');
    const after = await asProcess(words, { home });

    const pids = (text: string): unknown => text.match(/"pid":\d+/g);
    expect(found.stdout).toContain('/n1/root/usr/lib/corral/dev/bin/etcdctl');
    expect(after.stdout).not.toContain('/usr/lib/corral/dev');
    expect(stdout).toMatch(/^etcd-client [0-9a-f]{12} is installed on w1 n1 · /);
    expect(pids((await corral('status', '-o', 'json')).stdout)).toEqual(pids(before));
  });

  it.each([
    [['dev'], 2, /E_USAGE \(2\) {2}which component\? kv-raft, discovery-service, cloudinit/],
    [
      ['dev', 'fleet'],
      2,
      /no component "fleet"\. Components: kv-raft \(etcd2, proxy, raft, store\)/,
    ],
    [
      ['dev', 'kv-raft', '--from', '/proc'],
      5,
      /E_DEV_TREE \(5\) {2}no working tree of Corral at \/proc/,
    ],
    [['dev', 'kv-raft', 'n9'], 3, /E_UNKNOWN_NODE \(3\)/],
    [['dev', 'discovery', 'n1'], 2, /discovery-service runs on no node: name none/],
    [['dev', '--reset', '--watch'], 2, /--reset and --watch: give one of them/],
  ] as const)('corral %j is refused', async (words, exitCode, message) => {
    const { code, stdout, stderr } = await corral(...words);

    expect([code, stdout]).toEqual([exitCode, '']);
    expect(stderr).toMatch(message);
  });
});

describe('corral dev --watch', () => {
  it('rolls at each change, keeps the running code when a build fails, and ends with Ctrl-C', async () => {
    // Types take longer than all of this: no change waits for those of the one before.
    const words = ['dev', 'kv-raft', 'n1', '--watch', '--from', tree];
    const failed: string[] = [];
    let live = 0;
    setVersion('2.3.60');

    const { code, stdout, stderr } = await asProcess([...words, '-n', 'hack'], {
      home,
      onOutput: (text, kill) => {
        const isLive = /is live on n1/.test(text);
        if (isLive) live += 1;
        if (isLive && live === 1) setVersion('2.3.61', 'const = 1;\n');
        if (/E_DEV_BUILD \(1\)/.test(text)) {
          failed.push(text);
          setVersion('2.3.62');
        }
        if (isLive && live === 2) kill('SIGINT');
      },
    });

    expect(code, stderr).toBe(130);
    expect(stderr).toContain(`watching ${tree}/packages/*/src; Ctrl-C ends`);
    expect(stdout.match(/is live on n1/g)).toHaveLength(2);
    expect(failed).toHaveLength(1);
    expect(await versionOf('n1')).toBe('2.3.62');
  });
});
