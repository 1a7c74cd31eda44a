// cp: files and folders between nodes and this machine; `-` is a tar archive on stdin or stdout.
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { copyFiles, filesBelow, packFiles, unpackFiles } from '@corral/cluster';
import type { Cluster } from '@corral/cluster';
import type { Context } from '../context.js';
import { tell } from '../context.js';
import { UsageError } from '../render/error.js';
import type { CommonOptions } from './forms.js';
import { openCluster } from './options.js';

type Named = { readonly node: string | undefined; readonly path: string };
type Place = Parameters<typeof copyFiles>[0];

export async function runCopy(
  source: string,
  target: string,
  flags: CommonOptions,
  context: Context,
): Promise<void> {
  const [from, to] = [readPlace(source), readPlace(target)];
  if (from.node === undefined && to.node === undefined) {
    throw new UsageError(`cp ${source} ${target}: one of them must be on a node: NODE:PATH`);
  }
  const cluster = await openCluster(undefined, flags, context);
  const placeOf = (named: Named): Promise<Place> => findPlace(named, cluster, context);
  if (target === '-') {
    const archive = await packFiles(await placeOf(from));
    // What reads us may have seen enough; stdout itself is not ours to end.
    await pipeline(archive, context.ends.stdout, { end: false });
    return;
  }
  const place = await placeOf(to);
  if (source === '-') {
    const { stdin } = context.ends;
    if (stdin === undefined) throw new UsageError('cp -: there is nothing on stdin');
    await unpackFiles(stdin, place);
  } else await copyFiles(await placeOf(from), place);
  if (flags.quiet !== true) tell(context, `copied ${source} to ${target}\n`);
}

/** `NODE:PATH`; what begins with a slash or a dot, or has a slash before the colon, is of this machine. */
export function readPlace(text: string): Named {
  const match = /^([^/.:][^/:]*):(.*)$/s.exec(text);
  if (match === null) return { node: undefined, path: text };
  const [, node = '', path = ''] = match;
  if (path === '') throw new UsageError(`${text}: a path is missing after the colon`);
  return { node, path };
}

async function findPlace(named: Named, cluster: Cluster, context: Context): Promise<Place> {
  if (named.node === undefined) {
    // What the end says of a folder (`/`, `/.`) would be lost.
    const end = /\/\.?$/.exec(named.path)?.[0] ?? '';
    const path = resolve(context.folder, named.path);
    return { side: filesBelow('/', ''), path: `${path === '/' ? '' : path}${end}` };
  }
  const node = await cluster.resolve(named.node);
  const { files } = cluster.access(node, context.environment);
  return { side: files, path: named.path.startsWith('/') ? named.path : `/${named.path}` };
}
