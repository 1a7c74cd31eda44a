// Whether there is room for an image, asked before anything is made.
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { ClusterError } from '../../errors.js';
import type { Engine } from '../engine.js';

const mebibyte = 1_048_576;
/** Programs and Node, with the context that the engine unpacks first. */
const imageBytes = 400 * mebibyte;
/** A Debian with an engine in it. */
const rootBytes = 700 * mebibyte;

/** Throws ClusterError E_DISK_LOW. Of an engine on another machine nothing is known. */
export async function checkRoom(
  engine: Engine,
  { makesRoot }: { readonly makesRoot: boolean },
): Promise<void> {
  if (makesRoot) requireRoom(tmpdir(), await freeBytes(tmpdir()), rootBytes);
  if (!engine.isLocal) return;
  const { DockerRootDir: folder } = (await engine.docker.info()) as {
    readonly DockerRootDir: string;
  };
  requireRoom(folder, await freeBytes(folder), imageBytes + (makesRoot ? rootBytes : 0));
}

/** Exported for its test. */
export function requireRoom(folder: string, free: number | undefined, wanted: number): void {
  if (free === undefined || free >= wanted) return;
  const [have, need] = [free, wanted].map((bytes) => Math.round(bytes / mebibyte));
  throw new ClusterError(
    'E_DISK_LOW',
    `${have} MiB free where images are made (${folder}), ${need} MiB wanted`,
    { remedies: ['corral image rm --all', 'corral gc', `df -h ${folder}`] },
  );
}

/** Undefined where it cannot be known: the engine may keep its folder to itself. */
async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
