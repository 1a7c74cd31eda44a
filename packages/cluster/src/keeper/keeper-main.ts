// The keeper's process: started detached with the state folder as its first word; takes the control
// socket (the lock), boots when asked, and undoes everything when the asker goes away before the
// cluster is proven.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { errorMessage, jsonLogger, randomPrng, systemClock } from '@corral/kit';
import { Controller } from '../controller.js';
import type { NodeAction } from '../controller.js';
import { findComponent } from '../dev/components.js';
import type { FaultSpec } from '../faults.js';
import { ClusterState } from '../state.js';
import { ClusterError } from '../errors.js';
import { serveControl } from './control.js';
import type { CallContext, ControlRequest } from './control.js';
import { binFolder, findPrograms } from '../process/programs.js';
import { keyOf } from '../docker/labels.js';
import type { NodeRuntime } from '../runtime.js';
import { ProcessRuntime } from '../process/runtime.js';
import { SharedBoot } from './shared-boot.js';

const [folder = '', mode = 'up', patienceMs = '10000'] = process.argv.slice(2);
const state = new ClusterState(dirname(dirname(folder)), basename(folder));
const logger = jsonLogger({ clock: systemClock, write: (line) => process.stderr.write(line) });
const prng = randomPrng();
const plan = state.readPlan();
const shared = { plan, clock: systemClock, prng, logger };
const controller = new Controller({
  ...shared,
  writePlan: (changed) => state.writePlan(changed),
  runtime: plan.runtime === 'docker' ? await dockerRuntime() : processRuntime(),
});
const isNew = mode !== 'start';
/** A boot that fails leaves the cluster as it is, stopped. */
let keep = !isNew;
let ending: Promise<void> | undefined;
/** Commands wait until what a former keeper left is in order. */
let letIn: () => void = () => undefined;
const adopted = new Promise<void>((resolve) => {
  letIn = resolve;
});
const boot = new SharedBoot(async (context) => {
  try {
    await controller.boot((event) => context.emit(event), context.signal);
    context.signal.throwIfAborted();
    state.markProven();
  } catch (error) {
    // What ran before this keeper is not its to end.
    if (mode === 'adopt') throw error;
    if (keep && isNew) state.markKept();
    await end(!keep, false);
    throw error;
  }
});

function processRuntime(): NodeRuntime {
  return new ProcessRuntime({
    ...shared,
    state,
    pid: process.pid,
    nodeBinary: process.execPath,
    hostPath: [
      binFolder(import.meta.dirname),
      process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    ]
      .filter((one) => one !== undefined)
      .join(':'),
    bootId: readBootId(),
    programs: findPrograms(import.meta.dirname),
  });
}

async function dockerRuntime(): Promise<NodeRuntime> {
  const { DockerRuntime } = await import('../docker/runtime.js');
  const { connectEngine } = await import('../docker/engine.js');
  const engine = await connectEngine({ ...process.env, DOCKER_HOST: plan.engine });
  const isNew = mode === 'up' || !state.isProven;
  return new DockerRuntime({ ...shared, engine, key: keyOf(state), folder, isNew });
}

function readBootId(): string {
  const path = '/proc/sys/kernel/random/boot_id';
  return existsSync(path) ? readFileSync(path, 'utf8').trim().replaceAll('-', '') : '';
}

/** Ends everything once; with `remove` nothing of the cluster stays. */
function end(remove: boolean, orderly: boolean): Promise<void> {
  ending ??= (async () => {
    await controller.shutdown({ orderly, remove });
    if (remove) state.remove();
    systemClock.setTimer(20, () => process.exit(0));
  })();
  // What could not be ended can be tried again.
  ending.catch(() => {
    ending = undefined;
  });
  return ending;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

async function handle(request: ControlRequest, context: CallContext): Promise<unknown> {
  const { method, params } = request;
  if (ending !== undefined && !['status', 'faults', 'shutdown'].includes(method)) {
    throw new ClusterError('E_KEEPER_GONE', 'the cluster is being stopped just now', {
      remedies: ['corral start brings it back'],
    });
  }
  await adopted;
  const node = text(params['node']);
  switch (method) {
    case 'boot':
      if (!boot.isAskedFor) keep ||= params['keep'] === true;
      await boot.run(context);
      return controller.status();
    case 'status':
      return controller.status({ units: params['units'] !== false });
    case 'act':
      await controller.act(node, text(params['action']) as NodeAction);
      return controller.status();
    case 'inject':
      return controller.inject(params['spec'] as FaultSpec, Number(params['forMs'] ?? 0));
    case 'faults':
      return controller.faults.list();
    case 'heal':
      await controller.heal(params);
      return controller.status();
    case 'addNode':
      return controller.addNode(
        params['role'] === 'central' ? 'central' : 'worker',
        context.signal,
      );
    case 'removeNode':
      await controller.removeNode(node);
      return controller.status();
    case 'dev':
      return controller.dev(
        {
          component: findComponent(text(params['component'])),
          text: typeof params['text'] === 'string' ? params['text'] : undefined,
          names: Array.isArray(params['nodes']) ? params['nodes'].map(String) : undefined,
        },
        context,
      );
    case 'idle':
      return controller.idle();
    case 'shutdown':
      await end(params['remove'] === true, params['orderly'] === true);
      return true;
    default:
      throw new Error(`the keeper knows no method ${method}`);
  }
}

/** What it holds goes on where nodes outlive their keeper; else they end with it. */
function leave(orderly: boolean): void {
  if (plan.runtime === 'docker') process.exit(0);
  void end(false, orderly);
}

process.on('SIGTERM', () => leave(true));
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
try {
  await serveControl(state, handle);
  if (mode === 'adopt') await controller.adopt();
  letIn();
} catch (error) {
  process.stderr.write(`${errorMessage(error)}\n`);
  process.exit(1);
}
// Somebody removed the folder, or made it anew, or another cluster lives in it now: this one has
// nothing to hold.
const secret = state.secret();
systemClock.every(500, () => {
  if (ending === undefined && !(state.holds(plan) && state.secret() === secret)) leave(false);
});
// Nobody ever asked for a boot: the command that started this keeper was killed at once.
systemClock.setTimer(Number(patienceMs), () => {
  if (!boot.isAskedFor && mode !== 'adopt') void end(isNew, false);
});
