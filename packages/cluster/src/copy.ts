// `corral cp`: from one side to another, as cp(1) and `docker cp` name what comes to be.
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import type { FileSide } from './access.js';
import { ClusterError } from './errors.js';
import { mapArchive } from './tar-entries.js';

export type Place = {
  readonly side: FileSide;
  /** Absolute. `/.` at the end of a folder means its content. */
  readonly path: string;
};

/**
 * Copies a file, a link (as a link) or a folder. Into a folder that is there goes the source under its
 * own name, of `SRC/.` the content; else the target is its new name. Throws ClusterError E_FAILED.
 */
export async function copyFiles(from: Place, to: Place): Promise<void> {
  const archive = await archiveFor(from, to);
  await archive.target.side.unpack(archive.target.path, archive.stream);
}

/** A tar archive of the source, under its own name; of `SRC/.` its content. Throws ClusterError. */
export async function packFiles(from: Place): Promise<Readable> {
  const { folder, name } = await inspect(from);
  return from.side.pack(folder, name);
}

/** Unpacks a tar archive in a folder that is there. Throws ClusterError E_FAILED. */
export async function unpackFiles(archive: Readable, to: Place): Promise<void> {
  if ((await to.side.kindOf(to.path, { follow: true })) !== 'folder') {
    throw failed(`${nameOf(to)} is no folder: an archive is unpacked in one`);
  }
  await to.side.unpack(to.path, archive);
}

async function archiveFor(
  from: Place,
  to: Place,
): Promise<{ readonly target: Place; readonly stream: Readable }> {
  const { folder, name: own, isFolder } = await inspect(from);
  const there = await to.side.kindOf(to.path, { follow: true });
  if (there === 'folder') return { target: to, stream: await from.side.pack(folder, own) };
  if (there !== undefined && isFolder) {
    throw failed(`${nameOf(to)} is no folder: the folder ${nameOf(from)} cannot replace it`);
  }
  const parent = { side: to.side, path: posix.dirname(withoutEnd(to.path)) };
  if ((await parent.side.kindOf(parent.path, { follow: true })) !== 'folder') {
    throw failed(`there is no folder ${nameOf(parent)}`);
  }
  if (isFolder) {
    return { target: to, stream: await from.side.pack(posix.join(folder, own), '.') };
  }
  if (to.path.endsWith('/')) throw failed(`there is no folder ${nameOf(to)}`);
  const stream = await from.side.pack(folder, own);
  const name = posix.basename(to.path);
  return { target: parent, stream: mapArchive(stream, (header) => ({ ...header, name })) };
}

/** Where the source is, and under which name it is packed. */
async function inspect(
  from: Place,
): Promise<{ readonly folder: string; readonly name: string; readonly isFolder: boolean }> {
  const path = withoutEnd(from.path);
  // A slash at the end asks for a folder, be it behind a link.
  const follow = /\/\.?$/.test(from.path);
  const kind = await from.side.kindOf(path, { follow });
  if (kind === undefined) throw failed(`there is no ${nameOf(from)}`);
  if (follow && kind !== 'folder') throw failed(`${nameOf({ ...from, path })} is no folder`);
  const isContent = path === '/' || from.path.endsWith('/.');
  return isContent
    ? { folder: path, name: '.', isFolder: true }
    : { folder: posix.dirname(path), name: posix.basename(path), isFolder: kind === 'folder' };
}

/** Without what is only said of folders: a slash or `/.` at the end. */
function withoutEnd(path: string): string {
  const normal = posix.normalize(path.replace(/\/\.$/, '/')).replace(/\/+$/, '');
  return normal === '' ? '/' : normal;
}

function nameOf({ side, path }: Place): string {
  return `${side.prefix}${path}`;
}

function failed(message: string): ClusterError {
  return new ClusterError('E_FAILED', message);
}
