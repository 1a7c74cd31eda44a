// A copy of this repository's sources that a test may change: what a person does in an editor.
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '..', '..');

export class TreeCopy {
  readonly folder = mkdtempSync(join(tmpdir(), 'corral-tree-'));

  constructor() {
    for (const name of readdirSync(join(repository, 'packages'))) {
      for (const part of ['src', 'package.json']) {
        const path = join('packages', name, part);
        cpSync(join(repository, path), join(this.folder, path), { recursive: true });
      }
    }
    for (const file of ['package.json', 'tsconfig.base.json']) {
      cpSync(join(repository, file), join(this.folder, file));
    }
    symlinkSync(join(repository, 'node_modules'), join(this.folder, 'node_modules'));
  }

  /** Replaces text that is there exactly once. */
  edit(path: string, before: string, after: string): void {
    const file = join(this.folder, path);
    const parts = readFileSync(file, 'utf8').split(before);
    if (parts.length !== 2) throw new Error(`${path} has ${parts.length - 1} times ${before}`);
    writeFileSync(file, parts.join(after));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
