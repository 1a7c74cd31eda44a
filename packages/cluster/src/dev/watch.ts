// Changes of sources: folders are watched, and whatever happens within a short while is one change.
// While one is being dealt with, all that follow are the next.
import { existsSync, readdirSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '@corral/kit';

/** The folders with the sources of a tree. */
export function sourceFolders(tree: string): readonly string[] {
  const packages = join(tree, 'packages');
  return readdirSync(packages)
    .map((name) => join(packages, name, 'src'))
    .filter((folder) => existsSync(folder));
}

/**
 * Calls `onChange` with its path when a source below one of the folders is written, made or removed, also by a
 * rename, as editors save; new folders are watched, too.
 */
export function watchSources(
  folders: readonly string[],
  onChange: (path: string) => void,
): { readonly close: () => void } {
  const watchers = new Map<string, FSWatcher>();
  const add = (folder: string): void => {
    if (!watchers.has(folder)) {
      const watcher = watch(folder, (_event, file) => {
        rescan(folder);
        if (file === null || isSource(file)) onChange(join(folder, file ?? ''));
      });
      watcher.on('error', () => forget(folder));
      watchers.set(folder, watcher);
    }
    rescan(folder);
  };
  const forget = (folder: string): void => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };
  const rescan = (folder: string): void => {
    if (!existsSync(folder)) {
      forget(folder);
      return;
    }
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (!entry.isDirectory() || watchers.has(path)) continue;
      add(path);
    }
  };
  for (const folder of folders) add(folder);
  return {
    close() {
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** Not what editors put beside a file while they save it. */
function isSource(file: string): boolean {
  return /^[^.#].*\.(ts|json)$/.test(file);
}

/** Runs at most one `run` at a time, a quiet moment after the last poke. */
export class Coalescer {
  readonly #clock: Clock;
  readonly #quietMs: number;
  readonly #run: () => Promise<void>;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #pending = false;
  #closed = false;

  constructor(options: {
    readonly clock: Clock;
    readonly quietMs: number;
    /** Must not reject. */
    readonly run: () => Promise<void>;
  }) {
    this.#clock = options.clock;
    this.#quietMs = options.quietMs;
    this.#run = options.run;
  }

  poke(): void {
    if (this.#closed) return;
    this.#pending = true;
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(this.#quietMs, () => this.#begin());
  }

  /** Begins nothing more; resolves when what is under way is over. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #begin(): void {
    if (this.#running !== undefined || !this.#pending || this.#closed) return;
    this.#pending = false;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // Its quiet moment may be over already, and its timer gone.
      if (this.#pending) this.poke();
    });
  }
}
