// The client: knows all endpoints of a cluster, asks the next one when a request was not taken,
// and never repeats a write whose outcome is unknown (a time-out is "unknown", never "failed").
import { systemClock } from '@corral/kit';
import type { DialMap } from '@corral/kit';
import { Endpoints } from './endpoints.js';
import { ClientError, EtcdApiError } from './errors.js';
import { parseError } from './answers.js';
import { Connections } from './request.js';
import type { HttpAnswer, HttpRequest } from './request.js';

export type EtcdClientOptions = {
  /** Client URLs of members or proxies, in order of preference. */
  readonly endpoints: readonly string[];
  /** For one request over all its attempts; default 10,000. */
  readonly timeoutMs?: number;
  /** For one connection attempt; default 1,000. */
  readonly dialTimeoutMs?: number;
  readonly dialMap?: DialMap;
  readonly ca?: readonly string[];
};

/** An answer and where it came from. */
export type Answered = HttpAnswer & { readonly endpoint: string };

/**
 * Sends requests to whichever endpoint takes them. The keys, watch and members modules build on
 * `send`; programs use EtcdClient.
 */
export class EtcdSender {
  readonly endpoints: Endpoints;
  readonly connections: Connections;
  readonly #timeoutMs: number;

  constructor(options: EtcdClientOptions) {
    this.endpoints = new Endpoints(options.endpoints);
    this.connections = new Connections(options);
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  /**
   * The answer of the first endpoint that takes the request. `idempotent` requests (reads) are
   * also repeated when an answer got lost.
   * Throws ClientError E_NO_ENDPOINT (nobody took it) or E_UNKNOWN_OUTCOME.
   */
  async send(
    request: Omit<HttpRequest, 'timeoutMs'>,
    options: { readonly idempotent: boolean; readonly timeoutMs?: number | undefined },
  ): Promise<Answered> {
    const deadline = systemClock.now() + (options.timeoutMs ?? this.#timeoutMs);
    const tried: string[] = [];
    for (const endpoint of [...this.endpoints.list()]) {
      const timeoutMs = deadline - systemClock.now();
      if (timeoutMs <= 0) break;
      const result = await this.connections.exchange(endpoint, { ...request, timeoutMs });
      if (result.ok) {
        if (!refusedUnsent(result.answer)) {
          this.endpoints.answered(endpoint);
          return { ...result.answer, endpoint };
        }
        tried.push(`${endpoint} (did not take it: ${result.answer.body.trim()})`);
        this.endpoints.failed(endpoint);
        continue;
      }
      request.signal?.throwIfAborted();
      this.endpoints.failed(endpoint);
      const { kind, error } = result.failure;
      tried.push(`${endpoint} (${error.message})`);
      if (kind === 'unknown' && !options.idempotent) {
        throw new ClientError(
          'E_UNKNOWN_OUTCOME',
          `${request.method} ${request.path} was sent to ${endpoint} and no answer came: ` +
            `${error.message}. It may or may not have happened; read before you repeat it`,
          { cause: error, details: { endpoint } },
        );
      }
    }
    throw new ClientError(
      'E_NO_ENDPOINT',
      `no endpoint took ${request.method} ${request.path}: ${tried.join(', ') || 'none given'}`,
      { details: { tried } },
    );
  }

  close(): void {
    this.connections.close();
  }
}

/**
 * Answers by which a server says that it did not take the request: nothing was proposed, so it may
 * be asked elsewhere. 503 is a server that drains or a proxy without members.
 */
export function refusedUnsent(answer: HttpAnswer): boolean {
  if (answer.status === 503) return true;
  if (answer.status !== 500) return false;
  const error = parseError(answer);
  return error?.errorCode === 300 && error.cause === 'etcdserver: no leader';
}

/** Throws what a key request's unsuccessful answer means. */
export function throwAnswer(answer: Answered, write: boolean): never {
  const error = parseError(answer);
  if (error === undefined) {
    const code = write && answer.status >= 500 ? 'E_UNKNOWN_OUTCOME' : 'E_BAD_ANSWER';
    throw new ClientError(
      code,
      `${answer.endpoint} answered ${answer.status}: ${answer.body.slice(0, 200)}`,
    );
  }
  if (write && error.errorCode === 300) {
    throw new ClientError(
      'E_UNKNOWN_OUTCOME',
      `${answer.endpoint} gave no result: ${error.cause}. The write may still happen`,
      { details: { endpoint: answer.endpoint } },
    );
  }
  throw new EtcdApiError({ ...error, status: answer.status });
}
