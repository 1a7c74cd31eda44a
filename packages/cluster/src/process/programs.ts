// Our own programs by name, found the way npm links them: as bins of this installation.
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Environment } from '../hosts.js';
import type { OwnPrograms } from './mapping.js';

const names = ['etcd2', 'etcdctl', 'coreos-cloudinit', 'discovery-service'];

/** Looks in node_modules/.bin of `from` and every folder above it. */
export function findPrograms(from: string): OwnPrograms {
  const found: Record<string, string> = {};
  for (const name of names) {
    const path = findBin(from, name);
    if (path !== undefined) found[name] = path;
  }
  return found;
}

/** The folder with the bins, for PATH. */
export function binFolder(from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const bins = join(folder, 'node_modules', '.bin');
    if (existsSync(join(bins, 'etcd2'))) return bins;
    if (folder === dirname(folder)) return undefined;
  }
}

/** PATH with our own programs in front, after those in `first`, for what is run on this machine. */
export function hostEnvironment(base: Environment, first?: string): Environment {
  const bins = binFolder(import.meta.dirname);
  const path = [first, bins, base['PATH']].filter((one) => one !== undefined).join(':');
  return { ...base, PATH: path };
}

function findBin(from: string, name: string): string | undefined {
  const folder = binFolder(from);
  const path = folder === undefined ? '' : join(folder, name);
  return existsSync(path) ? realpathSync(path) : undefined;
}
