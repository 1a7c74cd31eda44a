// Watches as an async iterator. A watch is a chain of long polls; between two of them the position
// is kept by index, so that nothing is lost when a member dies. When the history is gone (401) the
// watch says so by ending with an error: the caller has to read the state anew.
import { backoff, systemClock } from '@corral/kit';
import { parseKeyResponse } from './answers.js';
import type { KeyResponse } from './answers.js';
import { ClientError } from './errors.js';
import { throwAnswer } from './client.js';
import type { EtcdSender } from './client.js';
import { keyPath } from './keys.js';

export type WatchOptions = {
  readonly recursive?: boolean;
  /** The first index of interest; default: the next change. */
  readonly waitIndex?: number;
  readonly signal?: AbortSignal;
};

/**
 * Every change at `key` (and below it with `recursive`), in order, from `waitIndex` on. Goes on at
 * another endpoint when one fails. Ends when `signal` aborts.
 * Throws EtcdApiError 401 when the wanted history has been cleared.
 */
export async function* watchKey(
  sender: EtcdSender,
  key: string,
  options: WatchOptions = {},
): AsyncGenerator<KeyResponse, void, undefined> {
  const { signal } = options;
  let waitIndex = options.waitIndex ?? (await currentIndex(sender, key, signal)) + 1;
  const pauses = backoff({ firstMs: 10, maxMs: 1_000 });
  while (signal?.aborted !== true) {
    const event = await nextEvent(sender, key, { ...options, waitIndex });
    if (event === undefined) {
      if (isAborted(signal)) return;
      await systemClock.sleep(pauses.next(), { signal }).catch(() => undefined);
      continue;
    }
    pauses.reset();
    waitIndex = event.node.modifiedIndex + 1;
    yield event;
  }
}

async function currentIndex(
  sender: EtcdSender,
  key: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const answer = await sender.send(
    { method: 'GET', path: keyPath(key), signal },
    { idempotent: true },
  );
  const index = Number(answer.headers['x-etcd-index'] ?? Number.NaN);
  if (Number.isInteger(index)) return index;
  throw new ClientError('E_BAD_ANSWER', `${answer.endpoint} gave no X-Etcd-Index`);
}

/** One long poll; undefined when the connection ended without an event. */
async function nextEvent(
  sender: EtcdSender,
  key: string,
  options: WatchOptions & { readonly waitIndex: number },
): Promise<KeyResponse | undefined> {
  const recursive = options.recursive === true ? '&recursive=true' : '';
  const path = keyPath(key, `wait=true&waitIndex=${options.waitIndex}${recursive}`);
  const endpoint = sender.endpoints.list()[0];
  if (endpoint === undefined) throw new ClientError('E_NO_ENDPOINT', 'no endpoint to watch at');
  const { signal } = options;
  const result = await sender.connections.exchange(endpoint, { method: 'GET', path, signal });
  if (!result.ok || result.answer.status >= 500 || result.answer.body.trim() === '') {
    sender.endpoints.failed(endpoint);
    return undefined;
  }
  const answer = { ...result.answer, endpoint };
  if (answer.status !== 200) throwAnswer(answer, false);
  return parseKeyResponse(answer);
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
