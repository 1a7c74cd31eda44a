// New code for the cluster's discovery service, which is on no node: it is stopped, and started with
// the code; when that fails, with the code it had.
import { errorMessage } from '@corral/kit';
import { ClusterError } from '../errors.js';
import type { DiscoveryHandle } from '../runtime.js';
import { hashOf, readCode, removeCode, writeCode } from './code-files.js';
import type { CodeName, RollReport, RollRequest, RollWorld } from './roll.js';

const name = 'discovery';

/** Throws ClusterError E_FAILED where the runtime has no place for it, E_DEV_WORSE as rollCode. */
export async function rollDiscovery(
  { component, text }: RollRequest,
  discovery: DiscoveryHandle,
  { clock, emit }: Pick<RollWorld, 'clock' | 'emit'>,
): Promise<RollReport> {
  const { devFolder } = discovery;
  const { program } = component;
  const begun = clock.now();
  const report = { component: component.name, program, code: codeName(text), skipped: [] };
  if (devFolder === undefined) {
    if (text === undefined) return { ...report, nodes: [], ms: 0 };
    throw new ClusterError('E_FAILED', `this runtime cannot change the code of ${program}`);
  }
  const had = readCode(devFolder, program);
  const names = { node: name, was: codeName(had), now: codeName(text) };
  if (had === text) return { ...report, nodes: [{ ...names, ms: 0 }], ms: 0 };
  const wasRunning = discovery.url !== undefined;
  const apply = async (code: string | undefined): Promise<void> => {
    if (code === undefined) removeCode(devFolder, program);
    else writeCode(devFolder, program, code);
    await discovery.stop();
    if (wasRunning) await discovery.start();
  };
  emit({ kind: 'step', name, state: 'started' });
  try {
    await apply(text);
  } catch (error) {
    const told = await apply(had).then(
      () => 'it has the code it had again',
      (again: unknown) => `it did not come back with the code it had: ${errorMessage(again)}`,
    );
    throw new ClusterError(
      'E_DEV_WORSE',
      `${component.name} ${names.now ?? ''} does not start: ${errorMessage(error)}; ${told}`,
      { cause: error, remedies: ['corral status'] },
    );
  }
  const ms = Math.round(clock.now() - begun);
  const words = `${names.was ?? 'installed code'} → ${names.now ?? 'installed code'}`;
  emit({ kind: 'step', name, state: 'done', ms, text: `${words} · ${discovery.url ?? 'stopped'}` });
  return { ...report, nodes: [{ ...names, ms }], ms };
}

function codeName(text: string | undefined): CodeName {
  return text === undefined ? null : (hashOf(text) ?? 'unknown');
}
