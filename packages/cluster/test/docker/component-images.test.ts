// The component images by themselves: built here without a registry and without a network, and run as
// `docker run` would. An image that was there before stays, one that the test built goes.
import type Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { poll, systemClock } from '@corral/kit';
import { findEngine } from '../../src/docker/engine.js';
import { execIn } from '../../src/docker/exec.js';
import { buildImages, removeImages } from '../../src/docker/image/index.js';
import type { BuiltImage } from '../../src/docker/image/index.js';

const { engine, error } = await findEngine(process.env);
if (engine === undefined) {
  process.stdout.write(`component images are not tested here: ${error.message}\n`);
}
const minutes = 60_000;

type Running = {
  readonly container: Docker.Container;
  readonly ask: (...words: readonly string[]) => Promise<string>;
} & AsyncDisposable;

async function start(image: string, words: readonly string[]): Promise<Running> {
  const container = await engine!.docker.createContainer({ Image: image, Cmd: [...words] });
  await container.start();
  return {
    container,
    ask: async (...asked) => {
      const { code, stdout, stderr } = await execIn(engine!, container.id, asked);
      if (code !== 0) throw new Error(`${asked.join(' ')} ended with ${code}: ${stdout}${stderr}`);
      return stdout;
    },
    [Symbol.asyncDispose]: () => container.remove({ force: true, v: true }),
  };
}

/** Until it does not fail. */
const eventually = (what: string, work: () => Promise<string>): Promise<string> =>
  poll(() => work().catch(() => undefined), {
    clock: systemClock,
    what,
    timeoutMs: minutes,
    intervalMaxMs: 200,
  });

async function stopped(container: Docker.Container): Promise<number> {
  await container.stop({ t: 60 });
  return (await container.inspect()).State.ExitCode;
}

describe.runIf(engine !== undefined)('a component image', () => {
  let built: readonly BuiltImage[] = [];
  const image = (target: string): string =>
    built.find((one) => one.target === target)?.reference ?? 'not built';

  beforeAll(async () => {
    const targets = ['etcd2', 'discovery-service', 'coreos-cloudinit'] as const;
    built = await buildImages(engine!, { targets, environment: process.env });
  }, 5 * minutes);

  afterAll(async () => {
    const names = built.filter(({ cached }) => !cached).map(({ reference }) => reference);
    if (names.length > 0) await removeImages(engine!, { names });
  });

  it(
    'etcd2 is started, asked and stopped as the official one',
    { timeout: 3 * minutes },
    async () => {
      const urls = ['-listen-client-urls', 'http://0.0.0.0:2379'];
      const advertised = ['-advertise-client-urls', 'http://127.0.0.1:2379'];
      await using etcd = await start(image('etcd2'), ['-name', 'x', ...urls, ...advertised]);

      await eventually('a write', () => etcd.ask('/etcdctl', 'set', '/a', '1'));

      expect(await etcd.ask('/etcdctl', 'get', '/a')).toBe('1\n');
      expect(await etcd.ask('/etcdctl', 'member', 'list')).toContain('name=x ');
      await etcd.ask('/usr/bin/node', '/usr/lib/corral/health.mjs', 'etcd2');
      const { Config: config } = await etcd.container.inspect();
      expect(config.Entrypoint).toEqual(['/etcd']);
      expect(Object.keys(config.ExposedPorts).sort()).toEqual([
        ...['2379/tcp', '2380/tcp', '4001/tcp', '7001/tcp'],
      ]);
      expect(await stopped(etcd.container)).toBe(0);
    },
  );

  it('discovery-service issues tokens', { timeout: 3 * minutes }, async () => {
    await using service = await start(image('discovery-service'), []);
    const script =
      "fetch('http://127.0.0.1:8087/new?size=3').then((a) => a.text()).then(console.log)";

    const token = await eventually('a token', () => service.ask('/usr/bin/node', '-e', script));

    expect(token).toMatch(/^http:\/\/127\.0\.0\.1:8087\/[0-9a-f]{32}$/m);
    await service.ask('/usr/bin/node', '/usr/lib/corral/health.mjs', 'discovery-service');
    expect(await stopped(service.container)).toBe(0);
  });

  it(
    'coreos-cloudinit does not take its own image for a machine',
    async () => {
      await using run = await start(image('coreos-cloudinit'), ['-from-file=/etc/passwd']);

      const { StatusCode: code } = (await run.container.wait()) as { readonly StatusCode: number };

      const log = (await run.container.logs({ stderr: true, stdout: true })).toString('utf8');
      expect(log).toContain('this machine is no CoreOS node');
      expect(code).toBe(1);
    },
    minutes,
  );

  it('is not built again while its content is the same', async () => {
    const again = await buildImages(engine!, { targets: ['etcd2'], environment: process.env });

    expect(again).toMatchObject([{ reference: image('etcd2'), cached: true }]);
  });
});
