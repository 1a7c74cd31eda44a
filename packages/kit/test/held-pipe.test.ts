// A server and its owner: two real processes and the pipe between them.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { HeldPipeError, heldPipeVariable, joinOwner } from '../src/held-pipe.js';
import { poll } from '../src/retry.js';
import { systemClock } from '../src/clock.js';

const library = JSON.stringify(new URL('../dist/index.js', import.meta.url).href);

/** A child that runs `body` with `owner` joined and lives until something ends it. */
function startChild(
  body: string,
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  const program = `import { joinOwner } from ${library};
    const owner = joinOwner(process.env, () => process.exit(7));
    setInterval(() => {}, 1_000);
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    env: { PATH: process.env['PATH'], [heldPipeVariable]: '3', ...environment },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function firstText(stream: Readable): Promise<string> {
  const [chunk] = (await once(stream, 'data')) as [Buffer];
  return chunk.toString('utf8');
}

it('reports READY=1 once, however often it is told', async () => {
  const child = startChild(`owner.ready(); owner.ready(); console.log('told');`);
  const pipe = child.stdio[3] as Duplex;
  let received = '';
  pipe.on('data', (chunk: Buffer) => (received += chunk.toString('utf8')));

  const told = await firstText(child.stdout!);
  child.kill('SIGKILL');
  await once(pipe, 'close');

  expect([told, received]).toEqual(['told\n', 'READY=1\n']);
});

it('ends when the owner closes its end', async () => {
  const child = startChild('owner.ready();');
  const pipe = child.stdio[3] as Duplex;
  await firstText(pipe);

  pipe.destroy();
  const [code] = (await once(child, 'exit')) as [number];

  expect(code).toBe(7);
});

it('ends also when it had nothing reported yet', async () => {
  const child = startChild(`console.log('up');`);
  await firstText(child.stdout!);

  (child.stdio[3] as Duplex).destroy();
  const [code] = (await once(child, 'exit')) as [number];

  expect(code).toBe(7);
});

it('lets go of the pipe so that the process can end by itself, and may be told ready after', async () => {
  const program = `import { joinOwner } from ${library};
    const owner = joinOwner(process.env, () => process.exit(7));
    owner.close();
    owner.ready();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { PATH: process.env['PATH'], [heldPipeVariable]: '3' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));

  const [code] = (await once(child, 'exit')) as [number];

  expect(code).toBe(0);
});

it('without an owner nothing is held', () => {
  const owner = joinOwner({}, () => expect.unreachable());

  expect(() => {
    owner.ready();
    owner.close();
  }).not.toThrow();
});

it.each(['0', '1', '2', '-1', 'x', '3.5', ''])('takes %j for no pipe', (value) => {
  const owner = joinOwner({ [heldPipeVariable]: value }, () => expect.unreachable());

  expect(() => owner.ready()).not.toThrow();
});

it('refuses a promise of a pipe that is not there, and says what to do', () => {
  const act = (): unknown => joinOwner({ [heldPipeVariable]: '999' }, () => undefined);

  expect(act).toThrow(HeldPipeError);
  expect(act).toThrow(expect.objectContaining({ code: 'E_HELD_PIPE' }));
  expect(act).toThrow('Unset CORRAL_HELD_PIPE');
});

it('tells systemd through systemd-notify when a notify socket is named', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'corral-notify-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const said = join(dir, 'said');
  writeFileSync(
    join(dir, 'systemd-notify'),
    `#!/bin/sh\necho "$@" >${said}.new\nmv ${said}.new ${said}\n`,
  );
  chmodSync(join(dir, 'systemd-notify'), 0o755);

  startChild('owner.ready();', {
    NOTIFY_SOCKET: '/run/none',
    PATH: `${dir}:${process.env['PATH'] ?? ''}`,
  });
  const words = await poll(
    () => {
      try {
        return readFileSync(said, 'utf8');
      } catch {
        return undefined;
      }
    },
    { clock: systemClock, what: 'systemd-notify to be called', timeoutMs: 15_000 },
  );

  expect(words).toBe('--ready\n');
});
