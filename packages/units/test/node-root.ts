// A root with units, and a supervisor over it; for the tests of this package.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '@corral/kit';
import type { Clock } from '@corral/kit';
import { RecordingLog } from '@corral/kit/testing';
import type { ProcessMapping } from '../src/command-builder.js';
import type { Processes } from '../src/processes.js';
import { Supervisor } from '../src/supervisor.js';

export type NodeRoot = AsyncDisposable & {
  readonly path: string;
  readonly log: RecordingLog;
  /** "UNIT STATE", as they came. */
  readonly changes: readonly string[];
  readonly supervisor: Supervisor;
  put(path: string, text: string): void;
  /** Below /etc/systemd/system. */
  unit(name: string, text: string): void;
  stateOf(name: string): string | undefined;
  reasonOf(name: string): string | undefined;
  detailOf(name: string): string | undefined;
};

export const plainMapping: ProcessMapping = {
  specifiers: { hostname: 'n1.example', machineId: 'machine', bootId: 'boot' },
  baseEnvironment: { PATH: '/usr/bin:/bin' },
  mapEnvironment: (environment) => ({ ...environment }),
  resolveExecutable: (path) =>
    path.startsWith('/missing') ? undefined : { file: path, words: [] },
  isOwnServer: (path) => path === '/own/server',
};

export function nodeRoot(
  options: { clock?: Clock; processes?: Processes; mapping?: ProcessMapping } = {},
): NodeRoot {
  const path = mkdtempSync(join(tmpdir(), 'corral-units-'));
  const log = new RecordingLog();
  const changes: string[] = [];
  const supervisor = new Supervisor({
    root: path,
    logFolder: join(path, 'logs'),
    mapping: options.mapping ?? plainMapping,
    clock: options.clock ?? systemClock,
    logger: log,
    onChange: (unit, state) => void changes.push(`${unit} ${state}`),
    ...(options.processes === undefined ? {} : { processes: options.processes }),
  });
  const put = (file: string, text: string): void => {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), text);
  };
  const find = (name: string) => supervisor.units().find((unit) => unit.name === name);
  return {
    path,
    log,
    changes,
    supervisor,
    put,
    unit: (name, text) => put(`etc/systemd/system/${name}`, text),
    stateOf: (name) => find(name)?.state,
    reasonOf: (name) => find(name)?.reason,
    detailOf: (name) => find(name)?.detail,
    async [Symbol.asyncDispose]() {
      await supervisor.killAll();
      rmSync(path, { recursive: true, force: true });
    },
  };
}
