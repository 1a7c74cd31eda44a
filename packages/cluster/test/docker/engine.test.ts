// Where an engine is looked for, and what is said of one that cannot be used.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectEngine, placesToTry } from '../../src/docker/engine.js';
import { nodeError } from '../../src/docker/removal.js';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'corral-engine-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** An engine that answers `version` and `info` as told. */
async function fakeEngine(answers: Record<string, unknown>): Promise<string> {
  const path = join(folder(), 'docker.sock');
  const server = createServer((request, response) => {
    const found = Object.entries(answers).find(([route]) => request.url?.endsWith(route));
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found?.[1] ?? { message: 'no such page' }));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `unix://${path}`;
}

describe('places', () => {
  it('are DOCKER_HOST alone where it is set', () => {
    expect(placesToTry({ DOCKER_HOST: 'tcp://h:2375' }, '/none')).toEqual([
      { rule: 'DOCKER_HOST', address: 'tcp://h:2375' },
    ]);
  });

  it('are the socket, the rootless one, and the context that was chosen', () => {
    const home = folder();
    const id = createHash('sha256').update('far').digest('hex');
    mkdirSync(join(home, '.docker/contexts/meta', id), { recursive: true });
    writeFileSync(join(home, '.docker/config.json'), '{"currentContext":"far"}');
    writeFileSync(
      join(home, '.docker/contexts/meta', id, 'meta.json'),
      '{"Endpoints":{"docker":{"Host":"unix:///far.sock"}}}',
    );

    const addresses = placesToTry({ XDG_RUNTIME_DIR: '/run/me' }, home).map((one) => one.address);

    expect(addresses).toEqual([
      'unix:///var/run/docker.sock',
      'unix:///run/me/docker.sock',
      'unix:///far.sock',
    ]);
  });

  it('that are none of the known forms are refused with what would do', () => {
    expect(() => placesToTry({ DOCKER_HOST: 'ssh://h' }, '/none')).toThrow(
      /DOCKER_HOST=ssh:\/\/h: only unix:\/\/ and tcp:\/\/ are known/,
    );
  });
});

describe('an engine', () => {
  const version = { Version: '20.10.24', ApiVersion: '1.41' };

  it('is described by what it says of itself', async () => {
    const address = await fakeEngine({ '/version': version, '/info': { CgroupVersion: '2' } });

    const engine = await connectEngine({ DOCKER_HOST: address });

    expect(engine).toMatchObject({ address, version: '20.10.24' });
    expect(engine.isLocal).toBe(true);
  });

  it('that is too old is E_DOCKER_OLD, with what is needed', async () => {
    const old = { Version: '19.03.1', ApiVersion: '1.40' };
    const address = await fakeEngine({ '/version': old, '/info': {} });

    await expect(connectEngine({ DOCKER_HOST: address })).rejects.toMatchObject({
      code: 'E_DOCKER_OLD',
      message: expect.stringMatching(
        /is 19\.03\.1 \(API 1\.40\): 20\.10 \(API 1\.41\) is needed/,
      ) as unknown,
    });
  });

  it('that does not answer is E_NO_DOCKER, with what was tried and why it failed', async () => {
    const path = join(folder(), 'none.sock');

    await expect(connectEngine({ DOCKER_HOST: `unix://${path}` })).rejects.toMatchObject({
      code: 'E_NO_DOCKER',
      message: `no Docker engine answers. Tried: DOCKER_HOST unix://${path} (ENOENT)`,
    });
  });

  it('that nobody listens for is refused, not missing', async () => {
    await expect(connectEngine({ DOCKER_HOST: 'tcp://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'E_NO_DOCKER',
      message: expect.stringContaining('ECONNREFUSED') as unknown,
    });
  });
});

describe('what an engine refuses', () => {
  it.each([
    ['driver failed: Bind for 127.0.0.1:1 failed: port is already allocated', 'E_PORT_TAKEN'],
    ['write /x: no space left on device', 'E_DISK_LOW'],
    ['No such image: corral/node:x', 'E_IMAGE_MISSING'],
    ['something else', 'E_FAILED'],
  ])('%s', (message, code) => {
    const error = nodeError('n1', 'started', { statusCode: 500, json: { message } });

    expect(error).toMatchObject({ code, message: `n1 cannot be started: ${message}` });
  });
});

/** The built program as a user who may not look into a folder of root's. */
function asNobody(script: string): string {
  const words = ['--input-type=module', '-e', script];
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  return execFileSync(process.execPath, words, { ...user, env: {}, cwd: '/' }).toString();
}

it('a socket that may not be used is E_DOCKER_PERMISSION, with who may', () => {
  const closed = folder();
  const path = join(closed, 'docker.sock');
  writeFileSync(path, '');
  chmodSync(path, 0o000);
  chmodSync(closed, 0o755);
  const main = join(import.meta.dirname, '../../dist/docker/engine.js');

  const told = asNobody(
    `import { connectEngine } from ${JSON.stringify(main)};
     const error = await connectEngine({ DOCKER_HOST: 'unix://${path}', USER: 'ada' }).catch((e) => e);
     console.log(JSON.stringify([error.code, error.message, error.remedies[0]]));`,
  );

  const [code, message, remedy] = JSON.parse(told) as string[];
  expect(code).toBe('E_DOCKER_PERMISSION');
  expect(message).toMatch(/docker\.sock exists \(owner \d+:\d+, mode 00\) and ada may not use it/);
  expect(remedy).toBe('sudo usermod -aG docker ada, then a new login');
});
