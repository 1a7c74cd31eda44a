// Images by the content they are made of: which one belongs to this very tree, and how it gets onto
// the engine. Nothing is pulled unless a base image was asked for by name.
import type { Readable } from 'node:stream';
import { systemClock } from '@corral/kit';
import type { Engine } from '../engine.js';
import { statusOf } from '../engine.js';
import { bundlePrograms, writeContext } from './context.js';
import { buildOnEngine } from './engine-build.js';
import {
  baseLabel,
  contentLabel,
  imageLabel,
  imageTargets,
  programsOf,
  repositoryOf,
} from './names.js';
import type { ImageTarget } from './names.js';
import { makeRootImage, rootReference } from './root-system.js';
import { contentHash, debianPackages, installationFolder } from './sources.js';
import type { Environment } from './tool.js';

export { imageTargets } from './names.js';
export type { ImageTarget } from './names.js';

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
  readonly targets?: readonly ImageTarget[];
  readonly environment: Environment;
  readonly mirror?: string | undefined;
  readonly onStep?: (step: BuildStep) => void;
  readonly signal?: AbortSignal | undefined;
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
  return (await inspect(engine, reference)) === undefined ? undefined : reference;
}

/** Builds what is not there yet. Throws ClusterError E_IMAGE_BUILD. */
export async function buildImages(
  engine: Engine,
  options: BuildOptions,
): Promise<readonly BuiltImage[]> {
  const { targets = imageTargets, signal } = options;
  const folder = installationFolder();
  const built: BuiltImage[] = [];
  for (const target of targets) {
    signal?.throwIfAborted();
    built.push(await buildOne(engine, target, folder, options));
  }
  return built;
}

async function buildOne(
  engine: Engine,
  target: ImageTarget,
  folder: string,
  options: BuildOptions,
): Promise<BuiltImage> {
  const { environment, signal, mirror } = options;
  const hash = contentHash(target, folder);
  const reference = `${repositoryOf(target)}:${hash}`;
  const there = await inspect(engine, reference);
  if (there !== undefined) {
    await engine.docker.getImage(reference).tag({ repo: repositoryOf(target), tag: 'latest' });
    return { target, reference, id: there.Id, bytes: there.Size, cached: true };
  }
  const step = stepper(options);
  using bundles = await step('programs', programsOf[target].join(', '), () =>
    bundlePrograms(programsOf[target], { folder, environment, signal }),
  );
  const buildArguments: Record<string, string> = {};
  if (target === 'node') {
    const system = { packages: debianPackages(folder), mirror };
    const root = rootReference(system);
    if ((await inspect(engine, root)) === undefined) {
      await step('debian', `${system.packages.length} packages`, () =>
        makeRootImage(engine, system, { environment, signal }),
      );
    }
    buildArguments['ROOT'] = root;
  }
  await step(`image ${target}`, reference, () =>
    buildOnEngine(engine, {
      target,
      tags: [reference, `${repositoryOf(target)}:latest`],
      labels: { [imageLabel]: target, [contentLabel]: hash, [baseLabel]: 'debian' },
      buildArguments,
      pull: false,
      writeContext: (pack) =>
        writeContext(pack, { target, folder, bundles: bundles.folder, base: undefined }),
      signal,
    }),
  );
  const image = await engine.docker.getImage(reference).inspect();
  return { target, reference, id: image.Id, bytes: image.Size, cached: false };
}

function stepper(
  options: BuildOptions,
): <T>(name: string, text: string, work: () => Promise<T>) => Promise<T> {
  return async (name, text, work) => {
    const begun = systemClock.now();
    options.onStep?.({ kind: 'step', name, state: 'started' });
    const result = await work();
    const ms = Math.round(systemClock.now() - begun);
    options.onStep?.({ kind: 'step', name, state: 'done', ms, text });
    return result;
  };
}

async function inspect(
  engine: Engine,
  reference: string,
): Promise<{ readonly Id: string; readonly Size: number } | undefined> {
  try {
    return await engine.docker.getImage(reference).inspect();
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

export type ImageStream = Readable;
