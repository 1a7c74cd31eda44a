// An image with Node and apt to build on, where a registry or someone else made one. Nothing is
// fetched here but by `pullBase`, which only `--pull` calls.
import { ClusterError } from '../../errors.js';
import type { Engine } from '../engine.js';
import { engineMessage, statusOf } from '../engine.js';
import { followEngine } from './engine-lines.js';
import { defaultBase } from './names.js';
import { inspectImage } from './stored.js';

export type Base = {
  readonly name: string;
  readonly id: string;
  /** Where its Node is. */
  readonly node: string;
};

const nodePlaces = ['/usr/bin/node', '/usr/local/bin/node'];

/** Throws ClusterError E_IMAGE_MISSING when it is not there, E_IMAGE_BUILD when it has no Node. */
export async function readBase(engine: Engine, name: string): Promise<Base> {
  const image = await inspectImage(engine, name);
  if (image === undefined) {
    throw new ClusterError(
      'E_IMAGE_MISSING',
      `the base image ${name} is not on this machine, and nothing is pulled without being asked for`,
      {
        remedies: [
          `corral image build --base ${name} --pull`,
          'corral image build, which needs no registry',
        ],
      },
    );
  }
  const container = await engine.docker.createContainer({ Image: name, Cmd: ['true'] });
  try {
    for (const node of nodePlaces) {
      if (await isIn(container, node)) return { name, id: image.id, node };
    }
  } finally {
    await container.remove({ force: true });
  }
  throw new ClusterError(
    'E_IMAGE_BUILD',
    `the base image ${name} has no Node: ${nodePlaces.join(' and ')} are not there`,
    { remedies: [`corral image build --base ${defaultBase} --pull`] },
  );
}

/** Throws ClusterError E_IMAGE_BUILD with what the registry or the engine said. */
export async function pullBase(
  engine: Engine,
  name: string,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onLine?: ((line: string) => void) | undefined;
  },
): Promise<void> {
  try {
    const answer = await engine.docker.pull(name, {
      ...(options.signal && { abortSignal: options.signal }),
    });
    await followEngine(answer, ({ status = '' }) => options.onLine?.(status));
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new ClusterError('E_IMAGE_BUILD', `cannot pull ${name}: ${engineMessage(error)}`, {
      cause: error,
      remedies: [
        'corral image build, without --pull and --base, needs no registry',
        'corral image load FILE.tar, made elsewhere by: docker save corral/node:latest',
      ],
    });
  }
}

async function isIn(
  container: { infoArchive(options: { path: string }): Promise<unknown> },
  path: string,
): Promise<boolean> {
  try {
    await container.infoArchive({ path });
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}
