// Which runtime a new cluster gets when nobody said: containers where everything for them is there,
// else plain processes; and in a few words why.
import { findEngine } from './docker/engine.js';
import type { Environment } from './hosts.js';
import type { RuntimeKind } from './runtime.js';

export type ChosenRuntime = { readonly runtime: RuntimeKind; readonly why: string };

/** Nothing is built or pulled for it. */
export async function chooseRuntime(environment: Environment): Promise<ChosenRuntime> {
  const { engine, error } = await findEngine(environment);
  if (engine === undefined) {
    const why = {
      E_DOCKER_PERMISSION: 'the Docker socket may not be used',
      E_DOCKER_OLD: 'the Docker engine is too old',
    }[error.code as string];
    return {
      runtime: 'process',
      why: `${why ?? 'no Docker engine answers'}; --runtime docker says more`,
    };
  }
  if (!engine.isLocal) {
    return { runtime: 'process', why: `the Docker engine ${engine.address} is on another machine` };
  }
  const { findNodeImage } = await import('./docker/image/index.js');
  const image = await findNodeImage(engine);
  return image === undefined
    ? { runtime: 'process', why: 'containers need their image: corral image build makes it' }
    : { runtime: 'docker', why: `${image} is there; --runtime process is the other one` };
}
