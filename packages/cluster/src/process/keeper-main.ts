// The keeper's process: started detached with the state folder as its only word; takes the control
// socket (the lock), boots when asked, and undoes everything when the asker goes away before the
// cluster is proven.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorMessage, jsonLogger, randomPrng, systemClock } from '@corral/kit';
import { ClusterState } from '../state.js';
import { serveControl } from './control.js';
import type { CallContext, ControlRequest } from './control.js';
import { Keeper } from './keeper.js';
import type { NodeAction } from './keeper.js';
import type { LinkName } from './links.js';
import { findPrograms } from './programs.js';

const [folder = '', mode = 'up'] = process.argv.slice(2);
const state = new ClusterState(dirname(dirname(folder)), basename(folder));
const logger = jsonLogger({ clock: systemClock, write: (line) => process.stderr.write(line) });
const keeper = new Keeper({
  state,
  clock: systemClock,
  prng: randomPrng(),
  logger,
  pid: process.pid,
  nodeBinary: process.execPath,
  hostPath: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
  bootId: readBootId(),
  programs: findPrograms(import.meta.dirname),
});
let proven = mode === 'start';
let ending: Promise<void> | undefined;

function readBootId(): string {
  const path = '/proc/sys/kernel/random/boot_id';
  return existsSync(path) ? readFileSync(path, 'utf8').trim().replaceAll('-', '') : '';
}

/** Ends everything once; with `remove` nothing of the cluster stays. */
function end(remove: boolean, orderly: boolean): Promise<void> {
  ending ??= (async () => {
    if (orderly) await keeper.stopNodes();
    await keeper.shutdown();
    if (remove) state.remove();
    systemClock.setTimer(20, () => process.exit(0));
  })();
  return ending;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

async function handle(request: ControlRequest, context: CallContext): Promise<unknown> {
  const { method, params } = request;
  const emit = (event: unknown): void => context.emit(event);
  const node = text(params['node']);
  const forMs = typeof params['forMs'] === 'number' ? params['forMs'] : 0;
  const links = (params['links'] ?? []) as readonly LinkName[];
  switch (method) {
    case 'boot':
      try {
        await keeper.boot(emit, context.signal);
      } catch (error) {
        // What was made by a boot that failed goes, unless it is a cluster that was there before.
        if (!proven && params['keep'] !== true) await end(true, false);
        else await end(false, false);
        throw error;
      }
      context.signal.throwIfAborted();
      proven = true;
      return keeper.status();
    case 'status':
      return keeper.status();
    case 'act':
      await keeper.act(node, text(params['action']) as NodeAction);
      if (forMs > 0) keeper.healLater(forMs, () => keeper.act(node, 'start'));
      return keeper.status();
    case 'discovery':
      await keeper.actOnDiscovery(params['up'] === true);
      if (forMs > 0) keeper.healLater(forMs, () => keeper.actOnDiscovery(true));
      return keeper.status();
    case 'cut':
      keeper.cut(links);
      if (forMs > 0) keeper.healLater(forMs, () => keeper.heal(undefined));
      return keeper.status();
    case 'slow':
      keeper.slow(links, Number(params['delayMs'] ?? 0), Number(params['jitterMs'] ?? 0));
      if (forMs > 0) keeper.healLater(forMs, () => keeper.heal(undefined));
      return keeper.status();
    case 'heal':
      await keeper.heal(node === '' ? undefined : node);
      return keeper.status();
    case 'addNode':
      return keeper.addNode(params['role'] === 'central' ? 'central' : 'worker');
    case 'removeNode':
      await keeper.removeNode(node);
      return keeper.status();
    case 'shutdown':
      await end(params['remove'] === true, params['orderly'] === true);
      return true;
    default:
      throw new Error(`the keeper knows no method ${method}`);
  }
}

process.on('SIGTERM', () => void end(false, true));
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
try {
  await serveControl(state, handle);
} catch (error) {
  process.stderr.write(`${errorMessage(error)}\n`);
  process.exit(1);
}
// Nobody ever asked for a boot: the command that started this keeper was killed at once.
systemClock.setTimer(10_000, () => {
  if (!proven && ending === undefined && !existsSync(join(folder, 'nodes'))) void end(true, false);
});
