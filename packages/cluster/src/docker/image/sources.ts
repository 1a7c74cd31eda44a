// What images are made of: the files of docker/, the texts that every node ships, and the compiled
// programs, found in the installation that this module is part of. Their content names the image.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemErrorCode } from '@corral/kit';
import { ClusterError } from '../../errors.js';
import { shippedFiles, shippedUnits } from '../../defaults.js';
import { madeOnRoot, programsOf } from './names.js';
import type { ImageTarget } from './names.js';
import { stagesFor } from './stages.js';

/** A file of an image or a build context; its path has no slash in front. */
export type SourceFile = {
  readonly path: string;
  readonly bytes: Buffer;
  /** Permission bits. */
  readonly mode: number;
};

const storePackages =
  'kit raft store kv-raft proxy etcd-client discovery-service cloudinit units'.split(' ');
const cliPackages = [...storePackages, 'cluster', 'cli'];

/** The folder that holds docker/, packages/ and tools/. Throws ClusterError E_IMAGE_BUILD. */
export function installationFolder(from: string = import.meta.dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'docker', 'Dockerfile'))) return folder;
    if (folder === dirname(folder)) {
      throw new ClusterError(
        'E_IMAGE_BUILD',
        `no docker/Dockerfile above ${from}: images are built from a clone of Corral`,
        { remedies: ['run corral in a clone', 'corral image load FILE.tar'] },
      );
    }
  }
}

/** The Dockerfile, down to what `target` needs. */
export function dockerfileFor(target: ImageTarget, folder: string): string {
  return stagesFor(readFileSync(join(folder, 'docker', 'Dockerfile'), 'utf8'), target);
}

/** Everything of the build context but programs and the Node binary. */
export function contextFiles(target: ImageTarget, folder: string): readonly SourceFile[] {
  const docker = join(folder, 'docker');
  if (target === 'node') {
    return [
      ...filesBelow(docker, 'node'),
      ...filesBelow(docker, 'setup-node'),
      ...shipped().map((file) => ({ ...file, path: `units/${file.path}` })),
    ];
  }
  if (target === 'cli') return [];
  return [...filesBelow(docker, 'component'), ...entries(target)];
}

/** Twelve hex digits: the same for the same content, whenever and wherever it was written. */
export function contentHash(target: ImageTarget, folder: string): string {
  const packages = target === 'cli' ? cliPackages : storePackages;
  const hash = createHash('sha256');
  const add = (name: string, bytes: Buffer | string, mode = 0): void => {
    hash.update(`${name}\0${mode.toString(8)}\0${bytes.length}\0`).update(bytes);
  };
  add('node', `${process.version} ${process.arch}`);
  add('Dockerfile', dockerfileFor(target, folder));
  if (madeOnRoot(target)) add('packages.txt', readFileSync(join(folder, 'docker', 'packages.txt')));
  for (const { path, bytes, mode } of contextFiles(target, folder)) add(path, bytes, mode);
  for (const name of ['tools/bundle.js', 'package-lock.json']) {
    add(name, readFileSync(join(folder, name)));
  }
  for (const name of packages) {
    for (const path of compiledFiles(folder, `packages/${name}/dist`)) {
      add(path, readFileSync(join(folder, path)));
    }
  }
  return hash.digest('hex').slice(0, 12);
}

/** Names of Debian packages that a node's system is made of. */
export function debianPackages(folder: string): readonly string[] {
  const text = readFileSync(join(folder, 'docker', 'packages.txt'), 'utf8');
  return text.split('\n').filter((line) => line !== '');
}

/** What tsc wrote, without the store's own bundle, which is made of the rest. */
function compiledFiles(folder: string, path: string): string[] {
  let entries;
  try {
    entries = readdirSync(join(folder, path), { withFileTypes: true });
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    const message = `Corral is not compiled: no ${join(folder, path)}`;
    throw new ClusterError('E_IMAGE_BUILD', message, { remedies: ['npm run build'] });
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const below = `${path}/${entry.name}`;
      if (!entry.isDirectory()) return entry.name.endsWith('.js') ? [below] : [];
      return entry.name.startsWith('bundle') ? [] : compiledFiles(folder, below);
    });
}

function shipped(): readonly SourceFile[] {
  const units = Object.entries(shippedUnits).map(
    ([name, text]) => [`usr/lib/systemd/system/${name}`, text] as const,
  );
  const files = Object.entries(shippedFiles).map(
    ([path, text]) => [path.replace(/^\//, ''), text.replace('(process)', '(container)')] as const,
  );
  return [...units, ...files].map(([path, text]) => ({
    path,
    bytes: Buffer.from(text),
    mode: 0o644,
  }));
}

/** What a component is started by; there is no shell in its image. */
function entries(target: ImageTarget): readonly SourceFile[] {
  return programsOf[target].map((program) => ({
    path: `entries/${program === 'etcd2' ? 'etcd' : program}`,
    bytes: Buffer.from(`#!/usr/bin/node\nimport('/usr/lib/corral/${program}.mjs');\n`),
    mode: 0o755,
  }));
}

/** The files at or below `path`, sorted; links are not followed and there are none. */
export function filesBelow(
  folder: string,
  path: string,
  wanted: (path: string) => boolean = () => true,
): SourceFile[] {
  const place = join(folder, path);
  const found = statSync(place);
  if (!found.isDirectory()) {
    if (!wanted(path)) return [];
    // Only what Git keeps of a mode, so that a umask changes nothing.
    const mode = (found.mode & 0o100) === 0 ? 0o644 : 0o755;
    return [{ path, bytes: readFileSync(place), mode }];
  }
  const names = readdirSync(place).sort();
  return names.flatMap((name) => filesBelow(folder, `${path}/${name}`, wanted));
}
