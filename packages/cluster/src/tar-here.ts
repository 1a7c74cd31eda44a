// Files of this machine, or below a folder that is the root of a node, packed and unpacked by the
// machine's own tar.
import { spawn } from 'node:child_process';
import { lstatSync, mkdirSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { resolveBelow } from '@corral/units';
import type { FileKind, FileSide } from './access.js';
import { ClusterError } from './errors.js';
import { programError } from './run-here.js';

/** What tar says when a file changed while it was read; the archive is whole. (tar(1), exit status) */
const changedMeanwhile = 1;

/** Links on the way are followed as on the node: no path leads out of `root`. */
export function filesBelow(root: string, prefix: string): FileSide {
  const place = (path: string, followLast: boolean): string =>
    resolveBelow(root, path, { followLast });
  return {
    prefix,
    kindOf: (path, { follow }) => Promise.resolve(kindOf(place(path, follow))),
    pack: (folder, name) =>
      Promise.resolve(packed(place(folder, true), name, `${prefix}${folder}`)),
    unpack: async (folder, archive) => {
      const target = place(folder, true);
      mkdirSync(target, { recursive: true });
      await unpack(target, archive, `${prefix}${folder}`);
    },
  };
}

/** The words of GNU tar for both directions; unpacking leaves folders that are there as they are. */
export const packWords = (folder: string, name: string): readonly string[] => [
  'tar',
  '-C',
  folder,
  '-cf',
  '-',
  '--',
  name,
];
export const unpackWords = (folder: string): readonly string[] => [
  'tar',
  '-C',
  folder,
  '--no-same-owner',
  '--no-overwrite-dir',
  '-xpf',
  '-',
];

/** The outcome of a tar that has ended; undefined when it did what it should. */
export function tarFailure(
  exitCode: number,
  said: string,
  what: string,
  direction: 'pack' | 'unpack',
): ClusterError | undefined {
  if (exitCode === 0 || (direction === 'pack' && exitCode === changedMeanwhile)) return undefined;
  const line = said.trim().split('\n')[0] ?? '';
  const why = line === '' ? `tar ended with ${exitCode}` : line;
  const verb = direction === 'pack' ? 'read' : 'write';
  return new ClusterError('E_FAILED', `cannot ${verb} ${what}: ${why}`);
}

function kindOf(place: string): FileKind | undefined {
  const stats = lstatSync(place, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (stats.isSymbolicLink()) return 'link';
  if (stats.isDirectory()) return 'folder';
  return stats.isFile() ? 'file' : 'other';
}

function packed(folder: string, name: string, what: string): Readable {
  const out = new PassThrough();
  const [file = '', ...words] = packWords(folder, name);
  const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  child.stdout.pipe(out, { end: false });
  child.once('error', (error) => out.destroy(programError('tar', 'on this machine', error)));
  child.once('close', (code) => {
    const failure = tarFailure(code ?? 128, said, what, 'pack');
    if (failure === undefined) out.end();
    else out.destroy(failure);
  });
  // Who reads no further ends it.
  out.once('close', () => child.kill());
  return out;
}

async function unpack(folder: string, archive: Readable, what: string): Promise<void> {
  const [file = '', ...words] = unpackWords(folder);
  const child = spawn(file, words, { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(programError('tar', 'on this machine', error)));
    child.once('close', (code) => resolve(code ?? 128));
  });
  const fed = pipeline(archive, child.stdin).then(
    () => undefined,
    (error: unknown) => error,
  );
  const [exitCode, broken] = await Promise.all([ended, fed]);
  // A stream that broke is the cause; a tar that closed its end early has a better one.
  if (broken instanceof ClusterError) throw broken;
  const failure = tarFailure(exitCode, said, what, 'unpack');
  if (failure !== undefined) throw failure;
}
