// Starts a cluster's keeper: one background process in a session of its own, so that Ctrl-C and
// hang-ups pass it by.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { poll, systemClock } from '@corral/kit';
import { ClusterError } from '../errors.js';
import type { ClusterState } from '../state.js';
import { hasKeeper } from './control.js';

/** Always the built program, also when this library is run from its sources. */
const keeperMain = join(import.meta.dirname, '..', '..', 'dist', 'keeper', 'keeper-main.js');
const keeperStartMs = 10_000;

/** For a new cluster, for one that was stopped, for one whose nodes run on without a keeper. */
export type KeeperMode = 'up' | 'start' | 'adopt';

/** Resolves when a keeper holds the cluster. Throws ClusterError E_FAILED with the end of its log. */
export async function startKeeper(state: ClusterState, mode: KeeperMode): Promise<void> {
  const log = openSync(state.keeperLog, 'a', 0o600);
  const child = spawn(process.execPath, [keeperMain, state.folder, mode], {
    detached: true,
    stdio: ['ignore', 'ignore', log],
  });
  closeSync(log);
  let early: string | undefined;
  child.once('exit', (code) => {
    const end = state.lastKeeperLines(3).join('\n');
    early = `the keeper ended with ${code ?? 'a signal'}: ${end}`;
  });
  await poll(
    async () => {
      // Another command's keeper may have been quicker: it holds the cluster as well as ours would.
      if (await hasKeeper(state)) return true;
      if (early !== undefined) throw new ClusterError('E_FAILED', early);
      return undefined;
    },
    {
      clock: systemClock,
      what: 'the keeper to start',
      timeoutMs: keeperStartMs,
      intervalMs: 5,
      intervalMaxMs: 20,
    },
  );
  child.unref();
}
