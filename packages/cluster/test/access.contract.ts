// What every access to a node promises, whatever the node is made of (src/access.ts).
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { poll, systemClock } from '@corral/kit';
import { describe, expect, it } from 'vitest';
import type { LogSource, NodeAccess } from '../src/access.js';
import { copyFiles, packFiles, unpackFiles } from '../src/copy.js';
import type { LogLine } from '../src/log-lines.js';
import { filesBelow } from '../src/tar-here.js';
import { keptEnds, temporaryFolder } from './support/ends.js';

export type AccessUnderTest = {
  readonly access: NodeAccess;
  /** The same node while it does not run. */
  readonly stopped: NodeAccess;
  /** Makes a unit of the node say lines, which are in its log when this resolves. */
  readonly say: (unit: string, lines: readonly string[]) => Promise<void>;
};

const here = filesBelow('/', '');

export function describeAccess(name: string, get: () => AccessUnderTest): void {
  describe(`a program on a node of the ${name} runtime`, () => {
    it('has its exit code, and its two outputs apart', async () => {
      const ends = keptEnds();

      const code = await get().access.run(['sh', '-c', 'echo out; echo err >&2; exit 7'], ends);

      expect([code, ends.out(), ends.err()]).toEqual([7, 'out\n', 'err\n']);
    });

    it('that a signal ends has 128 and its number', async () => {
      expect(await get().access.run(['sh', '-c', 'kill -KILL $$'], keptEnds())).toBe(137);
    });

    it('reads what it is given to its end, and the end of it', async () => {
      const ends = keptEnds('one\ntwo');

      const code = await get().access.run(['sh', '-c', 'cat; echo "; end"'], ends);

      expect([code, ends.out()]).toEqual([0, 'one\ntwo; end\n']);
    });

    it('may end before it has read everything', async () => {
      const ends = keptEnds(Readable.from(Array.from({ length: 200 }, () => Buffer.alloc(65_536))));

      expect(await get().access.run(['sh', '-c', 'exit 3'], ends)).toBe(3);
    });

    it('gives back bytes as they were, however many', async () => {
      const sum = (text: string): string => createHash('sha256').update(text).digest('hex');
      const text = 'äb\0c\n'.repeat(500_000);
      const ends = keptEnds(text);

      await get().access.run(['cat'], ends);

      expect(sum(ends.out())).toBe(sum(text));
    });

    it('gets its words as they are', async () => {
      const ends = keptEnds();

      await get().access.run(['printf', '<%s>', 'a b', '$HOME', '"', "'", '', '-x'], ends);

      expect(ends.out()).toBe(`<a b><$HOME><"><'><><-x>`);
    });

    it('knows the store of its node', async () => {
      const ends = keptEnds();

      await get().access.run(['sh', '-c', 'echo $ETCDCTL_ENDPOINTS $CORRAL_NODE_NAME'], ends);

      expect(ends.out()).toMatch(/^http:\/\/\S+ \S+\n$/);
    });

    it('that is not there is E_PROGRAM_MISSING; what cannot be run is E_PROGRAM_UNFIT', async () => {
      const { access } = get();
      const ends = keptEnds();

      await expect(access.run(['no-such-program'], ends)).rejects.toMatchObject({
        code: 'E_PROGRAM_MISSING',
        message: `there is no program no-such-program on ${access.node}`,
      });
      await expect(access.run(['/no/such', 'program'], ends)).rejects.toMatchObject({
        code: 'E_PROGRAM_MISSING',
      });
      await expect(access.run(['/etc/passwd'], ends)).rejects.toMatchObject({
        code: 'E_PROGRAM_UNFIT',
        message: expect.stringMatching(`^/etc/passwd on ${access.node} cannot be run`) as string,
      });
      expect([ends.out(), ends.err()]).toEqual(['', '']);
    });

    it('that ends with 127 by itself is no error', async () => {
      expect(await get().access.run(['sh', '-c', 'exit 127'], keptEnds())).toBe(127);
    });

    it('is sent the signals of the caller', async () => {
      const ends = keptEnds();

      const running = get().access.run(['sh', '-c', 'echo ready; exec sleep 60'], ends);
      await ends.said(/ready/);
      ends.signal('SIGTERM');

      expect(await running).toBe(143);
    });

    it('is refused when the node does not run', async () => {
      await expect(get().stopped.run(['true'], keptEnds())).rejects.toMatchObject({
        code: 'E_FAILED',
        message: expect.stringMatching(/is killed: nothing can be run on it$/) as string,
        remedies: [expect.stringMatching(/^corral node start /) as string],
      });
    });
  });

  describe(`files on a node of the ${name} runtime`, () => {
    /** A folder with what archives must keep. */
    const sample = (): string => {
      const folder = join(temporaryFolder(), 'sample');
      mkdirSync(join(folder, 'sub'), { recursive: true });
      writeFileSync(join(folder, 'plain'), 'text\n', { mode: 0o640 });
      writeFileSync(join(folder, 'sub', 'tool'), '#!/bin/sh\n', { mode: 0o755 });
      symlinkSync('../plain', join(folder, 'sub', 'link'));
      return folder;
    };
    const fresh = async (): Promise<string> => {
      const ends = keptEnds();
      const script = 'd=${PWD%/}; mkdir -p "$d/tmp"; mktemp -d -p "$d/tmp"; echo "$d"';
      await get().access.run(['sh', '-c', script], ends);
      const [folder = '', cwd = ''] = ends.out().split('\n');
      return folder.slice(cwd.length);
    };
    const there = (path: string) => ({ side: get().access.files, path });
    const local = (path: string) => ({ side: here, path });

    it('a folder goes there and comes back with modes and links', async () => {
      const [source, node, back] = [sample(), await fresh(), temporaryFolder()];

      await copyFiles(local(source), there(node));
      await copyFiles(there(`${node}/sample`), local(back));

      const copy = join(back, 'sample');
      expect(readFileSync(join(copy, 'plain'), 'utf8')).toBe('text\n');
      expect(statSync(join(copy, 'plain')).mode & 0o777).toBe(0o640);
      expect(statSync(join(copy, 'sub', 'tool')).mode & 0o777).toBe(0o755);
      expect(readlinkSync(join(copy, 'sub', 'link'))).toBe('../plain');
    });

    it('a target that is not there is the new name, of a folder and of a file', async () => {
      const [source, node, back] = [sample(), await fresh(), temporaryFolder()];

      await copyFiles(local(source), there(`${node}/renamed`));
      await copyFiles(there(`${node}/renamed/plain`), local(join(back, 'other')));
      await copyFiles(there(`${node}/renamed/sub/link`), local(join(back, 'link')));

      expect(readFileSync(join(back, 'other'), 'utf8')).toBe('text\n');
      expect(statSync(join(back, 'other')).mode & 0o777).toBe(0o640);
      expect(readlinkSync(join(back, 'link'))).toBe('../plain');
    });

    it('the content of a folder goes into one that is there, whose mode stays', async () => {
      const [source, node] = [sample(), await fresh()];
      const ends = keptEnds();

      await copyFiles(local(`${source}/.`), there(node));
      await copyFiles(local(join(source, 'plain')), there(`${node}/plain`));

      await get().access.files.kindOf(`${node}/sub/tool`, { follow: false });
      expect(await get().access.files.kindOf(`${node}/plain`, { follow: false })).toBe('file');
      expect(await get().access.files.kindOf(`${node}/sub`, { follow: false })).toBe('folder');
      expect(await get().access.files.kindOf(`${node}/sub/link`, { follow: false })).toBe('link');
      expect(await get().access.files.kindOf(`${node}/sub/link`, { follow: true })).toBe('file');
      expect(await get().access.files.kindOf(`${node}/none`, { follow: true })).toBeUndefined();
      await get().access.run(['sh', '-c', `stat -c %a ".${node}"`], ends);
      expect(ends.out()).toBe('700\n');
    });

    it('an archive is packed and unpacked as it is', async () => {
      const [source, node, back] = [sample(), await fresh(), temporaryFolder()];

      await unpackFiles(await packFiles(local(source)), there(node));
      await unpackFiles(await packFiles(there(`${node}/sample`)), local(back));

      expect(readFileSync(join(back, 'sample', 'plain'), 'utf8')).toBe('text\n');
    });

    it('files of a node that does not run can be had all the same', async () => {
      const { stopped } = get();
      const back = temporaryFolder();

      await copyFiles({ side: stopped.files, path: '/etc/profile' }, local(back));

      expect(readFileSync(join(back, 'profile'), 'utf8')).not.toBe('');
    });

    it('files can be put on a node that does not run, into a folder or as one', async () => {
      const { stopped } = get();
      const [source, back] = [sample(), temporaryFolder()];
      const rest = (path: string) => ({ side: stopped.files, path });

      await copyFiles(local(source), rest('/put'));
      await copyFiles(local(join(source, 'plain')), rest('/put/sub'));
      await copyFiles(rest('/put/.'), local(back));
      await copyFiles(rest('/put'), local(back));
      await copyFiles(rest('/put/plain'), local(join(back, 'other')));

      expect(readFileSync(join(back, 'sub', 'plain'), 'utf8')).toBe('text\n');
      expect(statSync(join(back, 'put', 'sub', 'tool')).mode & 0o777).toBe(0o755);
      expect(readlinkSync(join(back, 'sub', 'link'))).toBe('../plain');
      expect(readFileSync(join(back, 'other'), 'utf8')).toBe('text\n');
      expect(await stopped.files.kindOf('/put/sub/link', { follow: true })).toBe('file');
      expect(await stopped.files.kindOf('/put/sub/link', { follow: false })).toBe('link');
      expect(await stopped.files.kindOf('/put/none', { follow: false })).toBeUndefined();
    });

    it('what cannot be copied says which name is wrong', async () => {
      const { access } = get();
      const [source, node] = [sample(), await fresh()];
      const plain = join(source, 'plain');
      const message = async (work: Promise<void>): Promise<string> =>
        work.then(
          () => 'done',
          (error: unknown) => `${(error as { code: string }).code} ${(error as Error).message}`,
        );
      await copyFiles(local(plain), there(`${node}/plain`));

      expect([
        await message(copyFiles(there('/no/such'), local(source))),
        await message(copyFiles(local(plain), there(`${node}/none/x`))),
        await message(copyFiles(local(plain), there(`${node}/none/`))),
        await message(copyFiles(local(source), there(`${node}/plain`))),
        await message(copyFiles(local(`${plain}/`), there(node))),
        await message(unpackFiles(Readable.from([]), there(`${node}/plain`))),
        await message(unpackFiles(Readable.from(['no archive']), there(node))),
      ]).toEqual([
        `E_FAILED there is no ${access.node}:/no/such`,
        `E_FAILED there is no folder ${access.node}:${node}/none`,
        `E_FAILED there is no folder ${access.node}:${node}/none/`,
        `E_FAILED ${access.node}:${node}/plain is no folder: the folder ${source} cannot replace it`,
        `E_FAILED ${plain} is no folder`,
        `E_FAILED ${access.node}:${node}/plain is no folder: an archive is unpacked in one`,
        expect.stringMatching(/^E_FAILED cannot write \S+: tar: .*tar archive/) as string,
      ]);
    });
  });

  describe(`the log of a node of the ${name} runtime`, () => {
    const texts = (lines: readonly LogLine[]): string[] => lines.map(({ text }) => text);
    const at = (ms: number): string => new Date(ms).toISOString();
    const line = (msg: string): string =>
      JSON.stringify({ time: at(systemClock.wallTime()), level: 'info', msg });
    const until = (source: LogSource, text: string): Promise<readonly LogLine[]> => {
      const all: LogLine[] = [];
      return poll(
        async () => {
          all.push(...(await source.more()));
          return all.some((one) => one.text.includes(text)) ? all : undefined;
        },
        { clock: systemClock, what: text, timeoutMs: 20_000 },
      );
    };

    it('is whole lines with their times, those of our programs as they are', async () => {
      const { access, say } = get();
      const [one, two] = [line('one'), line('two')];
      await say('whole.service', [one, two]);
      const source = access.log({ unit: 'whole.service', follow: false });

      const lines = await source.more();
      source.close();

      const ours = lines.filter(({ text }) => text.startsWith('{'));
      expect(texts(ours)).toEqual([one, two]);
      expect([...new Set(lines.map(({ node }) => node))]).toEqual([access.node]);
      expect(Math.abs(Date.parse(ours[0]!.time) - systemClock.wallTime())).toBeLessThan(60_000);
      expect(source.seen).toBe(true);
    });

    it('goes on as it grows when it is followed, and each line comes once', async () => {
      const { access, say } = get();
      await say('grows.service', [line('first')]);
      const source = access.log({ unit: 'grows.service', follow: true });

      const before = await until(source, 'first');
      await say('grows.service', [line('second')]);
      const after = await until(source, 'second');
      source.close();

      const messages = [...before, ...after].filter(({ text }) => text.startsWith('{'));
      expect(messages.map(({ text }) => (JSON.parse(text) as { msg: string }).msg)).toEqual([
        'first',
        'second',
      ]);
    });

    it('of a unit that never ran is none; those that ran are named', async () => {
      const { access, say } = get();
      await say('named.service', [line('x')]);
      const source = access.log({ unit: 'none.service', follow: false });

      expect([await source.more(), source.seen]).toEqual([[], false]);
      expect(await access.loggedUnits()).toContain('named.service');
      expect(await access.lastLines('none.service', 3)).toEqual([]);
    });

    it('has its last lines at hand', async () => {
      const { access, say } = get();
      await say('last.service', [line('one'), line('two'), line('three')]);

      const lines = await access.lastLines('last.service', 50);

      const messages = lines.filter((text) => text.startsWith('{'));
      expect(messages.map((text) => (JSON.parse(text) as { msg: string }).msg)).toEqual([
        'one',
        'two',
        'three',
      ]);
      expect((await access.lastLines('last.service', 1)).length).toBe(1);
    });
  });
}
