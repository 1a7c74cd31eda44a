// Keys: read, write, compare, delete. (etcd 2.3 documentation, api.md)
import { parseKeyResponse } from './answers.js';
import type { KeyResponse } from './answers.js';
import { throwAnswer } from './client.js';
import type { EtcdSender } from './client.js';

export type CallOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the whole call. */
  readonly timeoutMs?: number | undefined;
};

export type GetOptions = CallOptions & {
  readonly recursive?: boolean;
  readonly sorted?: boolean;
  /** Linearizable; without it any member answers from what it has. */
  readonly quorum?: boolean;
};

export type SetOptions = CallOptions & {
  /** Seconds. */
  readonly ttl?: number | undefined;
  readonly dir?: boolean;
  readonly prevValue?: string | undefined;
  readonly prevIndex?: number | undefined;
  readonly prevExist?: boolean | undefined;
  readonly refresh?: boolean;
};

export type DeleteOptions = CallOptions & {
  readonly recursive?: boolean;
  readonly dir?: boolean;
  readonly prevValue?: string | undefined;
  readonly prevIndex?: number | undefined;
};

export class Keys {
  readonly #sender: EtcdSender;

  constructor(sender: EtcdSender) {
    this.#sender = sender;
  }

  /** Rejects with EtcdApiError 100 when the key is missing. The root's own key is ''. */
  async get(key: string, options: GetOptions = {}): Promise<KeyResponse> {
    const { recursive, sorted, quorum } = options;
    const query = form({ recursive, sorted, quorum });
    const path = keyPath(key, query);
    const { signal, timeoutMs } = options;
    const answer = await this.#sender.send(
      { method: 'GET', path, signal },
      { idempotent: true, timeoutMs },
    );
    if (answer.status !== 200) throwAnswer(answer, false);
    return parseKeyResponse(answer);
  }

  /**
   * Sets, creates (prevExist false), updates (prevExist true) or compares and swaps. An undefined
   * value with `refresh` or `dir` sends none.
   * Rejects with EtcdApiError 101, 105, 100 ... when the store refuses, ClientError otherwise.
   */
  set(key: string, value: string | undefined, options: SetOptions = {}): Promise<KeyResponse> {
    const { ttl, dir, prevValue, prevIndex, prevExist, refresh } = options;
    const body = form({ value, ttl, dir, prevValue, prevIndex, prevExist, refresh });
    return this.#write('PUT', keyPath(key), options, body);
  }

  /** Creates a key with a generated, ordered name below the directory `key`. */
  createInOrder(key: string, value: string, options: SetOptions = {}): Promise<KeyResponse> {
    return this.#write('POST', keyPath(key), options, form({ value, ttl: options.ttl }));
  }

  /** Removes a key; a directory needs `dir` (empty) or `recursive`. Rejects as `set` does. */
  delete(key: string, options: DeleteOptions = {}): Promise<KeyResponse> {
    const { recursive, dir, prevValue, prevIndex } = options;
    const query = form({ recursive, dir, prevValue, prevIndex });
    return this.#write('DELETE', keyPath(key, query), options, undefined);
  }

  async #write(
    method: 'PUT' | 'POST' | 'DELETE',
    path: string,
    options: CallOptions,
    body: string | undefined,
  ): Promise<KeyResponse> {
    const { signal, timeoutMs } = options;
    const answer = await this.#sender.send(
      { method, path, body, signal },
      { idempotent: false, timeoutMs },
    );
    if (answer.status !== 200 && answer.status !== 201) throwAnswer(answer, true);
    return parseKeyResponse(answer, 'E_UNKNOWN_OUTCOME');
  }
}

/** `/v2/keys` and the key, each segment percent-encoded. */
export function keyPath(key: string, query = ''): string {
  const segments = key.split('/').filter((segment) => segment !== '');
  const path = ['/v2/keys', ...segments.map(encodeURIComponent)].join('/');
  return query === '' ? path : `${path}?${query}`;
}

function form(fields: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || (value === false && name !== 'prevExist')) continue;
    pairs.push(`${name}=${encodeURIComponent(String(value))}`);
  }
  return pairs.join('&');
}
