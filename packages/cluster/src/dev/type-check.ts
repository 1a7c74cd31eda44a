// Types of a component, looked at beside its build: tsc in a process of its own, over the same
// sources, with a lower priority. It writes nothing into the tree.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { errorMessage } from '@corral/kit';
import type { Problem } from './build.js';
import type { Component } from './components.js';

export type TypeReport =
  | { readonly state: 'checked'; readonly problems: readonly Problem[] }
  /** A later check took its place. */
  | { readonly state: 'canceled' }
  | { readonly state: 'failed'; readonly why: string };

const linePattern = /^(.+?)\((\d+),(\d+)\): error (TS\d+: .*)$/;

/** Checks one component again and again; each check is quicker than the first. */
export class TypeChecker {
  readonly #component: Component;
  readonly #tree: string;
  readonly #folder: string;
  #running: ChildProcess | undefined;

  constructor(component: Component, tree: string) {
    this.#component = component;
    this.#tree = tree;
    this.#folder = mkdtempSync(join(tmpdir(), 'corral-types-'));
  }

  /** Ends a check that is still under way. */
  async check(): Promise<TypeReport> {
    this.cancel();
    try {
      return await this.#run();
    } catch (error) {
      return { state: 'failed', why: errorMessage(error) };
    }
  }

  /** What is under way is of no interest any more. */
  cancel(): void {
    this.#running?.kill();
  }

  [Symbol.dispose](): void {
    this.cancel();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #run(): Promise<TypeReport> {
    const find = createRequire(import.meta.url);
    const compiler = join(dirname(find.resolve('typescript/package.json')), 'bin', 'tsc');
    const types = dirname(dirname(find.resolve('@types/node/package.json')));
    const project = join(this.#folder, 'tsconfig.json');
    writeFileSync(project, JSON.stringify(this.#project(types)));
    const words = [compiler, '-p', project, '--pretty', 'false'];
    const child = spawn(process.execPath, words, {
      cwd: this.#tree,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running = child;
    // What it looks at runs already: nodes go first.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    }
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        if (this.#running === child) this.#running = undefined;
        resolve(signal === null ? readReport(text, code ?? 0) : { state: 'canceled' });
      });
    });
  }

  #project(types: string): unknown {
    return {
      extends: join(this.#tree, 'tsconfig.base.json'),
      compilerOptions: {
        noEmit: true,
        composite: false,
        declaration: false,
        declarationMap: false,
        sourceMap: false,
        incremental: true,
        tsBuildInfoFile: join(this.#folder, 'tsbuildinfo'),
        skipLibCheck: true,
        types: ['node'],
        typeRoots: [types],
        paths: {
          '@corral/kit/testing': [join(this.#tree, 'packages/kit/src/testing/index.ts')],
          '@corral/*': [join(this.#tree, 'packages/*/src/index.ts')],
        },
      },
      files: [join(this.#tree, this.#component.entry)],
    };
  }
}

function readReport(text: string, code: number): TypeReport {
  const problems = text.split('\n').flatMap((line): readonly Problem[] => {
    const [, file = '', row, column, message = ''] = linePattern.exec(line) ?? [];
    return row === undefined ? [] : [{ file, line: Number(row), column: Number(column), message }];
  });
  if (code === 0 || problems.length > 0) return { state: 'checked', problems };
  return { state: 'failed', why: text.trim().split('\n')[0] ?? `tsc ended with ${code}` };
}
