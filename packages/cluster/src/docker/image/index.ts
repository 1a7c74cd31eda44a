// Images by the content they are made of: which one belongs to this very tree, and how it gets onto
// the engine. Nothing is pulled unless that was asked for.
import { systemClock } from '@corral/kit';
import type { Engine } from '../engine.js';
import { pullBase, readBase } from './base.js';
import type { Base } from './base.js';
import { bundlePrograms, writeContext } from './context.js';
import type { Bundles } from './context.js';
import { buildOnEngine } from './engine-build.js';
import {
  baseLabel,
  contentLabel,
  defaultBase,
  imageLabel,
  imageTargets,
  madeOnRoot,
  programsOf,
  repositoryOf,
} from './names.js';
import type { ImageTarget } from './names.js';
import { readNodeBinary } from './node-binary.js';
import { checkRoom } from './room.js';
import {
  chooseMaker,
  installOnBase,
  makeRootImage,
  rootOnBaseReference,
  rootReference,
} from './root-system.js';
import { contentHash, debianPackages, installationFolder } from './sources.js';
import { inspectImage, removeNameless } from './stored.js';
import type { Environment } from './tool.js';

export { connectEngine } from '../engine.js';
export type { Engine } from '../engine.js';
export { imageTargets } from './names.js';
export type { ImageTarget } from './names.js';
export { listImages, loadImage, removeImages } from './stored.js';
export type { LoadedImage, RemovedImage, StoredImage } from './stored.js';

export type BuildStep =
  | { readonly kind: 'step'; readonly name: string; readonly state: 'started' }
  | {
      readonly kind: 'step';
      readonly name: string;
      readonly state: 'done';
      readonly ms: number;
      readonly text: string;
    };

export type BuiltImage = {
  readonly target: ImageTarget;
  readonly reference: string;
  readonly id: string;
  readonly bytes: number;
  /** It was there already. */
  readonly cached: boolean;
};

export type BuildOptions = {
  /** All when left out. */
  readonly targets?: readonly ImageTarget[];
  /** For the tools that are run: PATH, TMPDIR, http_proxy. This process's own when left out. */
  readonly environment?: Environment;
  /** A mirror of Debian; Debian's own when left out. */
  readonly mirror?: string | undefined;
  /** An image with Node and apt to start from, instead of a Debian made here. */
  readonly base?: string | undefined;
  /** Fetch the base image (node:20-bookworm-slim unless named); nothing else ever does. */
  readonly pull?: boolean;
  readonly onStep?: (step: BuildStep) => void;
  /** Each line that a tool or a step of the build says. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
};

type Builder = {
  readonly engine: Engine;
  readonly folder: string;
  readonly options: BuildOptions;
  readonly base: Base | undefined;
};

/** The node image of this very tree: `corral/node:` and twelve digits of its content. */
export function nodeImageReference(): string {
  return imageReference('node');
}

export function imageReference(target: ImageTarget): string {
  return `${repositoryOf(target)}:${contentHash(target, installationFolder())}`;
}

/** The reference of the node image for this very tree, if the engine has it. */
export async function findNodeImage(engine: Engine): Promise<string | undefined> {
  const reference = nodeImageReference();
  return (await inspectImage(engine, reference)) === undefined ? undefined : reference;
}

/**
 * Builds what is not there yet. Throws ClusterError E_IMAGE_BUILD, E_IMAGE_MISSING (the base image)
 * or E_DISK_LOW.
 */
export async function buildImages(
  engine: Engine,
  options: BuildOptions = {},
): Promise<readonly BuiltImage[]> {
  const { targets = imageTargets, signal } = options;
  const folder = installationFolder();
  const name = options.base ?? (options.pull === true ? defaultBase : undefined);
  if (name !== undefined && options.pull === true) {
    await inStep(options, 'pull', name, () => pullBase(engine, name, options));
  }
  const base = name === undefined ? undefined : await readBase(engine, name);
  const builder: Builder = { engine, folder, options, base };
  const built: BuiltImage[] = [];
  for (const target of targets) {
    signal?.throwIfAborted();
    built.push(await buildOne(builder, target));
  }
  return built;
}

async function buildOne(builder: Builder, target: ImageTarget): Promise<BuiltImage> {
  const { engine, folder, options, base } = builder;
  const { environment, signal } = options;
  const hash = contentHash(target, folder);
  const reference = `${repositoryOf(target)}:${hash}`;
  const from = base?.name ?? 'debian';
  const there = await inspectImage(engine, reference);
  if (there !== undefined && (base === undefined || there.labels[baseLabel] === from)) {
    await engine.docker.getImage(reference).tag({ repo: repositoryOf(target), tag: 'latest' });
    return { target, reference, id: there.id, bytes: there.bytes, cached: true };
  }
  // What cannot work is found out before anything is made.
  const binary = base === undefined ? await readNodeBinary() : undefined;
  const root = madeOnRoot(target) ? await rootFor(builder) : undefined;
  await checkRoom(engine, { makesRoot: root?.make !== undefined });
  const programs = programsOf[target];
  const bundle = (): Promise<Bundles> => bundlePrograms(programs, { folder, environment, signal });
  using bundles =
    programs.length === 0
      ? undefined
      : await inStep(options, 'programs', programs.join(', '), bundle);
  await root?.make?.();
  await inStep(options, `image ${target}`, reference, () =>
    buildOnEngine(engine, {
      target,
      tags: [reference, `${repositoryOf(target)}:latest`],
      labels: { [imageLabel]: target, [contentLabel]: hash, [baseLabel]: from },
      buildArguments: {
        ...(base === undefined ? {} : { BASE: base.name }),
        ...(root === undefined ? {} : { ROOT: root.reference }),
      },
      writeContext: (pack) =>
        writeContext(pack, { target, folder, bundles: bundles?.folder, binary, base }),
      signal,
      onLine: options.onLine,
    }),
  );
  // Built anew on another base under the same name: the one before has lost its name.
  if (there !== undefined) await removeNameless(engine, there.id);
  const image = await engine.docker.getImage(reference).inspect();
  return { target, reference, id: image.Id, bytes: image.Size, cached: false };
}

/** The system that a node image is made on, and how to make it where it is not there. */
async function rootFor({ engine, folder, options, base }: Builder): Promise<{
  readonly reference: string;
  readonly make: (() => Promise<void>) | undefined;
}> {
  const { environment, mirror, signal, onLine } = options;
  const packages = debianPackages(folder);
  const text = `${packages.length} packages and what they need`;
  const reference =
    base === undefined ? rootReference({ packages, mirror }) : rootOnBaseReference(packages, base);
  if ((await inspectImage(engine, reference)) !== undefined) return { reference, make: undefined };
  const how = { environment, signal, onLine };
  if (base !== undefined) {
    const make = (): Promise<void> => installOnBase(engine, { packages, base, reference }, how);
    return { reference, make: () => inStep(options, 'packages', text, make) };
  }
  const maker = chooseMaker(environment);
  const make = (): Promise<void> => makeRootImage(engine, { packages, mirror }, maker, how);
  return { reference, make: () => inStep(options, `debian`, `${text}, by ${maker.name}`, make) };
}

async function inStep<T>(
  { onStep }: BuildOptions,
  name: string,
  text: string,
  work: () => Promise<T>,
): Promise<T> {
  const begun = systemClock.now();
  onStep?.({ kind: 'step', name, state: 'started' });
  const result = await work();
  onStep?.({ kind: 'step', name, state: 'done', ms: Math.round(systemClock.now() - begun), text });
  return result;
}
