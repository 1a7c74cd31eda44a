// What the engine refuses, in our words, and how containers and volumes go.
import { ClusterError } from '../errors.js';
import { engineMessage, statusOf } from './engine.js';
import type { Engine } from './engine.js';

/** What the engine said, in our words and with our ids. */
export function nodeError(node: string, what: string, error: unknown): ClusterError {
  const message = engineMessage(error);
  const cannot = `${node} cannot be ${what}: ${message}`;
  const options = { cause: error, details: { node } };
  if (/port is already allocated|address already in use/i.test(message)) {
    return new ClusterError('E_PORT_TAKEN', cannot, {
      ...options,
      remedies: ['ss -ltnp shows who has the port', `stop it, then corral node start ${node}`],
    });
  }
  if (/no space left/i.test(message)) {
    return new ClusterError('E_DISK_LOW', cannot, {
      ...options,
      remedies: ['corral gc', 'docker system df shows what takes the space'],
    });
  }
  if (/no such image/i.test(message)) {
    return new ClusterError('E_IMAGE_MISSING', cannot, {
      ...options,
      remedies: ['corral image build'],
    });
  }
  return new ClusterError('E_FAILED', cannot, options);
}

/** Nothing happens when there is none. */
export async function removeContainer({ docker }: Engine, name: string): Promise<void> {
  await docker
    .getContainer(name)
    .remove({ force: true, v: true })
    .catch((error: unknown) => {
      // 409: another removal is on its way.
      if (![404, 409].includes(statusOf(error) ?? 0)) throw nodeError(name, 'removed', error);
    });
}

export async function removeVolume({ docker }: Engine, name: string): Promise<void> {
  await docker
    .getVolume(name)
    .remove({ force: true })
    .catch((error: unknown) => {
      if (statusOf(error) !== 404) throw nodeError(name, 'removed', error);
    });
}
