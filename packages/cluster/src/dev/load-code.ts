// Programs of ours that the keeper runs inside itself (discovery, cloud-config at boot): as installed,
// or from a working tree where such code lies.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hashOf, readCode } from './code-files.js';

/** What a program exports as a library. Rejects when code that lies there cannot be loaded. */
export async function loadCode<T>(folder: string, program: string, installed: T): Promise<T> {
  const text = readCode(folder, program);
  if (text === undefined) return installed;
  // A module is loaded once a name: each code has a name of its own.
  const url = pathToFileURL(join(folder, `${program}.mjs`));
  return (await import(`${url.href}?${hashOf(text) ?? ''}`)) as T;
}
