// Code from a working tree on disk, and as a module of the keeper.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  codeBins,
  hashOf,
  listCode,
  readCode,
  removeCode,
  stampCode,
  writeCode,
} from '../../src/dev/code-files.js';
import { loadCode } from '../../src/dev/load-code.js';

function newFolder(): string {
  const home = mkdtempSync(join(tmpdir(), 'corral-code-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return join(home, 'dev');
}

describe('code on disk', () => {
  it('has a name that depends on the code alone, and tells it without being read whole', () => {
    const folder = newFolder();
    const one = stampCode('export const one = 1;\n');

    writeCode(folder, 'etcd2', one.text);

    expect(one.hash).toMatch(/^[0-9a-f]{12}$/);
    expect(stampCode('export const one = 1;\n')).toEqual(one);
    expect(stampCode('export const one = 2;\n').hash).not.toBe(one.hash);
    expect(hashOf(one.text)).toBe(one.hash);
    expect(listCode(folder)).toEqual({ etcd2: one.hash });
  });

  it('can be executed, and leaves nothing beside it', () => {
    const folder = newFolder();

    writeCode(folder, 'etcd2', stampCode('first').text);
    writeCode(folder, 'etcd2', stampCode('second').text);

    expect(statSync(join(folder, 'etcd2.mjs')).mode & 0o111).toBe(0o111);
    expect(readCode(folder, 'etcd2')).toBe(stampCode('second').text);
    expect(Object.keys(listCode(folder))).toEqual(['etcd2']);
  });

  it('is a program of its own name for a PATH, until it is taken away', () => {
    const folder = newFolder();
    writeCode(folder, 'etcdctl', stampCode(`console.log('from the tree');\n`).text);

    const said = execFileSync(join(codeBins(folder), 'etcdctl'), { encoding: 'utf8' });
    removeCode(folder, 'etcdctl');

    expect(said).toBe('from the tree\n');
    expect(readdirSync(codeBins(folder))).toEqual([]);
  });

  it('that was laid there by hand is of unknown origin; what is no program does not count', () => {
    const folder = newFolder();
    writeCode(folder, 'etcd2', 'no stamp');
    writeFileSync(join(folder, 'notes.txt'), '');
    writeFileSync(join(folder, '.etcdctl.mjs'), '');

    expect(listCode(folder)).toEqual({ etcd2: 'unknown' });
  });

  it('is gone after it was taken away, as if there had never been any', () => {
    const folder = newFolder();
    removeCode(folder, 'etcd2');
    writeCode(folder, 'etcd2', stampCode('x').text);

    removeCode(folder, 'etcd2');

    expect(existsSync(join(folder, 'etcd2.mjs'))).toBe(false);
    expect(readCode(folder, 'etcd2')).toBeUndefined();
    expect(listCode(folder)).toEqual({});
    expect(listCode(join(folder, 'nowhere'))).toEqual({});
  });
});

describe('code that the keeper loads', () => {
  it('is the installed one until there is another, and each other one in its turn', async () => {
    const folder = newFolder();
    const installed = { answer: 0 };
    const load = async (): Promise<number> => (await loadCode(folder, 'tool', installed)).answer;
    const seen = [await load()];

    for (const answer of [1, 2]) {
      writeCode(folder, 'tool', stampCode(`export const answer = ${answer};\n`).text);
      seen.push(await load());
    }
    removeCode(folder, 'tool');
    seen.push(await load());

    expect(seen).toEqual([0, 1, 2, 0]);
  });
});
