// Whatever is killed in the middle: no process, port, file or folder stays, or gc finds it.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { poll, systemClock } from '@corral/kit';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { asProcess, newHome } from './run.js';

// Each boots and ends a cluster of its own, as several processes, perhaps on a loaded machine.
vi.setConfig({ testTimeout: 60_000 });

const small = ['--central', '1', '--workers', '1'];

/** Pids of all processes that belong to clusters of `home`: nodes by their mark, keepers by their words. */
function processesOf(home: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const isZombie = stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
        const mine = words.includes(`${home}/`) || environment.includes(`CORRAL_NODE=${home}/`);
        return mine && !isZombie;
      } catch {
        return false;
      }
    })
    .map(Number);
}

const nothingRuns = (home: string): Promise<true> =>
  poll(() => Promise.resolve(processesOf(home).length === 0 ? true : undefined), {
    clock: systemClock,
    what: `the processes below ${home} to end`,
    timeoutMs: 10_000,
  });

function keeperPid(home: string): number {
  for (const pid of processesOf(home)) {
    if (readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('keeper-main')) return pid;
  }
  throw new Error('there is no keeper');
}

function refuses(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', () => resolve(true));
  });
}

async function urlsOf(home: string): Promise<string[]> {
  const { stdout } = await asProcess(['status', '-o', 'json'], { home });
  const { nodes } = JSON.parse(stdout) as { readonly nodes: readonly { clientUrls: string[] }[] };
  return nodes.flatMap((node) => node.clientUrls);
}

function homeWithEnd(): string {
  const home = newHome(onTestFinished);
  onTestFinished(async () => {
    await asProcess(['down', '--all'], { home });
  });
  return home;
}

describe('killed in the middle', () => {
  it.each(['preflight', 'discovery', 'central nodes'])(
    'SIGKILL of up after the step "%s" leaves nothing',
    async (step) => {
      const home = homeWithEnd();
      let killed = false;
      await asProcess(['up', ...small], {
        home,
        onOutput: (text, kill) => {
          if (killed || !text.includes(`ok ${step}`)) return;
          killed = true;
          kill('SIGKILL');
        },
      });

      await nothingRuns(home);
      expect(killed).toBe(true);
      await asProcess(['gc'], { home });
      expect(existsSync(join(home, 'clusters', 'default'))).toBe(false);
    },
  );

  it('Ctrl-C during up undoes what was made, and says so', async () => {
    const home = homeWithEnd();
    let asked = false;
    const { code, stderr } = await asProcess(['up', ...small], {
      home,
      onOutput: (text, kill) => {
        if (asked || !text.includes('ok discovery')) return;
        asked = true;
        kill('SIGINT');
      },
    });

    await nothingRuns(home);
    expect(code).toBe(130);
    expect(stderr).toContain('interrupted; what this command made is being undone');
    expect(existsSync(join(home, 'clusters', 'default'))).toBe(false);
  });

  it('SIGKILL of the keeper ends its nodes; start brings the cluster back with its data', async () => {
    const home = homeWithEnd();
    await asProcess(['up', ...small], { home });
    await asProcess(['etcdctl', 'set', '/kept', 'yes'], { home });

    process.kill(keeperPid(home), 'SIGKILL');
    await nothingRuns(home);
    const status = await asProcess(['status'], { home });
    const started = await asProcess(['start'], { home });
    const kept = await asProcess(['etcdctl', 'get', '/kept'], { home });

    expect(status.stdout).toMatch(/^STOPPED/);
    expect(started.code, started.stderr).toBe(0);
    expect(kept.stdout).toBe('yes\n');
  });

  it('down after SIGKILL of the keeper leaves no process, port or folder', async () => {
    const home = homeWithEnd();
    await asProcess(['up', ...small], { home });
    const urls = await urlsOf(home);

    process.kill(keeperPid(home), 'SIGKILL');
    const down = await asProcess(['down'], { home });

    expect(down.code, down.stderr).toBe(0);
    await nothingRuns(home);
    expect(await Promise.all(urls.map(refuses))).toEqual(urls.map(() => true));
    expect(readdirSync(join(home, 'clusters'))).toEqual([]);
  });

  it('a cluster whose folder is removed ends by itself, and its name is free', async () => {
    const home = homeWithEnd();
    await asProcess(['up', ...small], { home });

    rmSync(join(home, 'clusters'), { recursive: true });
    await nothingRuns(home);
    const again = await asProcess(['up', ...small], { home });

    expect(again.code, again.stderr).toBe(0);
    expect(again.stdout).toMatch(/^Ready/);
  });

  it('gc ends what a keeper of a vanished folder left, and leaves running clusters alone', async () => {
    const home = homeWithEnd();
    await asProcess(['up', ...small], { home });
    const orphan = spawn('/bin/sh', ['-c', 'exec sleep 600'], {
      env: { CORRAL_NODE: `${home}/clusters/vanished#n1` },
      stdio: 'ignore',
    });
    onTestFinished(() => void orphan.kill('SIGKILL'));
    const ended = new Promise((resolve) => orphan.once('exit', (_code, signal) => resolve(signal)));

    const told = await asProcess(['gc', '--dry-run'], { home });
    const done = await asProcess(['gc'], { home });

    expect(told.stdout).toBe('would end 1 processes; no unfinished cluster\n');
    expect(done.stdout).toBe('ended 1 processes; no unfinished cluster\n');
    expect(await ended).toBe('SIGKILL');
    expect((await asProcess(['status'], { home })).stdout).toMatch(/^HEALTHY/);
  });
});

describe('two commands at once', () => {
  it('two ups make one cluster, two starts bring it back, and all four succeed', async () => {
    const home = homeWithEnd();
    const twice = (words: readonly string[]) =>
      Promise.all([asProcess(words, { home }), asProcess(words, { home })]);

    const ups = await twice(['up', ...small]);
    const { stdout: up } = await asProcess(['status', '-o', 'json'], { home });
    await asProcess(['stop'], { home });
    const starts = await twice(['start']);
    const { stdout: started } = await asProcess(['status', '-o', 'json'], { home });

    for (const { code, stderr } of [...ups, ...starts]) expect(code, stderr).toBe(0);
    expect(JSON.parse(up)).toMatchObject({ state: 'healthy' });
    expect(JSON.parse(started)).toMatchObject({ state: 'healthy' });
  });
});
