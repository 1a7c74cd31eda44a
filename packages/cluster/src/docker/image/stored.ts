// The images of Corral that an engine holds: listed, removed, taken from an archive. They are known
// by label and name: an image that someone made from one of ours is not ours.
import type { Readable } from 'node:stream';
import { ClusterError } from '../../errors.js';
import type { Engine } from '../engine.js';
import { engineMessage, statusOf } from '../engine.js';
import { followEngine } from './engine-lines.js';
import { contentLabel, imageLabel, imageTargets, rootName } from './names.js';
import { contentHash, installationFolder } from './sources.js';

export type StoredImage = {
  /** A target, or "root": the bare system that node images are made on. */
  readonly name: string;
  readonly id: string;
  /** Its tags, sorted: corral/NAME:TAG. */
  readonly references: readonly string[];
  readonly content: string | undefined;
  readonly bytes: number;
  /** ISO 8601. */
  readonly createdAt: string;
  /** It is what this very tree would build. */
  readonly current: boolean;
};

export type RemovedImage = { readonly references: readonly string[]; readonly bytes: number };

export type LoadedImage = { readonly reference: string; readonly current: boolean };

export type InspectedImage = {
  readonly id: string;
  readonly bytes: number;
  readonly labels: Readonly<Record<string, string>>;
};

/** Undefined when the engine has no such image. */
export async function inspectImage(
  engine: Engine,
  reference: string,
): Promise<InspectedImage | undefined> {
  try {
    const found = await engine.docker.getImage(reference).inspect();
    // An image without labels has null there, whatever the types say.
    const config = found.Config as { readonly Labels?: Record<string, string> | null } | null;
    return { id: found.Id, bytes: found.Size, labels: config?.Labels ?? {} };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** Removes an image that has no name left, if nothing uses it. */
export async function removeNameless(engine: Engine, id: string): Promise<void> {
  try {
    const image = engine.docker.getImage(id);
    const { RepoTags: tags } = await image.inspect();
    if (tags.length === 0) await image.remove();
  } catch {
    // It is used by another image or a container, or gone: either way it is no leftover of ours.
  }
}

/** Sorted by name, newest first. */
export async function listImages(engine: Engine): Promise<readonly StoredImage[]> {
  const found = await engine.docker.listImages({ filters: { label: [imageLabel] } });
  const images = found.flatMap((image): StoredImage[] => {
    const labels = image.Labels as Readonly<Record<string, string>>;
    const name = labels[imageLabel] ?? '';
    const tags = (image.RepoTags as readonly string[] | null) ?? [];
    const references = tags.filter((tag) => tag.startsWith('corral/')).sort();
    if (references.length === 0) return [];
    const content = labels[contentLabel];
    return [
      {
        name,
        id: image.Id,
        references,
        content,
        bytes: image.Size,
        createdAt: new Date(image.Created * 1000).toISOString(),
        current: content !== undefined && content === currentContent(name),
      },
    ];
  });
  const order = (image: StoredImage): string => `${image.name}\0${image.createdAt}`;
  return images.sort((a, b) =>
    a.name === b.name ? (order(a) < order(b) ? 1 : -1) : order(a) < order(b) ? -1 : 1,
  );
}

/**
 * Removes all images, or those that are named: by target, by tag, by reference. Those that others
 * are made on go last. Throws ClusterError E_IMAGE_MISSING where a name fits none, E_FAILED where a
 * container uses one.
 */
export async function removeImages(
  engine: Engine,
  which: { readonly all: true } | { readonly names: readonly string[] },
): Promise<readonly RemovedImage[]> {
  const images = await listImages(engine);
  const names = 'all' in which ? undefined : which.names;
  for (const name of names ?? []) {
    if (images.some((image) => isNamed(image, name))) continue;
    throw new ClusterError('E_IMAGE_MISSING', `no image of Corral is called ${name}`, {
      details: { known: images.flatMap(({ references }) => references) },
      remedies: ['corral image ls shows what is there'],
    });
  }
  const chosen = images.filter(
    (image) => names === undefined || names.some((name) => isNamed(image, name)),
  );
  const ordered = [
    ...chosen.filter(({ name }) => name !== rootName),
    ...chosen.filter(({ name }) => name === rootName),
  ];
  const removed: RemovedImage[] = [];
  for (const image of ordered) {
    for (const reference of image.references) await removeTag(engine, reference);
    removed.push({ references: image.references, bytes: image.bytes });
  }
  return removed;
}

/** Takes images from an archive of `docker save`. Throws ClusterError E_FAILED when it is none. */
export async function loadImage(
  engine: Engine,
  archive: Readable,
): Promise<readonly LoadedImage[]> {
  const references: string[] = [];
  try {
    const answer = await engine.docker.loadImage(archive);
    await followEngine(answer, ({ stream = '' }) => {
      const loaded = /^Loaded image: (\S+)/.exec(stream)?.[1];
      if (loaded !== undefined) references.push(loaded);
    });
  } catch (error) {
    throw notLoaded(engineMessage(error), error);
  }
  if (references.length === 0) throw notLoaded('it holds no image with a name', undefined);
  return references.map((reference) => {
    const [, name = '', tag = ''] = /^corral\/([^:]+):(.*)$/.exec(reference) ?? [];
    return { reference, current: tag === currentContent(name) };
  });
}

function notLoaded(why: string, cause: unknown): ClusterError {
  return new ClusterError('E_FAILED', `the archive gives no image: ${why}`, {
    cause,
    remedies: ['an archive is made by: docker save -o FILE.tar corral/node:latest'],
  });
}

function isNamed(image: StoredImage, name: string): boolean {
  return (
    image.name === name ||
    image.references.some((one) => one === name || one.endsWith(`:${name}`)) ||
    image.id === name
  );
}

/** Undefined where this tree builds no such image, or nothing at all. */
function currentContent(name: string): string | undefined {
  const target = imageTargets.find((one) => one === name);
  if (target === undefined) return undefined;
  try {
    return contentHash(target, installationFolder());
  } catch (error) {
    if (error instanceof ClusterError) return undefined;
    throw error;
  }
}

async function removeTag(engine: Engine, reference: string): Promise<void> {
  try {
    await engine.docker.getImage(reference).remove();
  } catch (error) {
    if (statusOf(error) === 404) return;
    if (statusOf(error) !== 409) throw error;
    throw new ClusterError('E_FAILED', `${reference} stays: ${engineMessage(error)}`, {
      cause: error,
      remedies: ['corral down NAME, of the cluster that uses it', 'corral ls'],
    });
  }
}
