// From sources to one file, without a compiler's leave.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildComponent, findTree } from '../../src/dev/build.js';
import { writeCode } from '../../src/dev/code-files.js';
import { components, findComponent } from '../../src/dev/components.js';
import { loadCode } from '../../src/dev/load-code.js';
import { TypeChecker } from '../../src/dev/type-check.js';
import { smallTree } from './tree.js';

const store = findComponent('kv-raft');
const own = findTree(import.meta.dirname);

function run(folder: string, program: string, text: string, ...words: string[]): string {
  writeCode(folder, program, text);
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [join(folder, `${program}.mjs`), ...words],
    { encoding: 'utf8' },
  );
  return stdout + stderr;
}

describe('a component', () => {
  it('is built from the sources of the tree and of no other, in one file that runs', async () => {
    const { folder, write } = smallTree();
    write(
      'packages/kv-raft/src/main.ts',
      `import { greeting } from '@corral/kit';\nimport { place } from '@corral/kit/testing';\n` +
        `const { word } = await import('./word.js');\nconsole.log(greeting, word, place);\n`,
    );
    write('packages/kv-raft/src/word.ts', `export const word = 'small' satisfies string;\n`);

    const built = await buildComponent(store, folder);

    expect(run(join(folder, 'node'), 'etcd2', built.text)).toBe('hello small tests\n');
    expect(built.modules).toBeGreaterThanOrEqual(5);
  });

  it('has another hash when its code changes, and the same one when it does not', async () => {
    const { folder, write } = smallTree();

    const first = await buildComponent(store, folder);
    write('packages/kit/src/greeting.ts', `export const greeting: string = 'good day';\n`);
    const second = await buildComponent(store, folder);
    write('packages/kit/src/greeting.ts', `export const greeting: string = 'hello';\n`);
    const third = await buildComponent(store, folder);

    expect(second.hash).not.toBe(first.hash);
    expect(third.text).toBe(first.text);
  });

  it('with errors of types is built all the same', async () => {
    const { folder, write } = smallTree();
    write('packages/kit/src/greeting.ts', `export const greeting: number = 'hello';\n`);

    const built = await buildComponent(store, folder);

    expect(run(join(folder, 'node'), 'etcd2', built.text, 'you')).toBe('hello you\n');
  });

  it.each([
    ['cannot be parsed', `export const greeting = = 'x';\n`, 1, 'Unexpected token'],
    [
      'imports a file that is not there',
      `export { greeting } from './no.js';\n`,
      1,
      `Could not resolve './no.js'`,
    ],
    [
      'imports a package that is not there',
      `\nimport 'nosuch';\nexport const greeting = 1;\n`,
      2,
      `Could not resolve 'nosuch'`,
    ],
    [
      'imports a name that is not there',
      `import { nosuch } from './index.js';\nexport const greeting = nosuch;\n`,
      1,
      'is not exported by',
    ],
  ])('that %s is refused, with file, line and column', async (_name, text, line, why) => {
    const { folder, write } = smallTree();
    write('packages/kit/src/greeting.ts', text);

    const failure = await buildComponent(store, folder).catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: 'E_DEV_BUILD', exitCode: 1 });
    expect(String(failure)).toContain('kv-raft does not build: packages/kit/src/greeting.ts:');
    expect(failure).toMatchObject({
      details: {
        problems: [
          {
            file: 'packages/kit/src/greeting.ts',
            line,
            message: expect.stringContaining(why) as string,
          },
        ],
      },
    });
  });

  it('that is missing in the tree is refused', async () => {
    const { folder } = smallTree();

    const failure = buildComponent(findComponent('etcdctl'), folder);

    await expect(failure).rejects.toMatchObject({ code: 'E_DEV_BUILD' });
  });
});

describe('the components of this repository', () => {
  it.each(components.map((one) => [one.name, one] as const))(
    '%s is built and starts',
    async (_name, one) => {
      const { folder } = smallTree();

      const { text } = await buildComponent(one, own);

      expect(run(folder, one.program, text, '--help')).toMatch(/usage|options|flags/i);
    },
  );

  it.each(['cloudinit', 'discovery-service'])(
    '%s is a library, too, and starts nothing then',
    async (name) => {
      const { folder } = smallTree();
      const one = findComponent(name);
      const { text } = await buildComponent(one, own);
      writeCode(folder, one.program, text);

      const exported = Object.keys(await loadCode<object>(folder, one.program, {}));

      expect(
        exported.filter((key) => /^(applyPlan|startDiscoveryService)$/.test(key)),
      ).toHaveLength(1);
    },
  );

  it.each([
    ['etcd2', 'kv-raft'],
    ['proxy', 'kv-raft'],
    ['raft', 'kv-raft'],
    ['etcdctl', 'etcd-client'],
    ['coreos-cloudinit', 'cloudinit'],
    ['discovery', 'discovery-service'],
  ])('%s is another word for %s', (word, name) => {
    expect(findComponent(word).name).toBe(name);
  });

  it('are listed to who asks for another one', () => {
    expect(() => findComponent('fleet')).toThrow(
      /no component "fleet"\. Components: kv-raft \(etcd2, proxy, raft, store\), discovery-service/,
    );
  });
});

describe('a working tree', () => {
  it('is found from any folder in it, and refused where there is none', () => {
    const { folder } = smallTree();

    expect(findTree(join(folder, 'packages/kit/src'))).toBe(folder);
    expect(() => findTree(join(folder, '..'))).toThrow(/no working tree of Corral at/);
    expect(() => findTree('/nowhere')).toThrow(expect.objectContaining({ code: 'E_DEV_TREE' }));
  });
});

describe('types', () => {
  it('are checked over the same sources; each error has its place', async () => {
    const { folder, write } = smallTree();
    using checker = new TypeChecker(store, folder);

    const before = await checker.check();
    write('packages/kit/src/greeting.ts', `\nexport const greeting: number = 'hello';\n`);
    const after = await checker.check();

    expect(before).toEqual({ state: 'checked', problems: [] });
    expect(after).toMatchObject({
      state: 'checked',
      problems: [
        {
          file: 'packages/kit/src/greeting.ts',
          line: 2,
          column: 14,
          message: `TS2322: Type 'string' is not assignable to type 'number'.`,
        },
      ],
    });
  });

  it('a check that a later one overtakes is canceled', async () => {
    const { folder } = smallTree();
    using checker = new TypeChecker(store, folder);

    const first = checker.check();
    const second = checker.check();

    expect(await first).toEqual({ state: 'canceled' });
    expect(await second).toEqual({ state: 'checked', problems: [] });
  });

  it('that cannot be checked are said so, with the reason', async () => {
    const { folder } = smallTree();
    rmSync(join(folder, 'tsconfig.base.json'));
    using checker = new TypeChecker(store, folder);

    const report = await checker.check();

    expect(report).toMatchObject({
      state: 'failed',
      why: expect.stringContaining('tsconfig.base.json') as string,
    });
  });
});
