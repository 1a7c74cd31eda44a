// What the cli image holds of this installation: the compiled packages, the libraries they need when
// they run, and what images are named by, so that `corral` in it finds the node image of this tree.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow } from './sources.js';
import type { SourceFile } from './sources.js';

export type TreeLink = { readonly path: string; readonly to: string };

type Lock = {
  readonly packages: Readonly<Record<string, LockEntry>>;
};
type LockEntry = {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly bin?: Readonly<Record<string, string>>;
};

/** Types, maps and papers of libraries are left out; so are parts that are built for one machine. */
const unwanted = /\.(map|[cm]?ts|md|node|markdown)$|\/(test|tests|docs|build|\.github)\//;

/** Paths are below the folder of the installation. */
export function cliTree(folder: string): {
  readonly files: readonly SourceFile[];
  readonly links: readonly TreeLink[];
} {
  const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as Lock;
  const files: SourceFile[] = [];
  for (const path of ['package.json', 'package-lock.json', 'tools/bundle.js', 'docker']) {
    files.push(...wantedBelow(folder, path));
  }
  const links: TreeLink[] = [];
  for (const name of readdirSync(join(folder, 'packages')).sort()) {
    for (const part of ['package.json', 'bin', 'dist']) {
      const path = `packages/${name}/${part}`;
      if (existsSync(join(folder, path))) files.push(...wantedBelow(folder, path));
    }
    const { bin = {} } = lock.packages[`packages/${name}`] ?? {};
    for (const [program, file] of Object.entries(bin)) {
      const to = `../../packages/${name}/${file.replace(/^\.\//, '')}`;
      links.push({ path: `node_modules/.bin/${program}`, to });
    }
  }
  for (const [path, entry] of Object.entries(lock.packages)) {
    // Below a package too, where it wants another version than the rest.
    if (!path.includes('node_modules/') || entry.dev === true || entry.devOptional === true)
      continue;
    if (entry.link === true) {
      const up = '../'.repeat(path.split('/').length - 1);
      if (/^packages\//.test(entry.resolved ?? '')) {
        links.push({ path, to: `${up}${entry.resolved ?? ''}` });
      }
    } else if (existsSync(join(folder, path))) {
      files.push(...wantedBelow(folder, path));
    }
  }
  return { files, links };
}

function wantedBelow(folder: string, path: string): readonly SourceFile[] {
  return filesBelow(folder, path, (below) => !unwanted.test(below.slice(path.length)));
}
