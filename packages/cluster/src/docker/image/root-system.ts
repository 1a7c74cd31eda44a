// The Debian that a node image is made from, without a registry: mmdebstrap, else debootstrap, makes
// it from a Debian mirror, and the engine takes it over as it comes. Named by what it is made of, so
// that it is made once.
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { ClusterError } from '../../errors.js';
import type { Engine } from '../engine.js';
import { engineMessage } from '../engine.js';
import type { Base } from './base.js';
import { buildOnEngine } from './engine-build.js';
import { followEngine } from './engine-lines.js';
import { imageLabel, repositoryOf, rootName } from './names.js';
import { findTool, startTool } from './tool.js';
import type { Environment, RunningTool, ToolEnd } from './tool.js';

const suite = 'bookworm';
const defaultMirror = 'http://deb.debian.org/debian';
/** What no node needs; a third of the size. */
const leftOut = ['doc', 'man', 'locale', 'info', 'lintian', 'doc-base'];

export type RootSystem = {
  readonly packages: readonly string[];
  /** A mirror of Debian; undefined: Debian's own, with its updates. */
  readonly mirror: string | undefined;
};

export type MakeOptions = {
  readonly environment: Environment | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: ((line: string) => void) | undefined;
};

export type Maker = { readonly name: 'mmdebstrap' | 'debootstrap'; readonly path: string };

/** The tag of the image with this system. */
export function rootReference({ packages, mirror }: RootSystem): string {
  const hash = createHash('sha256');
  hash.update([suite, process.arch, mirror ?? '', ...packages].join('\n'));
  return `${repositoryOf(rootName)}:${hash.digest('hex').slice(0, 12)}`;
}

/** Throws ClusterError E_IMAGE_BUILD where none can be made; names the tool. Does nothing yet. */
export function chooseMaker(
  environment: Environment | undefined,
  uid: number = process.getuid?.() ?? 0,
  systemFolders?: readonly string[],
): Maker {
  const mmdebstrap = findTool('mmdebstrap', environment, systemFolders);
  if (mmdebstrap !== undefined) return { name: 'mmdebstrap', path: mmdebstrap };
  const debootstrap = findTool('debootstrap', environment, systemFolders);
  const elsewhere = [
    'corral image build --base node:20-bookworm-slim (needs a registry)',
    'corral image load FILE.tar, made where there is one by: docker save corral/node:latest',
  ];
  if (debootstrap === undefined) {
    throw new ClusterError(
      'E_IMAGE_BUILD',
      'a node image is made of Debian, and neither mmdebstrap nor debootstrap is on this machine',
      { remedies: ['sudo apt-get install mmdebstrap', ...elsewhere] },
    );
  }
  if (uid !== 0) {
    throw new ClusterError(
      'E_IMAGE_BUILD',
      'debootstrap needs root, and mmdebstrap, which does not, is not on this machine',
      { remedies: ['sudo apt-get install mmdebstrap', 'sudo corral image build', ...elsewhere] },
    );
  }
  return { name: 'debootstrap', path: debootstrap };
}

/** The tag of the image with these packages on a base image. */
export function rootOnBaseReference(packages: readonly string[], base: Base): string {
  const hash = createHash('sha256').update([base.id, ...packages].join('\n'));
  return `${repositoryOf(rootName)}:${hash.digest('hex').slice(0, 12)}`;
}

/** Installs the packages on a base image. Throws ClusterError E_IMAGE_BUILD. */
export async function installOnBase(
  engine: Engine,
  wanted: {
    readonly packages: readonly string[];
    readonly base: Base;
    readonly reference: string;
  },
  options: MakeOptions,
): Promise<void> {
  const { packages, base, reference } = wanted;
  const install = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const dockerfile = [
    'ARG BASE',
    'FROM ${BASE} AS packages',
    `RUN apt-get update && DEBIAN_FRONTEND=noninteractive ${install} && rm -rf /var/lib/apt/lists/*`,
  ].join('\n');
  await buildOnEngine(engine, {
    target: 'packages',
    tags: [reference],
    labels: { [imageLabel]: rootName },
    buildArguments: { BASE: base.name },
    writeContext: (pack) => {
      pack.entry({ name: 'Dockerfile' }, dockerfile);
      pack.finalize();
      return Promise.resolve();
    },
    ...options,
  });
}

/** Makes the system and gives it to the engine under its tag. Throws ClusterError E_IMAGE_BUILD. */
export async function makeRootImage(
  engine: Engine,
  system: RootSystem,
  maker: Maker,
  options: MakeOptions,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'corral-image-'));
  // apt fetches as a user of its own.
  chmodSync(folder, 0o755);
  try {
    const running =
      maker.name === 'mmdebstrap'
        ? startMmdebstrap(maker.path, system, options, folder)
        : await startDebootstrap(maker.path, system, options, folder);
    await importImage(engine, system, running, options);
  } finally {
    await removeTree(folder);
  }
}

function startMmdebstrap(
  program: string,
  system: RootSystem,
  options: MakeOptions,
  folder: string,
): RunningTool {
  const exclude = leftOut.map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const words = [
    '--variant=minbase',
    '--format=tar',
    `--include=${system.packages.join(',')}`,
    ...exclude,
    // The image is written once and thrown away when that fails: no file need reach the disk.
    '--dpkgopt=force-unsafe-io',
    suite,
    '-',
    ...(system.mirror === undefined ? [] : [system.mirror]),
  ];
  const tool = { ...options, program: 'env', words: [`TMPDIR=${folder}`, program, ...words] };
  return startTool(tool, { takeStdout: true });
}

async function startDebootstrap(
  program: string,
  system: RootSystem,
  options: MakeOptions,
  folder: string,
): Promise<RunningTool> {
  const root = join(folder, 'root');
  mkdirSync(root);
  const words = [
    '--variant=minbase',
    `--include=${system.packages.join(',')}`,
    suite,
    root,
    system.mirror ?? defaultMirror,
  ];
  const made = await startTool({ ...options, program, words }).ended;
  if (made.code !== 0) throw madeNothing(made, system, options);
  const exclude = leftOut.map((name) => `--exclude=./usr/share/${name}/*`);
  const archives = '--exclude=./var/cache/apt/archives/*.deb';
  const tar = ['--numeric-owner', '--xattrs', ...exclude, archives, '-C', root, '-c', '.'];
  return startTool({ ...options, program: 'tar', words: tar }, { takeStdout: true });
}

/** The engine reads while the tool writes. What a tool that failed wrote does not become an image. */
async function importImage(
  engine: Engine,
  system: RootSystem,
  running: RunningTool,
  options: MakeOptions,
): Promise<void> {
  const body = new PassThrough();
  running.stdout.pipe(body, { end: false });
  const end = running.ended.then((ended) => {
    if (ended.code === 0) body.end();
    else body.destroy(new Error('given up'));
    return ended;
  });
  const [repo, tag] = rootReference(system).split(':');
  const imported = sendImport(engine, body, { repo, tag }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const ended = await end;
  const error = await imported;
  options.signal?.throwIfAborted();
  if (ended.code !== 0) throw madeNothing(ended, system, options);
  if (error === undefined) return;
  throw new ClusterError(
    'E_IMAGE_BUILD',
    `the engine did not take over the system that was made: ${engineMessage(error)}`,
    { cause: error, remedies: ['df -h /var/lib/docker', 'try again'] },
  );
}

async function sendImport(
  engine: Engine,
  body: Readable,
  name: { readonly repo: string | undefined; readonly tag: string | undefined },
): Promise<void> {
  const changes = `LABEL ${imageLabel}=${rootName}`;
  const answer = await engine.docker.importImage(body, { ...name, changes });
  await followEngine(answer, () => undefined);
}

function madeNothing(ended: ToolEnd, system: RootSystem, options: MakeOptions): Error {
  options.signal?.throwIfAborted();
  const text = ended.log.join('\n');
  const mirror = system.mirror ?? defaultMirror;
  const unreachable =
    /resolv|Unable to connect|Could not connect|Failed to fetch|Failed getting|timed out|unreachable/i.test(
      text,
    );
  const why = unreachable
    ? `the Debian mirror ${mirror} cannot be reached`
    : `making a Debian system failed (exit code ${ended.code ?? 'none'})`;
  return new ClusterError('E_IMAGE_BUILD', `no node image: ${why}`, {
    details: { log: ended.log },
    remedies: unreachable
      ? [
          'corral image build --mirror URL, or set http_proxy',
          'corral image load FILE.tar, made elsewhere by: docker save corral/node:latest',
        ]
      : ['read the lines above', 'sudo corral image build, where user namespaces are forbidden'],
  });
}

/** What a tool that was killed left mounted is unmounted first: nothing beyond it is removed. */
async function removeTree(folder: string): Promise<void> {
  for (const mount of mountsBelow(folder)) {
    await startTool({ program: 'umount', words: [mount] }).ended;
  }
  if (mountsBelow(folder).length === 0) rmSync(folder, { recursive: true, force: true });
}

/** The deepest first. */
function mountsBelow(folder: string): readonly string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const places = mounts.map((line) => line.split(' ')[1] ?? '');
  return places.filter((place) => place.startsWith(`${folder}/`)).reverse();
}
