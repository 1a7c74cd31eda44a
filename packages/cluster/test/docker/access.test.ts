// Programs, files and logs of a node that is a container, and how ssh and docker reach it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { poll, systemClock } from '@corral/kit';
import { RecordingLog } from '@corral/kit/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ends, NodeAccess } from '../../src/access.js';
import { chooseDockerPlan } from '../../src/docker/choose-plan.js';
import { execIn } from '../../src/docker/exec.js';
import { engineName, keyOf } from '../../src/docker/labels.js';
import { DockerRuntime } from '../../src/docker/runtime.js';
import { openAccess } from '../../src/open-access.js';
import type { ClusterPlan } from '../../src/plan.js';
import { runHere } from '../../src/run-here.js';
import type { NodeHandle, NodeState } from '../../src/runtime.js';
import { ClusterState } from '../../src/state.js';
import { stoppedStatus } from '../../src/status.js';
import { copyFiles } from '../../src/copy.js';
import { filesBelow } from '../../src/tar-here.js';
import { describeAccess } from '../access.contract.js';
import { keptEnds } from '../support/ends.js';
import { containersHere } from './engine-here.js';

const here = await containersHere();
const home = mkdtempSync(join(tmpdir(), 'corral-access-'));
const state = new ClusterState(home, `access-${process.pid}`);
const central = {
  file: 'alone.yaml',
  text: `#cloud-config
coreos:
  etcd2:
    initial-cluster: alone=http://$private_ipv4:2380
    name: alone
    initial-advertise-peer-urls: http://$private_ipv4:2380
    listen-peer-urls: http://$private_ipv4:2380
    listen-client-urls: http://$private_ipv4:2379
    advertise-client-urls: http://$private_ipv4:2379
  # A port that a socket unit opens is published; nobody needs to listen there for that.
  units:
    - name: opens.socket
      content: |
        [Socket]
        ListenStream=2375
`,
};
let plan: ClusterPlan;
let runtime: DockerRuntime | undefined;
let nodes: readonly NodeHandle[] = [];

const open = (name: string, nodeState: NodeState, container: string | null = null): NodeAccess => {
  const node = stoppedStatus(plan).nodes.find((one) => one.name === name);
  return openAccess({
    state,
    plan,
    node: { ...node!, state: nodeState, container },
    environment: process.env,
  });
};
const run = (...words: readonly string[]): ReturnType<typeof execIn> =>
  execIn(here!.engine, engineName(keyOf(state), 'n1'), words);

beforeAll(async () => {
  if (here === undefined) return;
  const spec = { central: 1, workers: 1, ignoreUnknown: false, runtime: 'docker' as const };
  const cloudConfigs = { central };
  const name = `access-${process.pid}`;
  ({ plan } = await chooseDockerPlan(here.engine, home, { ...spec, name, cloudConfigs }, []));
  state.writePlan(plan);
  runtime = new DockerRuntime({
    engine: here.engine,
    key: keyOf(state),
    plan,
    folder: state.folder,
    image: here.image,
    isNew: true,
    clock: systemClock,
    logger: new RecordingLog(),
  });
  nodes = plan.nodes.map((node) => runtime!.create(node));
  await runtime.discovery.start();
  await runtime.setPlan(plan);
  await nodes[0]!.start();
  // A worker that finds no cluster waits for ever: it is killed as soon as it is there.
  const worker = nodes[1]!;
  const starting = worker.start().catch(() => undefined);
  const isThere = async (): Promise<true | undefined> =>
    (await worker.inspect({ units: false })).state === 'running' ? true : undefined;
  await poll(isThere, { clock: systemClock, what: 'the worker to run', timeoutMs: 60_000 });
  await worker.kill();
  await starting;
}, 120_000);

afterAll(async () => {
  await runtime?.close(true);
  rmSync(home, { recursive: true, force: true });
}, 60_000);

if (here !== undefined) {
  describeAccess('docker', () => ({
    access: open('n1', 'running'),
    // Made, and killed before it served.
    stopped: open('w1', 'killed'),
    say: async (unit, lines) => {
      const script = lines.map((line) => `echo '${line}'`).join('; ');
      const words = ['systemd-run', '-q', '--wait', `--unit=${unit}`, 'sh', '-c', script];
      const { code, stderr } = await run(...words);
      expect(code, stderr).toBe(0);
      await run('journalctl', '--sync');
    },
  }));
}

describe.runIf(here !== undefined)('a program in a container', () => {
  /** A terminal of 100 columns that keeps what is shown. */
  const terminal = () => {
    const raw: boolean[] = [];
    const stdin = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (on: boolean) => raw.push(on),
    });
    const kept = keptEnds(stdin);
    const stdout = Object.assign(kept.stdout, { isTTY: true, columns: 100, rows: 40 });
    const ends: Ends = { stdin, stdout, stderr: kept.stderr };
    return { ends, stdin, stdout, raw, kept };
  };

  it('has a terminal where the caller has one, raw while it runs, of the same size', async () => {
    const { ends, stdin, stdout, raw, kept } = terminal();
    const script =
      'tty; echo $TERM; for i in 1 2 3 4 5 6 7 8 9; do stty size; read line || exit 3; ' +
      'test "$line" != end || exit 4; done';

    const running = open('n1', 'running').run(['sh', '-c', script], ends);
    await kept.said(/40 100\r\n/);
    const during = [...raw];
    Object.assign(stdout, { columns: 120, rows: 50 });
    stdout.emit('resize');
    await poll(
      async () => {
        stdin.write('\n');
        await systemClock.sleep(100);
        return kept.out().includes('50 120\r\n') ? true : undefined;
      },
      { clock: systemClock, what: 'the new size', timeoutMs: 20_000 },
    );
    stdin.write('end\n');

    expect(await running).toBe(4);
    expect(kept.out()).toMatch(/^\/dev\/pts\/\d+\r\n/);
    expect([during, raw]).toEqual([[true], [true, false]]);
    expect(stdout.listenerCount('resize')).toBe(0);
  });

  it('gets Ctrl-C as a key, and the end of a shell is its exit code', async () => {
    const { ends, stdin, kept } = terminal();

    const shell = open('n1', 'running').shell(ends);
    await kept.said(/n1:~# /);
    stdin.write("sh -c 'echo at $PWD; exec sleep 60'\n");
    await kept.said(/\r\n.*at \/root\r\n/s);
    stdin.write('\u0003');
    // What is typed before the next prompt goes with it.
    await kept.said(/\^C[^]*n1:~# /);
    stdin.write('echo $?; exit 6\n');

    expect(await shell).toBe(6);
    expect(kept.out()).toContain('130\r\n');
  });

  it('is root, and in the environment of logins', async () => {
    const ends = keptEnds();

    await open('n1', 'running').run(['sh', '-c', 'id -u; pwd; etcdctl cluster-health'], ends);

    expect(ends.out(), ends.err()).toMatch(/^0\n\/\nmember .*cluster is healthy\n$/s);
  });

  it('sees what is mounted in memory, and files go there', async () => {
    const access = open('n1', 'running');
    const file = join(home, 'file');
    writeFileSync(file, 'text\n');

    await copyFiles(
      { side: filesBelow('/', ''), path: file },
      { side: access.files, path: '/run/file' },
    );

    expect((await run('cat', '/run/file')).stdout).toBe('text\n');
  });
});

describe.runIf(here !== undefined)('the journal of a container', () => {
  it('says of lines of others when they came and from whom', async () => {
    await run('systemd-run', '-q', '--wait', '--unit=plain.service', 'echo', 'hello there');
    await run('journalctl', '--sync');

    const lines = await open('n1', 'running').lastLines('plain.service', 50);

    expect(lines.filter((text) => !text.includes(' systemd[1]: '))).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z echo\[\d+\]: hello there$/),
    ]);
  });

  it('leaves nothing running inside when it is followed no more', async () => {
    const source = open('n1', 'running').log({ unit: 'etcd2.service', follow: true });
    await source.more();
    const during = await poll(
      async () => {
        const { stdout } = await run('pgrep', '-c', 'journalctl');
        return stdout.trim() === '0' ? undefined : stdout.trim();
      },
      { clock: systemClock, what: 'journalctl inside', timeoutMs: 10_000 },
    );

    source.close();
    const after = await poll(
      async () => ((await run('pgrep', '-c', 'journalctl')).stdout.trim() === '0' ? 0 : undefined),
      { clock: systemClock, what: 'its end', timeoutMs: 10_000 },
    );

    expect([during, after]).toEqual(['1', 0]);
  });
});

describe.runIf(here !== undefined)('from outside', () => {
  it('ssh logs in as core with the key of the cluster, and keeps the key of the node', async () => {
    const target = await open('n1', 'running', 'abc').ssh();
    const ends = keptEnds();
    const words = ['ssh', '-F', 'none', '-i', target.identityFile ?? '', '-o', 'BatchMode=yes'];
    words.push('-o', `UserKnownHostsFile=${target.knownHostsFile}`);
    words.push('-o', `HostKeyAlias=${target.alias}`, '-o', 'StrictHostKeyChecking=accept-new');
    words.push('-p', String(target.port), '-l', target.user, target.host, 'id -un; exit 9');

    const code = await runHere(words, ends, { cwd: '/', env: process.env, where: 'here' });

    expect([code, ends.out()], ends.err()).toEqual([9, 'core\n']);
    expect(target).toMatchObject({
      host: '127.0.0.1',
      alias: `${plan.name}.n1.abc`,
      knownHostsFile: join(state.folder, 'ssh', 'known_hosts'),
    });
  });

  it('a node that is down has neither ssh nor an engine', async () => {
    await expect(open('n1', 'paused').ssh()).rejects.toMatchObject({ code: 'E_FAILED' });
    await expect(open('n1', 'killed').dockerHost()).rejects.toMatchObject({ code: 'E_FAILED' });
  });

  it('an engine is reached at the port that 2375 is published as', async () => {
    const port = plan.nodes[0]!.published?.['2375'];

    expect(await open('n1', 'running').dockerHost()).toBe(`tcp://127.0.0.1:${port}`);
  });

  it('a node whose port 2375 is not published says so', async () => {
    await expect(open('w1', 'running').dockerHost()).rejects.toMatchObject({
      code: 'E_NODE_LACKS',
      message: 'port 2375 of w1 is not published: it has no Docker engine that listens there',
      remedies: ['give it a socket unit that listens on 2375', `corral shell w1 -n ${plan.name}`],
    });
  });
});

// The last one: it stops the node.
it.runIf(here !== undefined)(
  'a log outlives its node, and goes on with its next life',
  async () => {
    const source = open('n1', 'running').log({ unit: 'etcd2.service', follow: true });
    const first = await source.more();
    await nodes[0]!.kill();

    const dead = open('n1', 'killed');
    const whole = dead.log({ unit: 'etcd2.service', follow: false });
    const read = await whole.more();
    const last = await dead.lastLines('etcd2.service', 1);
    await nodes[0]!.start();
    const next = await poll(
      async () => {
        const lines = await source.more();
        return lines.length > 0 ? lines : undefined;
      },
      { clock: systemClock, what: 'its next life', timeoutMs: 20_000 },
    );
    source.close();

    expect(first.length).toBeGreaterThan(3);
    expect(read.slice(0, first.length)).toEqual(first);
    expect(last).toEqual([read.at(-1)!.text]);
    expect(first.map(({ text }) => text)).not.toContain(next[0]!.text);
  },
);
