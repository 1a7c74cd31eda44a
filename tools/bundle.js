// Bundles our programs. Without words, the store's: one file instead of a hundred is read and linked
// sooner (node bench/startup.js). What is bundled is what tsc wrote; launch-main.ts takes the bundle
// only while it is not older than that. Part of `npm run build`.
//
//   node tools/bundle.js --out DIR NAME...   each named program as DIR/NAME.mjs, one file that needs
//                                            nothing but Node: for images, and for `corral dev`
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';

const packagesFolder = join(import.meta.dirname, '../packages');
const programs = {
  etcd2: 'kv-raft/dist/main.js',
  etcdctl: 'etcd-client/dist/etcdctl/main.js',
  'discovery-service': 'discovery-service/dist/main.js',
  'coreos-cloudinit': 'cloudinit/dist/main.js',
  corral: 'cli/dist/main.js',
};
const { values, positionals } = parseArgs({
  options: { out: { type: 'string' } },
  allowPositionals: true,
});
if (values.out === undefined) await bundleStore();
else for (const name of positionals) await bundleProgram(name, join(values.out, `${name}.mjs`));

async function bundleProgram(name, file) {
  const entry = programs[name];
  if (entry === undefined) {
    throw new Error(`no program ${name}: ${Object.keys(programs).join(', ')} are known`);
  }
  const bundle = await rolldown({ input: join(packagesFolder, entry), platform: 'node' });
  // Beside its place first, so that who starts the program meanwhile never sees half of it.
  const staged = `${file}.${process.pid}`;
  await bundle.write({ file: staged, format: 'esm', codeSplitting: false });
  await bundle.close();
  renameSync(staged, file);
}

async function bundleStore() {
  const dist = join(packagesFolder, 'kv-raft/dist');
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
}
