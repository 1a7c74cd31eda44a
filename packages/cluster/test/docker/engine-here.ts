// Whether containers can run on this machine, for tests that need them: an engine that answers and the
// image of the nodes. What is missing is said in one line.
import { findEngine } from '../../src/docker/engine.js';
import type { Engine } from '../../src/docker/engine.js';
import { findNodeImage } from '../../src/docker/image/index.js';

export type ContainersHere = { readonly engine: Engine; readonly image: string };

export async function containersHere(): Promise<ContainersHere | undefined> {
  const { engine, error } = await findEngine(process.env);
  if (engine === undefined) return skip(error.message);
  const image = await findNodeImage(engine);
  if (image === undefined) return skip('the node image is not built (corral image build node)');
  return { engine, image };
}

function skip(why: string): undefined {
  process.stdout.write(`containers are not tested here: ${why}\n`);
  return undefined;
}
