// Unit files below a root: search path, masks, templates, drop-ins. (systemd.unit(5))
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isFileName, isThere, resolveBelow } from './rooted.js';
import { Unit, parseUnitFile } from './unit-file.js';

export type LoadedUnit =
  /** `path` is where the main file was found, as seen from the root. */
  | { readonly kind: 'loaded'; readonly unit: Unit; readonly path: string }
  | { readonly kind: 'masked' }
  | { readonly kind: 'not-found' };

/** Of equal names the first folder wins. */
export const searchPath = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/run/fleet/units',
  '/usr/lib/systemd/system',
];

/** Throws UnitError for a file that cannot be read as a unit. */
export function loadUnit(root: string, name: string): LoadedUnit {
  if (!isFileName(name)) return { kind: 'not-found' };
  const template = templateOf(name);
  const found = find(root, name) ?? (template === undefined ? undefined : find(root, template));
  if (found === undefined) return { kind: 'not-found' };
  if (isMask(resolveBelow(root, found, { followLast: false }))) return { kind: 'masked' };
  const place = resolveBelow(root, found);
  if (!isThere(place)) return { kind: 'not-found' };
  const text = readFileSync(place, 'utf8');
  if (text === '') return { kind: 'masked' };
  const assignments = parseUnitFile(text, found);
  for (const dropIn of dropIns(root, template === undefined ? [name] : [template, name])) {
    const file = readFileSync(resolveBelow(root, dropIn), 'utf8');
    assignments.push(...parseUnitFile(file, dropIn));
  }
  return { kind: 'loaded', unit: new Unit(name, assignments), path: found };
}

/** True when a drop-in of this name exists for the unit. */
export function hasDropIn(root: string, name: string, dropIn: string): boolean {
  return searchPath.some((path) => isThere(resolveBelow(root, `${path}/${name}.d/${dropIn}`)));
}

/** The names in `NAME.wants` or `NAME.requires`, over all folders, sorted. */
export function linkedUnits(root: string, name: string, kind: 'wants' | 'requires'): string[] {
  const found = new Set<string>();
  for (const path of searchPath) {
    for (const file of filesOf(resolveBelow(root, `${path}/${name}.${kind}`))) found.add(file);
  }
  return [...found].sort();
}

/** `a@.service` for `a@1.service`; undefined for what is no instance. */
function templateOf(name: string): string | undefined {
  const match = /^([^@]+@)(.+)(\.[a-z]+)$/.exec(name);
  return match === null ? undefined : `${match[1] ?? ''}${match[3] ?? ''}`;
}

function find(root: string, name: string): string | undefined {
  return searchPath
    .map((folder) => `${folder}/${name}`)
    .find((path) => isThere(resolveBelow(root, path, { followLast: false })));
}

/** Drop-ins by file name; the higher folder wins, and the instance over its template. */
function dropIns(root: string, names: readonly string[]): readonly string[] {
  const byName = new Map<string, string>();
  for (const name of names) {
    for (const path of [...searchPath].reverse()) {
      const folder = `${path}/${name}.d`;
      for (const file of filesOf(resolveBelow(root, folder))) {
        if (file.endsWith('.conf')) byName.set(file, join(folder, file));
      }
    }
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
}

function filesOf(folder: string): readonly string[] {
  return isThere(folder) && lstatSync(folder).isDirectory() ? readdirSync(folder) : [];
}

function isMask(path: string): boolean {
  return lstatSync(path).isSymbolicLink() && readlinkSync(path) === '/dev/null';
}

/** Writes a unit file below a root; for the units that a node ships. */
export function writeUnit(root: string, name: string, text: string): void {
  const path = join(root, 'usr/lib/systemd/system', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
