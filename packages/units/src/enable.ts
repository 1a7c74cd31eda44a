// What `systemctl enable` does: the links that [Install] asks for. (systemctl(1), systemd.unit(5))
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { loadUnit } from './load.js';
import { isFileName, resolveBelow } from './rooted.js';

export type EnableResult =
  | { readonly kind: 'enabled'; readonly links: readonly string[] }
  | { readonly kind: 'skipped'; readonly reason: string };

/**
 * Makes the links of WantedBy=, RequiredBy= and Alias=, below /etc or, with `runtime`, /run; Also=
 * is enabled with it. Links that are there are replaced, as with --force. Throws UnitError for a
 * file that is no unit file.
 */
export function enableUnit(
  root: string,
  name: string,
  options: { readonly runtime: boolean },
  seen: ReadonlySet<string> = new Set(),
): EnableResult {
  const loaded = loadUnit(root, name);
  if (loaded.kind === 'masked') return { kind: 'skipped', reason: `${name} is masked` };
  if (loaded.kind === 'not-found') return { kind: 'skipped', reason: `no unit ${name}` };
  const { unit, path: source } = loaded;
  const folder = `${options.runtime ? '/run' : '/etc'}/systemd/system`;
  const wanted: string[] = [];
  for (const target of unit.names('Install', 'WantedBy')) {
    if (isFileName(target)) wanted.push(`${folder}/${target}.wants/${name}`);
  }
  for (const target of unit.names('Install', 'RequiredBy')) {
    if (isFileName(target)) wanted.push(`${folder}/${target}.requires/${name}`);
  }
  for (const alias of unit.names('Install', 'Alias')) {
    if (isFileName(alias) && alias !== name) wanted.push(`${folder}/${alias}`);
  }
  for (const link of wanted) {
    const place = resolveBelow(root, link, { followLast: false });
    mkdirSync(dirname(place), { recursive: true });
    rmSync(place, { force: true });
    symlinkSync(source, place);
  }
  const links = [...wanted];
  const known = new Set([...seen, name]);
  for (const other of unit.names('Install', 'Also')) {
    if (known.has(other)) continue;
    const result = enableUnit(root, other, options, known);
    if (result.kind === 'enabled') links.push(...result.links);
  }
  return { kind: 'enabled', links };
}
