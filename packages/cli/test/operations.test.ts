// One small cluster: forms of output, which cluster is meant, dry runs, consent, time-outs, following
// logs, Ctrl-C. In this process where that is enough, since that is quicker.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { asProcess, inProcess, newHome } from './run.js';
import type { Ran } from './run.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const undo: (() => void)[] = [];
const home = newHome((one) => undo.push(one));
const corral = (...words: readonly string[]): Promise<Ran> => inProcess(words, { home });
const small = ['--central', '1', '--workers', '1'];
const planFile = join(home, 'clusters', 'ops', 'plan.json');
const logFile = join(home, 'clusters', 'ops', 'nodes', 'n1', 'log', 'etcd2.service.log');

beforeAll(async () => {
  const { code, stderr } = await corral('up', 'ops', ...small);
  expect(code, stderr).toBe(0);
});

afterAll(async () => {
  await corral('down', '--all');
  for (const one of undo) one();
});

describe('forms of output', () => {
  it('-o name is a line each, -o yaml reads back, -o wide tells more', async () => {
    expect((await corral('ls', '-o', 'name')).stdout).toBe('ops\n');
    expect((await corral('node', 'ls', '-o', 'name')).stdout).toBe('n1\nw1\n');
    expect((await corral('status', '-o', 'name')).stdout).toBe('n1\nw1\n');
    expect((await corral('fault', 'ls', '-o', 'name')).stdout).toBe('');
    expect((await corral('status', '-o', 'yaml')).stdout).toMatch(/^schema: 1\nname: ops\n/);
    expect((await corral('status', '-o', 'wide')).stdout).toMatch(/STORE +HOSTNAME +PID +MEMBER/);
    expect((await corral('ls', '-o', 'wide')).stdout).toContain(join(home, 'clusters', 'ops'));
  });

  it('what does something knows fewer forms, and names them', async () => {
    const { code, stderr } = await corral('stop', '-o', 'wide');

    expect(code).toBe(2);
    expect(stderr).toContain('-o wide: table, json, yaml are there');
    expect((await corral('status', '-o', 'json')).stdout).toContain('"state":"healthy"');
  });

  it('node inspect tells all of a node, as lines and as an object', async () => {
    const { stdout } = await corral('node', 'inspect', 'n1');
    const json = JSON.parse((await corral('node', 'inspect', 'n1', '-o', 'json')).stdout) as object;

    expect(stdout).toMatch(/^name +n1\ncluster +ops\nrole +central\nstate +running\n/);
    expect(stdout).toContain(logFile);
    expect(json).toMatchObject({ name: 'n1', cluster: 'ops', state: 'running', log: logFile });
    expect((await corral('node', 'inspect', 'n9')).stderr).toContain('E_UNKNOWN_NODE (3)');
  });

  it('a screen cuts long lines and has symbols of its locale; JSON is never cut', async () => {
    const terminal = { screen: true, width: 40, unicode: false };
    const { stdout } = await inProcess(['status'], { home, terminal });
    const json = await inProcess(['status', '-o', 'json'], { home, terminal });

    const table = stdout.split('\n').filter((line) => /^(NODE|n1|w1)/.test(line));
    expect(table.map((line) => line.length)).toEqual([42, 42, 42]);
    expect(table[0]).toMatch(/\.\.\.$/);
    expect(() => JSON.parse(json.stdout) as unknown).not.toThrow();
  });
});

describe('which cluster', () => {
  it('is told on stderr when it was not named, and why it', async () => {
    const alone = await corral('status');
    const named = await corral('status', '-n', 'ops');
    const quiet = await corral('status', '-q');
    const environment = { CORRAL_NAME: 'ops' };
    const fromEnvironment = await inProcess(['status'], { home, environment });

    expect(alone.stderr).toBe('cluster "ops" (the only one)\n');
    expect(fromEnvironment.stderr).toBe('cluster "ops" (CORRAL_NAME)\n');
    expect([named.stderr, quiet.stderr]).toEqual(['', '']);
  });

  it('of several it is the only one that runs, else "default"', async () => {
    const other = join(home, 'clusters', 'default');
    const plan = readFileSync(planFile, 'utf8').replaceAll('"ops"', '"default"');
    mkdirSync(other);
    writeFileSync(join(other, 'plan.json'), plan);

    const { stderr } = await corral('status');
    rmSync(other, { recursive: true });

    expect(stderr).toBe('cluster "ops" (the only one that runs)\n');
  });

  it('two different names are refused', async () => {
    const { code, stderr } = await corral('status', 'ops', '-n', 'other');
    const all = await corral('down', 'ops', '--all');

    expect(code).toBe(2);
    expect(stderr).toContain('which cluster: "ops", or "other" of --name? Give one of them');
    expect(all.stderr).toContain('which clusters: "ops", or --all? Give one of them');
  });
});

describe('what destroys', () => {
  it('--dry-run says what would go, and nothing goes', async () => {
    const down = await corral('down', 'ops', '--dry-run');
    const rm = await corral('node', 'rm', 'w1', '--dry-run', '-n', 'ops');
    const recreate = await corral('up', 'ops', '--recreate', '--dry-run');
    const plain = await corral('up', 'ops', '--dry-run');
    const fresh = await corral('up', 'new', '--dry-run');

    expect(down.stdout).toMatch(/^would remove 2 nodes of ops \(n1 w1\), [\d.]+ MiB in \//);
    expect(rm.stdout).toMatch(/^would remove w1 \(worker\) with [\d.]+ \w+ of data\n$/);
    expect(recreate.stdout).toMatch(
      /^would remove "ops": 2 nodes with [\d.]+ MiB of data\nwould boot "ops" with 3 central nodes/,
    );
    expect(plain.stdout).toBe('would leave "ops" with its 2 nodes\n');
    expect(fresh.stdout).toBe('would boot "new" with 3 central nodes and 2 workers\n');
    expect((await corral('status', '-o', 'json')).stdout).toContain('"state":"healthy"');
  });

  it('up --dry-run refuses what up refuses, and prints one object with -o json', async () => {
    const name = await corral('up', 'BAD NAME', '--dry-run');
    const many = await corral('up', 'new', '--central', '500', '--dry-run');
    const other = await corral('up', 'ops', '--central', '3', '--dry-run');
    const same = await corral('up', 'ops', '--dry-run', '-o', 'json');
    const fresh = await corral('up', 'new', '--dry-run', '-o', 'json');

    expect([name.code, many.code, other.code]).toEqual([8, 8, 4]);
    expect(other.stderr).toContain('central: 1 -> 3');
    expect(JSON.parse(same.stdout)).toMatchObject({ name: 'ops', would: 'leave', removes: false });
    expect(JSON.parse(fresh.stdout)).toMatchObject({ name: 'new', would: 'boot', central: 3 });
  });

  it('up --recreate asks where there is somebody; no answer keeps the cluster', async () => {
    const questions: string[] = [];
    const ask = (question: string): Promise<string> => {
      questions.push(question);
      return Promise.resolve('');
    };

    const { code, stderr } = await inProcess(['up', 'ops', '--recreate', ...small], { home, ask });

    expect(code).toBe(1);
    expect(questions[0]).toMatch(/^This removes "ops": 2 nodes with [\d.]+ MiB of data\. Go on\?/);
    expect(stderr).toContain('not confirmed: "ops" was left as it is');
    expect((await corral('status', '-o', 'json')).stdout).toContain('"state":"healthy"');
  });

  it('up --recreate with a bad cloud-config removes nothing', async () => {
    const file = join(home, 'bad.yaml');
    writeFileSync(file, '#cloud-config\ncoreos:\n  etcd2: [1, 2\n');

    const words = ['up', 'ops', '--recreate', '--yes', '--cloud-config', `central=${file}`];
    const { code } = await corral(...words);

    expect(code).toBe(8);
    expect((await corral('status', '-o', 'json')).stdout).toContain('"state":"healthy"');
  });
});

describe('time and interruption', () => {
  it('node add that takes too long is taken back, and says what it waited for', async () => {
    const { code, stderr } = await corral('node', 'add', '-n', 'ops', '--timeout', '1ms');

    expect(code).toBe(6);
    expect(stderr).toMatch(/E_TIMEOUT \(6\) {2}corral node add did not end within 1ms/);
    expect(stderr).toContain('The node is taken back');
    expect((await corral('node', 'ls', '-o', 'name')).stdout).toBe('n1\nw1\n');
  });

  it('up that takes too long is undone before the command ends', async () => {
    const { code, stderr } = await corral('up', 'late', ...small, '--timeout', '150ms');

    expect(code).toBe(6);
    expect(stderr).toMatch(/corral up did not end within 150ms.*What was made is undone/);
    expect(stderr).toContain('give it more time: --timeout 2m');
    expect(existsSync(join(home, 'clusters', 'late'))).toBe(false);
  });

  it('status -w and logs -f end with 130 at Ctrl-C', async () => {
    const over = AbortSignal.timeout(300);
    const watched = await inProcess(['status', '-w', '-n', 'ops'], { home, signal: over });
    const followed = await inProcess(['logs', '-f', '-n', 'ops'], {
      home,
      signal: AbortSignal.timeout(300),
    });

    expect([watched.code, followed.code]).toEqual([130, 130]);
    expect(watched.stdout.match(/HEALTHY/g)?.length).toBe(1);
    expect(followed.stdout).toMatch(/^n1 {2}\{"time"/m);
  });

  it('logs -f prints what comes, also of a unit whose log appears later', async () => {
    const late = join(dirname(logFile), 'late.service.log');
    let shown = '';
    const ran = await asProcess(['logs', '-f', 'n1', '--unit', 'late', '-n', 'ops'], {
      home,
      onOutput: (text, kill) => {
        shown += text;
        if (text.includes('waiting for it')) appendFileSync(late, 'it came\n');
        if (shown.includes('it came\n')) kill('SIGINT');
      },
    });

    expect(ran.stderr).toBe('no log of late on n1 yet; waiting for it\n');
    expect(ran.stdout).toBe('it came\n');
    expect(ran.code).toBe(130);
  });

  it('logs knows etcd, etcd2 and etcd2.service as one unit', async () => {
    const forms = ['etcd', 'etcd2', 'etcd2.service'].map((unit) =>
      corral('logs', 'n1', '-n', 'ops', '--unit', unit, '--grep', 'starting member'),
    );
    const [one, two, three] = (await Promise.all(forms)).map(({ stdout }) => stdout);

    expect(one).toMatch(/starting member/);
    expect([two, three]).toEqual([one, one]);
  });

  it('etcdctl on a stopped cluster says that it is stopped', async () => {
    await corral('stop', 'ops');

    const { code, stderr } = await corral('etcdctl', '-n', 'ops', 'ls');

    expect(code).toBe(1);
    expect(stderr).toMatch(/"ops" is stopped: no store answers\n +fix +corral start ops/);
    expect((await corral('status', 'ops')).stdout).toContain('next: corral start -n ops');
  });
});
