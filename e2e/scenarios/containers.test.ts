// What only nodes with an operating system of their own have: the article's core-01 as printed, an
// engine inside, units of every kind, a reboot.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectGarbage, recoverClusters } from '@corral/cluster';
import { errorMessage, poll, systemClock } from '@corral/kit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { World, runtimes } from '../support/world.js';

const folder = join(import.meta.dirname, '../../examples/article');
const load = (name: string): { file: string; text: string } => {
  const file = join(folder, name);
  return { file, text: readFileSync(file, 'utf8') };
};
const runtime = 'docker';
const corral = join(import.meta.dirname, '../../packages/cli/bin/corral.js');

/** Asks over http; the answer's text, or why there is none. */
function ask(url: string): Promise<string> {
  return new Promise((resolve) => {
    const asked = request(url, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
    });
    asked.on('error', (error) => resolve(errorMessage(error)));
    asked.end();
  });
}

/** What the engine itself lists of the clusters of a home. */
function onEngine(home: string): string[] {
  const filter = ['--filter', `label=io.corral.home=${home}`];
  return [
    ['ps', '-aq'],
    ['network', 'ls', '-q'],
    ['volume', 'ls', '-q'],
  ]
    .map((words) =>
      execFileSync('docker', [...words, ...filter])
        .toString()
        .trim(),
    )
    .filter((text) => text !== '');
}

/** The pid of the keeper that holds a cluster of a home. */
function keeperOf(home: string): number | undefined {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      return words.includes('keeper-main') && words.includes(home);
    } catch {
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}

describe.runIf(runtimes.includes('docker'))('nodes with systemd', () => {
  it('core-01.yaml boots as printed, with an engine inside and what it cannot do reported', async () => {
    const cloudConfigs = { central: load('core-01.yaml') };
    await using world = await World.boot({ runtime, central: 1, workers: 0, cloudConfigs });
    const sh = (script: string) => world.run('core-01', ['sh', '-c', script]);

    const [node] = (await world.cluster.status()).nodes;
    const name = await sh('hostname');
    const file = await sh("stat -c '%a %U' /etc/conf.d/nfs; cat /etc/conf.d/nfs");
    const listens = await sh("ss -Hltn | awk '{print $4}'");
    const docker = await sh('curl -s http://127.0.0.1:2375/info');
    const journal = await sh('journalctl -o cat -u "user-cloudinit*" --no-pager');
    const access = world.cluster.access(await world.cluster.resolve('core-01'), process.env);
    const fromHere = (await access.dockerHost()).replace('tcp:', 'http:');
    const ping = await ask(`${fromHere}/_ping`);

    expect(node?.name).toBe('core-01');
    expect(node?.clientUrls).toHaveLength(2);
    expect(name.stdout).toBe('core-01\n');
    expect(file.stdout).toBe('644 root\nOPTS_RPC_MOUNTD=""\n');
    for (const port of [2375, 2379, 2380, 4001, 7001]) {
      expect(listens.stdout).toMatch(new RegExp(`:${port}$`, 'm'));
    }
    const info = JSON.parse(docker.stdout) as {
      readonly RegistryConfig: { readonly InsecureRegistryCIDRs: readonly string[] };
    };
    expect(info.RegistryConfig.InsecureRegistryCIDRs).toContain('0.0.0.0/0');
    expect(ping).toBe('OK');
    // Its key is none, and no reason to stop.
    expect(journal.stdout).toMatch(/SSH key of user core is not valid: "121313dqx1e123e12…"/);
    const units = new Map(node?.units.map((unit) => [unit.name, unit]));
    expect(units.get('etcd2.service')?.state).toBe('active');
    expect(units.get('docker-tcp.socket')?.state).toBe('active');
    expect(units.get('docker.service')?.state).toBe('active');
    expect(units.get('fleet.service')).toMatchObject({ state: 'skipped' });
  });

  it('a reboot inside brings the node back with its data, its member id and its addresses', async () => {
    await using world = await World.boot({ runtime, workers: 0 });
    const before = await world.leader();
    const client = await world.client();
    await client.keys.set('/kept', 'over a reboot');
    const started = await world.run(before.name, ['stat', '-c', '%Y', '/proc/1']);

    await world.run(before.name, ['systemctl', 'reboot']).catch(() => undefined);
    await poll(
      async () => {
        const now = await world
          .run(before.name, ['stat', '-c', '%Y', '/proc/1'])
          .catch(() => undefined);
        return now?.code === 0 && now.stdout !== started.stdout ? true : undefined;
      },
      { clock: systemClock, what: 'the node to come back', timeoutMs: 60_000 },
    );
    await world.healthy(60_000);
    const { nodes } = await world.cluster.status();
    const after = nodes.find((node) => node.name === before.name);
    await world.everywhere('/kept', 'over a reboot');

    expect(after).toMatchObject({
      memberId: before.memberId,
      address: before.address,
      clientUrls: before.clientUrls,
      container: before.container,
    });
  });

  it('runs timers, sockets and oneshots of a cloud-config as systemd does', async () => {
    const central = {
      file: 'units.yaml',
      text: `#cloud-config
coreos:
  etcd2:
    initial-cluster: one=http://$private_ipv4:2380
    name: one
    initial-advertise-peer-urls: http://$private_ipv4:2380
    listen-peer-urls: http://$private_ipv4:2380
    listen-client-urls: http://0.0.0.0:2379
    advertise-client-urls: http://$private_ipv4:2379
  units:
    - name: tick.timer
      command: start
      content: |
        [Timer]
        OnActiveSec=50ms
        AccuracySec=10ms
    - name: tick.service
      content: |
        [Service]
        Type=oneshot
        ExecStart=/bin/sh -c 'echo ticked >/var/lib/ticked'
    - name: echo.socket
      command: start
      content: |
        [Socket]
        ListenStream=7777
        Accept=yes
    - name: echo@.service
      content: |
        [Service]
        ExecStart=/bin/sh -c 'printf "HTTP/1.0 200 OK\\r\\n\\r\\nheard"'
        StandardInput=socket
        StandardOutput=socket
    - name: once.service
      command: start
      content: |
        [Unit]
        Requires=etcd2.service
        After=etcd2.service

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/bin/sh -c 'etcdctl set /once "$(hostname)" >/var/lib/once'
`,
    };
    const cloudConfigs = { central };

    await using world = await World.boot({ runtime, central: 1, workers: 0, cloudConfigs });

    const { plan } = world.cluster;
    const port = plan.nodes[0]?.published?.['7777'] ?? 0;
    expect(await ask(`http://127.0.0.1:${port}/`)).toBe('heard');
    const client = await world.client();
    const until = <T>(what: string, look: () => Promise<T | undefined>): Promise<T> =>
      poll(look, { clock: systemClock, what, timeoutMs: 20_000 });
    const once = await until('the oneshot', () =>
      client.keys.get('/once').then(
        ({ node }) => node.value,
        () => undefined,
      ),
    );
    const ticked = await until('the timer', async () => {
      const { code, stdout } = await world.run('n1', ['cat', '/var/lib/ticked']);
      return code === 0 ? stdout : undefined;
    });
    expect(once).toBe('n1');
    expect(ticked).toBe('ticked\n');
  });

  it('down leaves nothing on the engine, and what lost its folder is found again', async () => {
    await using world = await World.boot({ runtime, central: 1, workers: 0 });
    const { address } = await world.leader();
    const client = await world.client();
    await client.keys.set('/kept', 'without a folder');

    rmSync(world.cluster.folder, { recursive: true });
    const found = await recoverClusters(world.home, process.env);
    const after = await world.leader();

    expect(found).toEqual([world.cluster.name]);
    expect(after.address).toBe(address);
    await world.everywhere('/kept', 'without a folder');
    await world.cluster.down();
    expect(onEngine(world.home)).toEqual([]);
  });

  it('a port that was taken while the cluster was stopped is named, and nothing is lost', async () => {
    await using world = await World.boot({ runtime, central: 1, workers: 0 });
    const client = await world.client();
    await client.keys.set('/kept', 'over a taken port');
    const [node] = (await world.cluster.status()).nodes;
    const port = Number(new URL(node?.clientUrls[0] ?? '').port);
    await world.cluster.stop();
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen({ host: '127.0.0.1', port }, resolve));

    const failed = await world.cluster.start().catch((error: unknown) => error);
    await new Promise((resolve) => holder.close(resolve));
    await world.cluster.start();

    expect(failed).toMatchObject({
      code: 'E_PORT_TAKEN',
      message: expect.stringContaining(String(port)) as unknown,
    });
    await world.everywhere('/kept', 'over a taken port');
  });

  it('what an up leaves that was killed with its keeper is found and removed by gc', async () => {
    const home = mkdtempSync(join(tmpdir(), 'corral-e2e-'));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    const words = ['up', 'cut-short', '--runtime', 'docker', '--central', '1', '--workers', '0'];
    const env = { ...process.env, CORRAL_HOME: home };
    const up = spawn(process.execPath, [corral, ...words], { env, stdio: 'ignore' });
    const until = <T>(what: string, look: () => T | undefined): Promise<T> =>
      poll(() => Promise.resolve(look()), { clock: systemClock, what, timeoutMs: 30_000 });

    const keeper = await until('a keeper', () => keeperOf(home));
    await until('a container', () => (onEngine(home).length > 1 ? true : undefined));
    up.kill('SIGKILL');
    process.kill(keeper, 'SIGKILL');
    await until('both to be gone', () =>
      up.signalCode !== null && keeperOf(home) === undefined ? true : undefined,
    );
    // The control socket of a killed keeper is closed a little later than its name is gone.
    const would = await poll(
      async () => {
        const found = await collectGarbage(home, { dryRun: true, environment: process.env });
        return found.clusters.length > 0 ? found : undefined;
      },
      { clock: systemClock, what: 'garbage', timeoutMs: 10_000 },
    );
    const left = onEngine(home);
    const did = await collectGarbage(home, { dryRun: false, environment: process.env });

    expect(would.clusters).toEqual(['cut-short']);
    expect(left.length).toBeGreaterThan(0);
    expect(did.onEngine).toBeGreaterThan(0);
    expect(onEngine(home)).toEqual([]);
  });
});
