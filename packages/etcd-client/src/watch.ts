// Watches as an async iterator. A watch is a chain of long polls; between two of them the position
// is kept by index, so that nothing is lost when a member dies. When the history is gone (401) the
// watch says so by ending with an error: the caller has to read the state anew.
import { backoff, systemClock } from '@corral/kit';
import { parseKeyResponse } from './answers.js';
import type { KeyResponse } from './answers.js';
import { ClientError } from './errors.js';
import { throwAnswer } from './client.js';
import type { Answered, EtcdSender } from './client.js';
import { keyPath } from './keys.js';

export type WatchOptions = {
  readonly recursive?: boolean;
  /** The first index of interest; default: the next change after the first `next()`. */
  readonly waitIndex?: number;
  readonly signal?: AbortSignal;
};

/**
 * Every change at `key` (and below it with `recursive`), in order, each once, from `waitIndex` on.
 * Goes on at another endpoint when one fails. Ends when `signal` aborts.
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
    const outcome = await nextEvent(sender, key, { ...options, waitIndex });
    if (isAborted(signal)) return;
    if (outcome.event === undefined) {
      waitIndex = Math.max(waitIndex, outcome.seenIndex + 1);
      await systemClock.sleep(pauses.next(), { signal }).catch(() => undefined);
      continue;
    }
    pauses.reset();
    waitIndex = Math.max(waitIndex, outcome.event.node.modifiedIndex) + 1;
    yield outcome.event;
  }
}

async function currentIndex(
  sender: EtcdSender,
  key: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  // With quorum: a member that lags would name an index of the past, and old changes would be new.
  const answer = await sender.send(
    { method: 'GET', path: keyPath(key, 'quorum=true'), signal },
    { idempotent: true },
  );
  const index = Number(answer.headers['x-etcd-index'] ?? Number.NaN);
  if (Number.isInteger(index)) return index;
  throw new ClientError('E_BAD_ANSWER', `${answer.endpoint} gave no X-Etcd-Index`);
}

/** An event, or the index up to which this long poll has certainly found none (0: nothing known). */
type Outcome =
  { readonly event: KeyResponse } | { readonly event: undefined; readonly seenIndex: number };

/** One long poll. */
async function nextEvent(
  sender: EtcdSender,
  key: string,
  options: WatchOptions & { readonly waitIndex: number },
): Promise<Outcome> {
  const recursive = options.recursive === true ? '&recursive=true' : '';
  const path = keyPath(key, `wait=true&waitIndex=${options.waitIndex}${recursive}`);
  const endpoint = sender.endpoints.list()[0];
  if (endpoint === undefined) throw new ClientError('E_NO_ENDPOINT', 'no endpoint to watch at');
  const { signal } = options;
  const result = await sender.connections.exchange(endpoint, { method: 'GET', path, signal });
  if (!result.ok) {
    if (!isAborted(signal)) sender.endpoints.failed(endpoint);
    return { event: undefined, seenIndex: 0 };
  }
  const answer = { ...result.answer, endpoint };
  if (answer.status >= 500 || answer.body.trim() === '') {
    sender.endpoints.failed(endpoint);
    return { event: undefined, seenIndex: answer.status === 200 ? emptyUpTo(answer) : 0 };
  }
  if (answer.status !== 200) throwAnswer(answer, false);
  return { event: parseKeyResponse(answer) };
}

/**
 * A member that ends a watch without an event has looked through its history first, up to the index
 * in the head (etcd sends a past event at once). So a watch on a quiet key does not fall out of the
 * history while others write. Only a body whose end is marked counts: others may be cut.
 */
function emptyUpTo({ headers }: Answered): number {
  const marked = headers['transfer-encoding'] === 'chunked' || headers['content-length'] === '0';
  const index = Number(headers['x-etcd-index'] ?? 0);
  return marked && Number.isInteger(index) ? index : 0;
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
