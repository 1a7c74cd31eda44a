// Paths below a folder that stands for a root file system: symbolic links are resolved as chroot(2)
// would, so that no path and no link leads out of it.
import { lstatSync, readlinkSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';

const linksMax = 40;

/**
 * The place of `path` on this machine. `..` is cleaned first and cannot climb above the root; links
 * on the way stay below the root, absolute ones start at it. The last part is followed only when
 * asked for. Throws when there are too many links. (path_resolution(7))
 */
export function resolveBelow(
  root: string,
  path: string,
  options: { readonly followLast: boolean } = { followLast: true },
): string {
  const base = resolve(root);
  const pending = parts(posix.normalize(`/${path}`));
  let below: string[] = [];
  let links = 0;
  while (pending.length > 0) {
    const part = pending.shift() ?? '';
    if (part === '..') {
      below.pop();
      continue;
    }
    const place = join(base, ...below, part);
    const link = pending.length > 0 || options.followLast ? linkAt(place) : undefined;
    if (link === undefined) {
      below.push(part);
      continue;
    }
    links += 1;
    if (links > linksMax) throw new Error(`${path}: more than ${linksMax} symbolic links`);
    if (link.startsWith('/')) below = [];
    pending.unshift(...parts(link));
  }
  return join(base, ...below);
}

/** Something is there, be it a link that leads nowhere. */
export function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** False for what is no plain file name: empty, ".", "..", or with a slash or NUL in it. */
export function isFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name) && name.length < 256;
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function linkAt(place: string): string | undefined {
  try {
    return lstatSync(place).isSymbolicLink() ? readlinkSync(place) : undefined;
  } catch {
    return undefined;
  }
}
