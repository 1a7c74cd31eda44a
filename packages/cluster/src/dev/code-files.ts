// Code from a working tree on disk: one file a program, in the folder where a node takes it from. Its
// second line says which code it is, so that nobody has to read the rest to know.
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { systemErrorCode } from '@corral/kit';

const headBytes = 96;
const headPattern = /^#!.*\n\/\/ corral dev ([0-9a-f]{12})\n/;

/** The text of a program as it is laid on a node, and its hash: 12 hex digits of the code alone. */
export function stampCode(code: string): { readonly text: string; readonly hash: string } {
  const hash = createHash('sha256').update(code).digest('hex').slice(0, 12);
  return { text: `#!/usr/bin/env node\n// corral dev ${hash}\n${code}`, hash };
}

/** The hash of a program's text; undefined for a text that was not stamped. */
export function hashOf(text: string): string | undefined {
  return headPattern.exec(text)?.[1];
}

/** Another process that starts the program now sees the old file or the new one, never a part. */
export function writeCode(folder: string, program: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  const staged = join(folder, `.${program}.${process.pid}`);
  writeFileSync(staged, text);
  chmodSync(staged, 0o755);
  renameSync(staged, pathOf(folder, program));
  const link = linkOf(folder, program);
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(`../${program}.mjs`, link);
}

export function removeCode(folder: string, program: string): void {
  for (const path of [linkOf(folder, program), pathOf(folder, program)]) {
    rmSync(path, { force: true });
  }
}

/** Undefined where the node runs what is installed. */
export function readCode(folder: string, program: string): string | undefined {
  try {
    return readFileSync(pathOf(folder, program), 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The code in a folder: hash by program. Cheap enough to be asked for with every status. */
export function listCode(folder: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const file of filesOf(folder)) {
    const match = /^([^.].*)\.mjs$/.exec(file);
    if (match?.[1] === undefined) continue;
    found[match[1]] = hashOf(headOf(join(folder, file))) ?? 'unknown';
  }
  return found;
}

/** The programs under their own names, for a PATH. */
export function codeBins(folder: string): string {
  return join(folder, 'bin');
}

function linkOf(folder: string, program: string): string {
  return join(codeBins(folder), program);
}

function pathOf(folder: string, program: string): string {
  return join(folder, `${program}.mjs`);
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function headOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(headBytes);
    return buffer.toString('utf8', 0, readSync(file, buffer, 0, headBytes, 0));
  } finally {
    closeSync(file);
  }
}
