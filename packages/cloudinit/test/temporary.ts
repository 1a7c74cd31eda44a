// Folders of a test, and what is in them.
import { lstatSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new empty folder; gone when the scope ends. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'corral-cloudinit-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Every file below `folder` as "PATH MODE" and its text, links as "PATH -> TARGET", sorted. */
export function treeText(folder: string, below = ''): string {
  const out: string[] = [];
  for (const name of readdirSync(join(folder, below)).sort()) {
    const path = join(below, name);
    const place = join(folder, path);
    const found = lstatSync(place);
    if (found.isSymbolicLink()) out.push(`== /${path} -> ${readlinkSync(place)}\n`);
    else if (found.isDirectory()) out.push(treeText(folder, path));
    else {
      out.push(`== /${path} ${(found.mode & 0o7777).toString(8)}\n${readFileSync(place, 'utf8')}`);
    }
  }
  return out.join('');
}
