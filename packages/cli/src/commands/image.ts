// image build, load, ls and rm: images on the engine that `docker` would use. No cluster is needed.
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { ClusterError } from '@corral/cluster/errors';
import {
  buildImages,
  connectEngine,
  imageTargets,
  listImages,
  loadImage,
  removeImages,
} from '@corral/cluster/images';
import type { BuiltImage, ImageTarget, StoredImage } from '@corral/cluster/images';
import { age } from '@corral/cluster';
import { errorMessage, systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { show, tell } from '../context.js';
import { UsageError } from '../render/error.js';
import { printObject } from '../render/objects.js';
import { size, table } from '../render/table.js';
import { listForms, outputForm } from './forms.js';
import type { CommonOptions } from './forms.js';
import { progressOf } from './options.js';

export type BuildFlags = CommonOptions & {
  readonly mirror?: string;
  readonly base?: string;
  readonly pull?: boolean;
};

export type RemoveFlags = CommonOptions & { readonly all?: boolean };

/** With -v each line of the tools, on stderr. */
export async function runImageBuild(
  words: readonly string[],
  flags: BuildFlags,
  context: Context,
): Promise<void> {
  const form = outputForm(flags);
  const targets = words.map(targetOf);
  const engine = await connectEngine(context.environment);
  const progress = progressOf(flags, context, 'corral image build');
  let built: readonly BuiltImage[];
  try {
    built = await buildImages(engine, {
      ...(targets.length > 0 && { targets }),
      environment: context.environment,
      mirror: flags.mirror,
      base: flags.base,
      pull: flags.pull === true,
      onStep: progress.on,
      ...(flags.verbose === true && { onLine: (line) => tell(context, `  | ${line}\n`) }),
      signal: context.signal,
    });
  } finally {
    progress.close();
  }
  if (form !== 'table') {
    await printObject(context, form === 'yaml' ? 'yaml' : 'json', built);
    return;
  }
  const rows = built.map(({ reference, bytes, cached }) => [
    reference,
    size(bytes),
    cached ? 'was there' : 'built',
  ]);
  show(context, `${table(rows)}\n`);
}

export async function runImageLoad(
  file: string,
  flags: CommonOptions,
  context: Context,
): Promise<void> {
  const form = outputForm(flags);
  const archive = await openArchive(file);
  const engine = await connectEngine(context.environment);
  const progress = progressOf(flags, context, 'corral image load');
  const loaded = await progress.during('loading', loadImage(engine, archive));
  if (form !== 'table') {
    await printObject(context, form === 'yaml' ? 'yaml' : 'json', loaded);
    return;
  }
  for (const { reference, current } of loaded) {
    show(context, `loaded ${reference}${current ? ', which belongs to this Corral' : ''}\n`);
  }
  if (!loaded.some(({ current }) => current) && flags.quiet !== true) {
    const hint = 'none of them belongs to this very Corral, which builds its own when it needs one';
    tell(context, `${hint}\n`);
  }
}

export async function runImageList(flags: CommonOptions, context: Context): Promise<void> {
  const form = outputForm(flags, listForms);
  const images = await listImages(await connectEngine(context.environment));
  if (form === 'json' || form === 'yaml') {
    await printObject(context, form, images);
    return;
  }
  if (form === 'name') {
    for (const image of images) context.streams.stdout(`${image.references[0] ?? ''}\n`);
    return;
  }
  const wide = form === 'wide';
  const head = ['IMAGE', 'TAGS', 'SIZE', 'AGE', ...(wide ? ['ID'] : []), ''];
  const rows = images.map((image) => rowOf(image, wide));
  show(context, `${table([head, ...rows])}\n`);
  if (images.length === 0 && flags.quiet !== true) {
    tell(context, 'none yet: corral image build makes them\n');
  }
}

export async function runImageRemove(
  names: readonly string[],
  flags: RemoveFlags,
  context: Context,
): Promise<void> {
  const form = outputForm(flags);
  const all = flags.all === true;
  if (all === names.length > 0) {
    throw new UsageError('which images: give names (corral image ls), or --all alone');
  }
  const engine = await connectEngine(context.environment);
  const progress = progressOf(flags, context, 'corral image rm');
  const work = removeImages(engine, all ? { all } : { names });
  const removed = await progress.during('removing', work);
  if (form !== 'table') {
    await printObject(context, form === 'yaml' ? 'yaml' : 'json', removed);
    return;
  }
  for (const { references } of removed) show(context, `removed ${references.join(' ')}\n`);
  if (removed.length === 0) show(context, 'no images\n');
}

function rowOf(image: StoredImage, wide: boolean): readonly string[] {
  const tags = image.references.map((one) => one.slice(one.lastIndexOf(':') + 1));
  return [
    image.name,
    tags.join(' '),
    size(image.bytes),
    age(image.createdAt, systemClock.wallTime()),
    ...(wide ? [image.id.replace(/^sha256:/, '').slice(0, 12)] : []),
    image.current ? 'of this Corral' : '',
  ];
}

function targetOf(word: string): ImageTarget {
  const target = imageTargets.find((one) => one === word);
  if (target !== undefined) return target;
  throw new UsageError(`no image ${word}: ${imageTargets.join(', ')} are there`);
}

/** Found out before the engine is asked, so that the message is about the file. */
async function openArchive(file: string): Promise<Readable> {
  const archive = createReadStream(file === '-' ? '/dev/stdin' : file);
  try {
    await new Promise<void>((resolve, reject) => {
      archive.once('open', () => resolve());
      archive.once('error', reject);
    });
    return archive;
  } catch (error) {
    throw new ClusterError('E_FAILED', `cannot read ${file}: ${errorMessage(error)}`, {
      cause: error,
      remedies: ['an archive is made by: docker save -o FILE.tar corral/node:latest'],
    });
  }
}
