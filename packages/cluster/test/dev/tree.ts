// A working tree in small: kit, and a kv-raft that imports it, with sources that a test may change.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export type SmallTree = {
  readonly folder: string;
  readonly write: (path: string, text: string) => void;
};

const manifest = (name: string, exports: unknown): string =>
  JSON.stringify({ name: `@corral/${name}`, type: 'module', exports });

export function smallTree(): SmallTree {
  const folder = mkdtempSync(join(tmpdir(), 'corral-tree-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const options = {
    target: 'ES2023',
    module: 'NodeNext',
    strict: true,
    verbatimModuleSyntax: true,
  };
  write('tsconfig.base.json', JSON.stringify({ compilerOptions: options }));
  write('package.json', '{ "type": "module" }');
  write(
    'packages/kit/package.json',
    manifest('kit', {
      '.': { '@corral/source': './src/index.ts' },
      './testing': { '@corral/source': './src/testing/index.ts' },
    }),
  );
  write('packages/kit/src/index.ts', `export { greeting } from './greeting.js';\n`);
  write('packages/kit/src/greeting.ts', `export const greeting: string = 'hello';\n`);
  write('packages/kit/src/testing/index.ts', `export const place = 'tests';\n`);
  write('packages/kv-raft/package.json', manifest('kv-raft', {}));
  write(
    'packages/kv-raft/src/main.ts',
    `import { greeting } from '@corral/kit';\nconsole.log(greeting, process.argv[2]);\n`,
  );
  return { folder, write };
}
