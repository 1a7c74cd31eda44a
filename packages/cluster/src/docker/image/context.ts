// The build context of an image as a tar stream: sources, bundles of our programs, the Node binary.
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { ClusterError } from '../../errors.js';
import { cliTree } from './cli-tree.js';
import { madeOnRoot, programsOf } from './names.js';
import type { ImageTarget } from './names.js';
import type { Base } from './base.js';
import type { NodeBinary } from './node-binary.js';
import { contextFiles, dockerfileFor } from './sources.js';
import { startTool } from './tool.js';
import type { Environment } from './tool.js';

/** What programs expect of any system, and an image that starts from nothing lacks. */
const bareSystem = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  '/etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  '/etc/nsswitch.conf': 'hosts: files dns\n',
};

/** One file per program, in a folder of its own; dispose removes it. */
export type Bundles = { readonly folder: string } & Disposable;

/** Throws ClusterError E_IMAGE_BUILD with what the bundler said. */
export async function bundlePrograms(
  names: readonly string[],
  options: {
    readonly folder: string;
    readonly environment?: Environment | undefined;
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
 * Writes the context to `pack` and ends it. With `base` the image has a Node of its own; without,
 * this machine's goes in, and for components, which start from nothing, what it is linked with.
 */
export async function writeContext(
  pack: Pack,
  options: {
    readonly target: ImageTarget;
    readonly folder: string;
    /** The folder of the bundles; undefined for an image that has none. */
    readonly bundles: string | undefined;
    readonly binary: NodeBinary | undefined;
    readonly base: Base | undefined;
  },
): Promise<void> {
  const { target, folder, bundles, binary, base } = options;
  const put = (path: string, bytes: Buffer | string, mode = 0o644): void => {
    pack.entry({ name: path, mode }, bytes as string);
  };
  put('Dockerfile', dockerfileFor(target, folder));
  for (const name of ['libs', 'node-binary']) pack.entry({ name, type: 'directory', mode: 0o755 });
  for (const { path, bytes, mode } of contextFiles(target, folder)) put(path, bytes, mode);
  for (const program of programsOf[target]) {
    put(`programs/${program}.mjs`, readFileSync(join(bundles ?? '', `${program}.mjs`)));
  }
  if (target === 'cli') {
    const { files, links } = cliTree(folder);
    for (const { path, bytes, mode } of files) put(`installation/${path}`, bytes, mode);
    for (const { path, to } of links) {
      pack.entry({ name: `installation/${path}`, type: 'symlink', linkname: to });
    }
  }
  if (base !== undefined && base.node !== '/usr/bin/node') {
    const name = 'node-binary/usr/bin/node';
    pack.entry({ name, type: 'symlink', linkname: base.node });
  }
  if (binary !== undefined) {
    await putFile(pack, 'node-binary/usr/bin/node', binary.path);
    if (!madeOnRoot(target)) {
      for (const { path, file } of binary.libraries) await putFile(pack, `libs${path}`, file);
      for (const [path, text] of Object.entries(bareSystem)) put(`libs${path}`, text);
    }
  }
  pack.finalize();
}

async function putFile(pack: Pack, name: string, path: string): Promise<void> {
  const { size } = statSync(path);
  await pipeline(createReadStream(path), pack.entry({ name, size, mode: 0o755 }));
}
