// Builds a component from a working tree: one file, straight from the TypeScript sources, in a
// fraction of a second. Types are looked at elsewhere (type-check.ts), if at all.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { errorMessage } from '@corral/kit';
import type * as Rolldown from 'rolldown';
import { ClusterError } from '../errors.js';
import { stampCode } from './code-files.js';
import type { Component } from './components.js';

export type BuiltCode = {
  readonly component: Component;
  /** As it is laid on a node. */
  readonly text: string;
  readonly hash: string;
  readonly modules: number;
  readonly ms: number;
};

export type Problem = {
  /** As seen from the tree. */
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
};

const marker = 'packages/kv-raft/src/main.ts';
const entryName = 'corral:entry';

/**
 * The working tree that holds `from`, which is a folder; of a file of this installation the tree
 * that it is part of. Throws ClusterError E_DEV_TREE where there are no sources.
 */
export function findTree(from: string): string {
  const start = resolve(from);
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, marker))) return folder;
    if (folder === dirname(folder)) break;
  }
  throw new ClusterError(
    'E_DEV_TREE',
    `no working tree of Corral at ${start}: no ${marker} there`,
    {
      remedies: [
        'give the folder of a clone: --from DIR',
        'git clone, npm ci, and run corral there',
      ],
    },
  );
}

/** Throws ClusterError E_DEV_TREE when it cannot build here, E_DEV_BUILD with file:line otherwise. */
export async function buildComponent(component: Component, tree: string): Promise<BuiltCode> {
  const begun = performance.now();
  const { rolldown } = await loadRolldown();
  const unresolved: Rolldown.RolldownLog[] = [];
  let code = '';
  let modules: readonly string[] = [];
  try {
    const bundle = await rolldown({
      cwd: tree,
      input: entryName,
      platform: 'node',
      tsconfig: false,
      resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
      plugins: [sourcesOf(component, tree)],
      onLog: (_level, log) => {
        if (log.code === 'UNRESOLVED_IMPORT') unresolved.push(log);
      },
    });
    const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
    await bundle.close();
    [{ code, moduleIds: modules }] = output;
  } catch (error) {
    throw buildError(component, tree, logsOf(error));
  }
  // What cannot be found would be looked for on the node, where it is not either.
  if (unresolved.length > 0) throw buildError(component, tree, unresolved);
  const ms = Math.round(performance.now() - begun);
  return { component, ...stampCode(code), modules: modules.length, ms };
}

type Plugin = {
  readonly name: string;
  resolveId(id: string): string | null;
  load(id: string): string | null;
};

/** The entry, and `@corral/...` as the sources of this very tree, not of what is installed. */
function sourcesOf({ entry, library }: Component, tree: string): Plugin {
  const inner = `\0${entryName}`;
  return {
    name: 'corral-sources',
    resolveId(id) {
      if (id === entryName) return inner;
      const match = /^@corral\/([^/]+)(\/.+)?$/.exec(id);
      return match?.[1] === undefined ? null : sourceOf(tree, match[1], `.${match[2] ?? ''}`);
    },
    load: (id) => (id === inner ? entryText(join(tree, entry), library, tree) : null),
  };
}

/** Started, it is the program; loaded as a module, it is a library only. */
function entryText(main: string, library: string | undefined, tree: string): string {
  const quoted = JSON.stringify(main);
  if (library === undefined) return `import ${quoted};\n`;
  return [
    `export * from ${JSON.stringify(join(tree, library))};`,
    `import { realpathSync } from 'node:fs';`,
    `import { pathToFileURL } from 'node:url';`,
    `const [, started] = process.argv;`,
    `if (started !== undefined && pathToFileURL(realpathSync(started)).href === import.meta.url) {`,
    `  await import(${quoted});`,
    `}`,
  ].join('\n');
}

function sourceOf(tree: string, name: string, subpath: string): string | null {
  const folder = join(tree, 'packages', name);
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) return null;
  const { exports = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    readonly exports?: Readonly<Record<string, { readonly '@corral/source'?: string }>>;
  };
  const source = exports[subpath]?.['@corral/source'];
  return source === undefined ? null : join(folder, source);
}

async function loadRolldown(): Promise<typeof Rolldown> {
  try {
    return await import('rolldown');
  } catch (error) {
    throw new ClusterError(
      'E_DEV_TREE',
      `rolldown, which builds, cannot be loaded: ${errorMessage(error)}`,
      { cause: error, remedies: ['npm ci, with development dependencies (no --omit=dev)'] },
    );
  }
}

function logsOf(error: unknown): readonly Rolldown.RolldownLog[] {
  const { errors } = error as { readonly errors?: readonly Rolldown.RolldownLog[] };
  return errors ?? [{ message: errorMessage(error) }];
}

function buildError(
  component: Component,
  tree: string,
  logs: readonly Rolldown.RolldownLog[],
): ClusterError {
  const problems = logs.map((log): Problem => ({
    file: log.loc?.file === undefined ? '' : relative(tree, log.loc.file),
    line: log.loc?.line ?? 0,
    column: (log.loc?.column ?? 0) + 1,
    message: wordsOf(log),
  }));
  const shown = problems.map(showProblem);
  const more = shown.length > 1 ? ` (and ${shown.length - 1} more)` : '';
  return new ClusterError(
    'E_DEV_BUILD',
    `${component.name} does not build: ${shown[0] ?? 'no reason was given'}${more}`,
    { details: { problems, log: shown.slice(1, 10) } },
  );
}

/** `packages/raft/src/core.ts:275:11: Unexpected token` */
export function showProblem({ file, line, column, message }: Problem): string {
  return file === '' ? message : `${file}:${line}:${column}: ${message}`;
}

/** The first line, without colours and without the code in front. */
function wordsOf({ message }: Rolldown.RolldownLog): string {
  const [first = ''] = stripVTControlCharacters(message).split('\n');
  return first.replace(/^\[\w+\] /, '');
}
