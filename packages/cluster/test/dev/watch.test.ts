// Changes of sources: which ones count, and how many runs they make.
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock } from '@corral/kit/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Coalescer, sourceFolders, watchSources } from '../../src/dev/watch.js';
import { smallTree } from './tree.js';

/** Gives the next change; what was told before somebody waits counts for who waits first. */
function watching(folders: readonly string[]): {
  next(): Promise<void>;
  readonly paths: readonly string[];
} {
  const paths: string[] = [];
  let taken = 0;
  let wake = (): void => undefined;
  const watcher = watchSources(folders, (path) => {
    paths.push(path);
    wake();
  });
  onTestFinished(() => watcher.close());
  return {
    paths,
    async next() {
      while (paths.length <= taken) await new Promise<void>((resolve) => (wake = resolve));
      taken = paths.length;
    },
  };
}

describe('sources that are watched', () => {
  it('are those of all packages', () => {
    const { folder } = smallTree();

    expect([...sourceFolders(folder)].sort()).toEqual([
      join(folder, 'packages/kit/src'),
      join(folder, 'packages/kv-raft/src'),
    ]);
  });

  it('tell when they are written, renamed onto, made or removed', async () => {
    const { folder, write } = smallTree();
    const changes = watching(sourceFolders(folder));
    const file = 'packages/kit/src/greeting.ts';

    write(file, 'export const greeting = 1;\n');
    await changes.next();
    write('packages/kit/greeting.new', 'export const greeting = 2;\n');
    renameSync(join(folder, 'packages/kit/greeting.new'), join(folder, file));
    await changes.next();
    // The same file again: a watch on the file itself would have lost it by the rename.
    write(file, 'export const greeting = 3;\n');
    await changes.next();
    write('packages/kit/src/added.ts', 'export const added = 1;\n');
    await changes.next();
    rmSync(join(folder, 'packages/kit/src/added.ts'));
    await changes.next();

    expect(new Set(changes.paths)).toEqual(
      new Set([join(folder, file), join(folder, 'packages/kit/src/added.ts')]),
    );
  });

  it('are also those in folders that are made later', async () => {
    const { folder, write } = smallTree();
    const changes = watching(sourceFolders(folder));
    mkdirSync(join(folder, 'packages/kit/src/deep/er'), { recursive: true });
    write('packages/kit/src/marker.ts', '');
    await changes.next();

    write('packages/kit/src/deep/er/late.ts', 'export const late = 1;\n');

    await changes.next();
  });

  it('are not what editors leave beside them', async () => {
    const { folder, write } = smallTree();
    const changes = watching(sourceFolders(folder));

    for (const name of ['.greeting.ts.swp', 'greeting.ts~', '4913', '#greeting.ts#', 'notes.md']) {
      write(`packages/kit/src/${name}`, 'x');
    }
    write('packages/kit/src/greeting.ts', 'export const greeting = 1;\n');
    await changes.next();

    expect(new Set(changes.paths)).toEqual(new Set([join(folder, 'packages/kit/src/greeting.ts')]));
  });
});

describe('changes that come together', () => {
  function coalescer(clock: ManualClock) {
    const ends: (() => void)[] = [];
    let runs = 0;
    const made = new Coalescer({
      clock,
      quietMs: 20,
      run: () => {
        runs += 1;
        return new Promise<void>((resolve) => ends.push(resolve));
      },
    });
    return { made, end: () => ends.shift()?.(), runs: () => runs };
  }

  it('are one run, a quiet moment after the last', async () => {
    const clock = new ManualClock();
    const { made, runs } = coalescer(clock);

    for (let i = 0; i < 3; i += 1) {
      made.poke();
      await clock.advance(19);
    }
    const early = runs();
    await clock.advance(1);

    expect([early, runs()]).toEqual([0, 1]);
  });

  it('during a run are one more run after it, and never two at a time', async () => {
    const clock = new ManualClock();
    const { made, end, runs } = coalescer(clock);
    made.poke();
    await clock.advance(20);

    made.poke();
    await clock.advance(50);
    made.poke();
    await clock.advance(50);
    const during = runs();
    end();
    await clock.advance(20);
    const after = runs();
    end();
    await clock.advance(100);

    expect([during, after, runs()]).toEqual([1, 2, 2]);
  });

  it('after the end begin nothing; what is under way is waited for', async () => {
    const clock = new ManualClock();
    const { made, end, runs } = coalescer(clock);
    let closed = false;
    made.poke();
    await clock.advance(20);
    made.poke();

    const closing = made.close().then(() => (closed = true));
    await clock.advance(100);
    const early = closed;
    end();
    await closing;
    made.poke();
    await clock.advance(100);

    expect([early, closed, runs()]).toEqual([false, true, 1]);
  });
});
