// The build context of an image as a tar stream: sources, bundles of our programs, the Node binary.
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { ClusterError } from '../../errors.js';
import { programsOf } from './names.js';
import type { ImageTarget } from './names.js';
import { readNodeBinary } from './node-binary.js';
import { contextFiles, dockerfileFor } from './sources.js';
import { startTool } from './tool.js';
import type { Environment } from './tool.js';

/** One file per program, in a folder of its own; dispose removes it. */
export type Bundles = { readonly folder: string } & Disposable;

/** Throws ClusterError E_IMAGE_BUILD with what the bundler said. */
export async function bundlePrograms(
  names: readonly string[],
  options: {
    readonly folder: string;
    readonly environment: Environment;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Bundles> {
  const out = mkdtempSync(join(tmpdir(), 'corral-bundles-'));
  const remove = (): void => rmSync(out, { recursive: true, force: true });
  const words = [join(options.folder, 'tools', 'bundle.js'), '--out', out, ...names];
  const { code, log } = await startTool({ ...options, program: process.execPath, words }).ended;
  if (code === 0) return { folder: out, [Symbol.dispose]: remove };
  remove();
  options.signal?.throwIfAborted();
  throw new ClusterError('E_IMAGE_BUILD', `bundling ${names.join(', ')} failed`, {
    details: { log },
    remedies: ['npm ci && npm run build', 'read the lines above'],
  });
}

/**
 * Writes the context to `pack` and ends it. With `base` the image has a Node of its own, at
 * `base.node`; without, this machine's goes in, and for components what it is linked with.
 */
export async function writeContext(
  pack: Pack,
  options: {
    readonly target: ImageTarget;
    readonly folder: string;
    readonly bundles: string;
    readonly base: { readonly node: string } | undefined;
  },
): Promise<void> {
  const { target, folder, bundles, base } = options;
  const put = (path: string, bytes: Buffer | string, mode = 0o644): void => {
    pack.entry({ name: path, mode }, bytes as string);
  };
  put('Dockerfile', dockerfileFor(target, folder));
  for (const name of ['libs', 'node-binary']) pack.entry({ name, type: 'directory', mode: 0o755 });
  for (const { path, bytes, mode } of contextFiles(target, folder)) put(path, bytes, mode);
  for (const program of programsOf[target]) {
    put(`programs/${program}.mjs`, readFileSync(join(bundles, `${program}.mjs`)));
  }
  if (base !== undefined) {
    if (base.node !== '/usr/bin/node') {
      pack.entry({ name: 'node-binary/usr/bin/node', type: 'symlink', linkname: base.node });
    }
  } else {
    const binary = await readNodeBinary();
    await putFile(pack, 'node-binary/usr/bin/node', binary.path);
    if (target !== 'node') {
      for (const { path, file } of binary.libraries) await putFile(pack, `libs${path}`, file);
    }
  }
  pack.finalize();
}

async function putFile(pack: Pack, name: string, path: string): Promise<void> {
  const { size } = statSync(path);
  await pipeline(createReadStream(path), pack.entry({ name, size, mode: 0o755 }));
}
