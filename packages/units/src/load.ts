// Finding a unit below a root: search path, masks, drop-ins. (systemd.unit(5))
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Unit, parseUnitFile } from './unit-file.js';

export type LoadedUnit =
  | { readonly kind: 'loaded'; readonly unit: Unit }
  | { readonly kind: 'masked' }
  | { readonly kind: 'not-found' };

const searchPath = ['/etc/systemd/system', '/run/systemd/system', '/usr/lib/systemd/system'];

/** Throws UnitError for a file that cannot be read as a unit. */
export function loadUnit(root: string, name: string): LoadedUnit {
  const folder = searchPath.find((path) => isThere(join(root, path, name)));
  if (folder === undefined) return { kind: 'not-found' };
  const path = join(root, folder, name);
  if (isMask(path)) return { kind: 'masked' };
  const files = [path, ...dropIns(root, name)];
  const assignments = files.flatMap((file) =>
    parseUnitFile(readFileSync(file, 'utf8'), file.slice(root.length)),
  );
  return { kind: 'loaded', unit: new Unit(name, assignments) };
}

/** True when a drop-in of this name exists for the unit. */
export function hasDropIn(root: string, name: string, dropIn: string): boolean {
  return searchPath.some((path) => existsSync(join(root, path, `${name}.d`, dropIn)));
}

/** Drop-ins by file name; of equal names the higher directory wins. */
function dropIns(root: string, name: string): readonly string[] {
  const byName = new Map<string, string>();
  for (const path of [...searchPath].reverse()) {
    const folder = join(root, path, `${name}.d`);
    if (!existsSync(folder)) continue;
    for (const file of readdirSync(folder)) {
      if (file.endsWith('.conf')) byName.set(file, join(folder, file));
    }
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
}

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function isMask(path: string): boolean {
  const found = lstatSync(path);
  if (found.isSymbolicLink()) return readlinkSync(path) === '/dev/null';
  return statSync(path).size === 0;
}
