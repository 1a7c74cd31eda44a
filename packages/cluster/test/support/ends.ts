// What a test gives to a program on a node, and keeps of what it says.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { Ends } from '../../src/access.js';

export type KeptEnds = Ends & {
  readonly out: () => string;
  readonly err: () => string;
  /** As if the caller had been sent it. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Resolves when this was said on stdout. */
  readonly said: (what: RegExp) => Promise<void>;
};

export function keptEnds(stdin?: string | Readable): KeptEnds {
  let [out, err] = ['', ''];
  const waiting = new Set<() => void>();
  const listeners = new Set<(signal: NodeJS.Signals) => void>();
  const sink = (add: (text: string) => void): Writable =>
    new Writable({
      write: (data: Buffer, _encoding, done) => {
        add(data.toString());
        for (const look of waiting) look();
        done();
      },
    });
  return {
    stdin: typeof stdin === 'string' ? Readable.from([Buffer.from(stdin)]) : stdin,
    stdout: sink((text) => (out += text)),
    stderr: sink((text) => (err += text)),
    onSignal: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    out: () => out,
    err: () => err,
    signal: (signal) => {
      for (const listener of listeners) listener(signal);
    },
    said: (what) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (what.test(out)) resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'corral-access-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
