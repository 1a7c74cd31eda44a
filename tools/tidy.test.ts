// House rules that a walk over the tracked files can check. Rules that need types or the syntax
// tree are in eslint.config.js.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));
const packages = readdirSync(join(root, 'packages'));
const sources = tracked.filter((path) => path.endsWith('.ts'));
const production = sources.filter((path) => /^packages\/[^/]+\/src\//.test(path));
const tests = sources.filter((path) => /\/test\/|^e2e\/|^tools\//.test(path));

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function json(path: string): Record<string, unknown> {
  return JSON.parse(read(path)) as Record<string, unknown>;
}

function lines(path: string): string[] {
  return read(path).trimEnd().split('\n');
}

/** "path:line: text" for every line of `paths` that matches. */
function offences(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    lines(path)
      .map((text, index) => `${path}:${index + 1}: ${text.trim()}`)
      .filter((line) => pattern.test(line.slice(line.indexOf(': ') + 2))),
  );
}

describe('files', () => {
  it('production files have at most 400 lines, tests at most 600', () => {
    const long = sources.filter((path) => lines(path).length > (tests.includes(path) ? 600 : 400));
    expect(long.map((path) => `${path}: ${lines(path).length} lines`)).toEqual([]);
  });

  it('every production file starts with a comment that says what it owns', () => {
    const bare = production.filter((path) => !/^(\/\/|\/\*)/.test(read(path)));
    expect(bare).toEqual([]);
  });

  it('every production file is imported by another or is an entry', () => {
    const imported = new Set<string>();
    for (const path of sources) {
      for (const match of read(path).matchAll(/(?:from|import\(|new URL\()\s*'(\.[^']+)\.js'/g)) {
        imported.add(`${normalize(join(dirname(path), match[1] ?? ''))}.ts`);
      }
    }
    const entries = /\/(main|index|vitest)\.ts$|\/testing\/index\.ts$|\.worker\.ts$|-main\.ts$/;
    expect(production.filter((path) => !imported.has(path) && !entries.test(path))).toEqual([]);
  });

  it('bins are stubs of two lines with mode 755', () => {
    const bins = tracked.filter((path) => /^packages\/[^/]+\/bin\//.test(path));
    expect(bins.length).toBeGreaterThan(0);
    for (const path of bins) {
      expect(statSync(join(root, path)).mode & 0o777, path).toBe(0o755);
      expect(lines(path).length, path).toBe(2);
    }
  });
});

describe('code', () => {
  it('holds no focused, skipped or retried test without a printed reason', () => {
    expect(offences(tests, /\b(it|test|describe)\.(only|skip|todo|fails)\b|retry: *[1-9]/)).toEqual(
      [],
    );
  });

  it('holds no unfinished work and no hole in the types', () => {
    const unfinished =
      /\b(TODO|FIXME|XXX)\b|@ts-(ignore|nocheck)|eslint-disable|\bas any\b|: any\b/;
    const own = sources.filter((path) => path !== 'tools/tidy.test.ts');
    expect(offences(own, unfinished)).toEqual([]);
  });

  it('reaches other packages by name, never by path', () => {
    expect(offences(sources, /from '(\.\.\/)+(packages\/)?[a-z-]+\/src\//)).toEqual([]);
  });

  it('names no place of the machine it was written on', () => {
    const own = tracked.filter((path) => path !== 'package-lock.json');
    expect(offences(own, /(^|[^\w.])\/work\/|\.\.\/shared\//)).toEqual([]);
  });

  it('keeps the lock file free of registry addresses', () => {
    expect(read('package-lock.json')).not.toContain('"resolved": "http');
  });
});

describe.each(packages)('package %s', (name) => {
  const folder = `packages/${name}`;

  it('has the standard entries', () => {
    for (const entry of ['package.json', 'README.md', 'tsconfig.json', 'src/index.ts', 'test']) {
      expect(existsSync(join(root, folder, entry)), entry).toBe(true);
    }
  });

  it('has a README with an example, its guarantees, a map and how to test it', () => {
    const text = read(`${folder}/README.md`);
    expect(text.startsWith(`# @corral/${name}\n`) || text.startsWith(`# ${name}\n`)).toBe(true);
    expect(text).toContain('```');
    expect(text).toMatch(/## .*(guarantee|promise)/i);
    expect(text).toMatch(/## .*(files|map)/i);
    expect(text).toMatch(/## .*test/i);
  });

  it('references exactly the packages that it depends on', () => {
    const manifest = json(`${folder}/package.json`) as { dependencies: Record<string, string> };
    const wanted = Object.keys(manifest.dependencies)
      .filter((dependency) => dependency.startsWith('@corral/'))
      .map((dependency) => `../${dependency.slice('@corral/'.length)}/tsconfig.build.json`);
    const build = json(`${folder}/tsconfig.build.json`) as { references: { path: string }[] };
    expect(build.references.map((reference) => reference.path).sort()).toEqual(wanted.sort());
  });

  it('has every error code of its own in a test', () => {
    const own = production.filter((path) => path.startsWith(`${folder}/src/`));
    const codes = new Set(own.flatMap((path) => read(path).match(/'E_[A-Z0-9_]+'/g) ?? []));
    const tested = tests.map(read).join('\n');
    const missing = [...codes].filter((code) => !tested.includes(code.slice(1, -1)));
    expect(missing).toEqual([]);
  });
});
