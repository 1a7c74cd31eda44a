// The face's half of a roll: the keeper does it, and is waited for also when its caller gives up.
import { callKeeper } from '../keeper/control.js';
import type { ClusterState } from '../state.js';
import type { ComponentName } from './components.js';
import type { RollEvent, RollReport } from './roll.js';

export type { RollReport } from './roll.js';

export type DevOptions = {
  readonly component: ComponentName;
  /** As buildComponent gives it; undefined takes such code away. */
  readonly text: string | undefined;
  /** Names of nodes; default: all that run the component. */
  readonly nodes?: readonly string[] | undefined;
  readonly onProgress?: ((event: RollEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Resolves when every node that was chosen runs the code and is as well as before; aborted, when the
 * node under way is. Throws ClusterError E_FAILED or E_NO_QUORUM when no node was touched, and
 * E_DEV_WORSE when a step made the cluster worse and was taken back.
 */
export async function putCode(state: ClusterState, options: DevOptions): Promise<RollReport> {
  const { component, text = null, nodes = null, onProgress, signal } = options;
  try {
    const params = { component, text, nodes };
    const onEvent = (event: unknown): void => onProgress?.(event as RollEvent);
    return (await callKeeper(state, 'dev', params, { onEvent, signal })) as RollReport;
  } catch (error) {
    // The node under way is finished: only then is it as it will stay.
    if (signal?.aborted === true) await callKeeper(state, 'idle');
    throw error;
  }
}
