// The node image itself, without the runtime: what is in it, and how one node of it boots the
// article's core-01.yaml as printed, reboots and stops.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { describe, expect, it } from 'vitest';
import { poll, systemClock } from '@corral/kit';
import { execIn } from '../../src/docker/exec.js';
import { tarOf } from '../../src/docker/tar.js';
import { containersHere } from './engine-here.js';

const here = await containersHere();
const minutes = 60_000;
const article = join(import.meta.dirname, '../../../../examples/article/core-01.yaml');

type Node = {
  readonly container: Docker.Container;
  /** stdout and stderr of a program inside; fails the test when it fails. */
  readonly ask: (...words: readonly string[]) => Promise<string>;
} & AsyncDisposable;

/** A node with a cloud-config, started; nothing is left of it when the scope ends. */
async function startNode(cloudConfig: string): Promise<Node> {
  const { engine, image } = here!;
  const name = `corral-image-test-${randomUUID().slice(0, 8)}`;
  const container = await engine.docker.createContainer({
    name,
    Image: image,
    Hostname: 'core-01',
    Env: ['container=docker', `container_uuid=${randomUUID()}`],
    HostConfig: {
      CapAdd: ['SYS_ADMIN', 'NET_ADMIN'],
      SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
      CgroupnsMode: 'private',
      RestartPolicy: { Name: 'on-failure' },
      Binds: [`${name}:/var/lib/docker`],
      Tmpfs: {
        '/run': 'rw,nosuid,nodev,mode=755,size=64m',
        '/run/lock': 'rw,nosuid,nodev,noexec,size=5m',
        '/tmp': 'rw,nosuid,nodev,mode=1777',
      },
    },
  } as Docker.ContainerCreateOptions);
  const files = await tarOf([
    { path: '/var/lib/coreos-install/user_data', text: cloudConfig, mode: 0o600 },
    { path: '/etc/environment', text: 'COREOS_PRIVATE_IPV4=10.0.0.1\n' },
  ]);
  await container.putArchive(files, { path: '/' });
  await container.start();
  return {
    container,
    ask: async (...words) => {
      const { code, output } = await runIn(name, words);
      if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${output}`);
      return output;
    },
    async [Symbol.asyncDispose]() {
      await container.remove({ force: true, v: true });
      await engine.docker.getVolume(name).remove();
    },
  };
}

async function runIn(
  name: string,
  words: readonly string[],
): Promise<{ readonly code: number; readonly output: string }> {
  const { code, stdout, stderr } = await execIn(here!.engine, name, [...words]);
  return { code, output: `${stdout}${stderr}` };
}

/** What a shell of the image prints; nothing boots. */
async function shell(script: string): Promise<string> {
  const { engine, image } = here!;
  const container = await engine.docker.createContainer({
    Image: image,
    Entrypoint: ['sh', '-c', script],
    HostConfig: { NetworkMode: 'none' },
    Tty: true,
  });
  try {
    await container.start();
    await container.wait();
    const log = await container.logs({ stdout: true, stderr: true });
    return log.toString('utf8').replaceAll('\r', '').trim();
  } finally {
    await container.remove({ force: true });
  }
}

describe.runIf(here !== undefined)('the node image', () => {
  it('holds nothing that is of one machine', { timeout: 2 * minutes }, async () => {
    const found = await shell('ls /etc/ssh; cat /etc/machine-id; ls -A /run /tmp');

    expect(found).toContain('sshd_config');
    expect(found).not.toMatch(/ssh_host|[0-9a-f]{32}/);
  });

  it('has the users and groups of CoreOS', { timeout: 2 * minutes }, async () => {
    const found = await shell('id core; id -u etcd; stat -c %U:%a /var/lib/etcd2 /home/core');

    expect(found).toMatch(/^uid=500\(core\) gid=500\(core\) .*\(sudo\).*\(docker\)/);
    expect(found.split('\n').slice(1)).toEqual(['232', 'etcd:700', expect.stringMatching(/^core/)]);
  });

  it('starts no engine and no login by itself', { timeout: 2 * minutes }, async () => {
    const units = 'docker.service docker.socket containerd.service ssh.service sshd.socket';

    const found = await shell(`systemctl is-enabled ${units} getty.target corral-node.service`);

    expect(found.split('\n')).toEqual([
      ...['disabled', 'disabled', 'disabled', 'disabled', 'enabled', 'masked', 'enabled'],
    ]);
  });

  it(
    'runs what is laid into its dev folder instead of its own',
    { timeout: 2 * minutes },
    async () => {
      const own = await shell('etcd2 --version; etcdctl --version; coreos-cloudinit -version');
      const dev = await shell(
        `mkdir /usr/lib/corral/dev; echo 'console.log("dev", ...process.argv.slice(2))' >/usr/lib/corral/dev/etcd2.mjs; ` +
          'etcd2 -a "b c"',
      );

      expect(own).toMatch(
        /etcd Version: 2\.3\.8[^]*etcdctl version 2\.3\.8\ncoreos-cloudinit 1\.9\.3$/,
      );
      expect(dev).toBe('dev -a b c');
    },
  );
});

describe.runIf(here !== undefined)('a node with core-01.yaml as printed', () => {
  it('boots what it asks for, and comes back from a reboot', { timeout: 5 * minutes }, async () => {
    await using node = await startNode(readFileSync(article, 'utf8'));

    const units = await node.ask('/usr/lib/corral/wait-ready');

    const state = new Map(units.split('\n').map((line) => [line.split('\t')[0], line.split('\t')]));
    expect(state.get('etcd2.service')?.slice(1, 5)).toEqual([
      'active',
      'running',
      'success',
      'yes',
    ]);
    expect(state.get('fleet.service')?.slice(1, 5)).toEqual(['inactive', 'dead', 'success', 'no']);
    expect(state.get('docker-tcp.socket')?.[1]).toBe('active');
    expect(await node.ask('hostname')).toBe('core-01\n');
    expect(await node.ask('stat', '-c', '%a %s', '/etc/conf.d/nfs')).toBe('644 19\n');
    expect(await node.ask('curl', '-s', 'http://127.0.0.1:4001/health')).toBe('{"health":"true"}');
    const info = await node.ask('curl', '-s', 'http://127.0.0.1:2375/info');
    expect(info).toContain('"InsecureRegistryCIDRs":["0.0.0.0/0"');
    const log = await node.ask('journalctl', '--no-pager', '-o', 'cat', '-t', 'coreos-cloudinit');
    expect(log).toMatch(/^warning: SSH key of user core is not valid: "121313dqx1e123e12…"/m);
    expect(log).toContain('Result of "start" on "docker.service": done');

    await node.ask('etcdctl', 'set', '/kept', 'yes');
    const { State: before } = await node.container.inspect();
    // The engine may cut the connection of this one as the node goes down.
    await node.ask('systemctl', 'reboot').catch(() => undefined);
    await poll(
      async () => {
        const { State: now } = await node.container.inspect();
        return (now.Running && now.StartedAt !== before.StartedAt) || undefined;
      },
      { clock: systemClock, what: 'the node to come back', timeoutMs: 2 * minutes },
    );
    await node.ask('/usr/lib/corral/wait-ready');

    expect(await node.ask('etcdctl', 'get', '/kept')).toBe('yes\n');
    const boots = await node.ask('journalctl', '--no-pager', '--list-boots');
    expect(boots.match(/^ *-?\d+ [0-9a-f]{32}/gm)?.length).toBe(2);

    await node.container.stop();
    const { State: stopped } = await node.container.inspect();
    expect([stopped.Running, stopped.ExitCode]).toEqual([false, 143]);
  });

  it('without anything to start is up at once', { timeout: 5 * minutes }, async () => {
    await using node = await startNode('#cloud-config\nmanage_etc_hosts: localhost\n');

    const units = await node.ask('/usr/lib/corral/wait-ready');

    expect(units).toMatch(/^etcd2\.service\tinactive\tdead\tsuccess\t-\t0\tnotify$/m);
    // The engine mounts this file: it can be rewritten and not replaced.
    expect(await node.ask('cat', '/etc/hosts')).toBe('127.0.0.1 core-01\n');
    expect(await node.ask('systemctl', 'is-system-running', '--wait')).toBe('running\n');
  });

  it('whose store cannot start says so', { timeout: 5 * minutes }, async () => {
    const broken = '#cloud-config\ncoreos:\n  etcd2:\n    initial-cluster: x=nonsense\n';
    await using node = await startNode(broken);

    const { Name: name } = await node.container.inspect();
    const { code, output } = await runIn(name.slice(1), ['/usr/lib/corral/wait-ready']);

    expect(code).toBe(1);
    expect(output).toMatch(
      /^etcd2\.service\tactivating\tauto-restart\texit-code\tyes\t0\tnotify$/m,
    );
  });
});
