// Bundles the store's program: one file instead of a hundred is read and linked sooner
// (node bench/startup.js). What is bundled is what tsc wrote; launch-main.ts takes the bundle only
// while it is not older than that. Part of `npm run build`.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';

const dist = join(import.meta.dirname, '../packages/kv-raft/dist');
const folder = join(dist, 'bundle');
const staged = join(dist, `bundle.${process.pid}`);

const bundle = await rolldown({ input: join(dist, 'main.js'), platform: 'node' });
const { output } = await bundle.write({ dir: staged, format: 'esm' });
await bundle.close();
const modules = output.flatMap((chunk) => ('moduleIds' in chunk ? chunk.moduleIds : []));
const packages = new Set(
  modules.flatMap((module) => /^.*?\/packages\/[^/]+\/dist\//.exec(module) ?? []),
);
// The file that tsc touches when it writes anything of a package.
const inputs = [...packages].map((path) => relative(folder, join(path, '.tsbuildinfo'))).sort();
writeFileSync(join(staged, 'inputs.json'), `${JSON.stringify(inputs)}\n`);
rmSync(folder, { recursive: true, force: true });
renameSync(staged, folder);
