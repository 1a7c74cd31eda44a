// Whether containers can run on this machine, for tests that need them: an engine that answers and the
// image of the nodes. What is missing is said in one line.
import { findEngine } from '../../src/docker/engine.js';
import type { Engine } from '../../src/docker/engine.js';
import { findNodeImage } from '../../src/docker/image/index.js';

export type ContainersHere = { readonly engine: Engine; readonly image: string };

export async function containersHere(): Promise<ContainersHere | undefined> {
  const { engine, error } = await findEngine(process.env);
  if (engine === undefined) {
    skip(error.message);
    return undefined;
  }
  const image = await findNodeImage(engine);
  if (image === undefined) {
    skip('the node image is not built (corral image build node)');
    return undefined;
  }
  return { engine, image };
}

function skip(why: string): void {
  process.stdout.write(`containers are not tested here: ${why}\n`);
}
