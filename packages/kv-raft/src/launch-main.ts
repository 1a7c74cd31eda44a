// What the bin starts: the bundle of main.ts (tools/bundle.js) where it is as new as what tsc wrote
// last, else the compiled files themselves. Both are the same program; the bundle starts sooner.
import { readFileSync, statSync } from 'node:fs';

const folder = new URL('bundle/', import.meta.url);

function isFresh(): boolean {
  try {
    const made = statSync(new URL('main.js', folder)).mtimeMs;
    const inputs = JSON.parse(readFileSync(new URL('inputs.json', folder), 'utf8')) as string[];
    return inputs.every((input) => statSync(new URL(input, folder)).mtimeMs <= made);
  } catch {
    return false;
  }
}

await import(isFresh() ? new URL('main.js', folder).href : './main.js');
