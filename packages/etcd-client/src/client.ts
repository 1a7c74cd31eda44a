// The client: knows all endpoints of a cluster, asks the next one when a request was not taken,
// and never repeats a write whose outcome is unknown (a time-out is "unknown", never "failed").
import { errorMessage, systemClock } from '@corral/kit';
import type { DialMap } from '@corral/kit';
import { Endpoints } from './endpoints.js';
import { ClientError, EtcdApiError } from './errors.js';
import { parseError, parseJson } from './answers.js';
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
   * The answer of the first endpoint that takes the request. `idempotent` requests (reads) are also
   * repeated elsewhere when an answer got lost, was a server error, or takes longer than a fair
   * share of the time; when no other endpoint does better, the last server error is the answer.
   * Rejects with ClientError E_NO_ENDPOINT (nobody took it) or E_UNKNOWN_OUTCOME (a write was sent
   * and no answer came), or with the reason of the signal: a write that was aborted may have
   * happened.
   */
  async send(
    request: Omit<HttpRequest, 'timeoutMs'>,
    options: { readonly idempotent: boolean; readonly timeoutMs?: number | undefined },
  ): Promise<Answered> {
    const deadline = systemClock.now() + (options.timeoutMs ?? this.#timeoutMs);
    const tried: string[] = [];
    const causes: unknown[] = [];
    let refusal: Answered | undefined;
    const urls = [...this.endpoints.list()];
    for (const [i, endpoint] of urls.entries()) {
      const leftMs = deadline - systemClock.now();
      if (leftMs <= 0) break;
      const timeoutMs = options.idempotent ? leftMs / (urls.length - i) : leftMs;
      const result = await this.connections.exchange(endpoint, { ...request, timeoutMs });
      if (result.ok) {
        const answer = { ...result.answer, endpoint };
        if (options.idempotent ? answer.status < 500 : !refusedUnsent(answer)) {
          this.endpoints.answered(endpoint);
          return answer;
        }
        if (options.idempotent) refusal = answer;
        const reason = `${answer.status}: ${answer.body.trim().slice(0, 200)}`;
        tried.push(`${endpoint} (${reason})`);
        causes.push(reason);
        this.endpoints.failed(endpoint);
        continue;
      }
      request.signal?.throwIfAborted();
      this.endpoints.failed(endpoint);
      const { kind, error } = result.failure;
      tried.push(`${endpoint} (${errorMessage(error)})`);
      causes.push(error);
      if (kind === 'unknown' && !options.idempotent) throw unknownOutcome(request, endpoint, error);
    }
    if (refusal !== undefined) return refusal;
    throw new ClientError(
      'E_NO_ENDPOINT',
      `no endpoint took ${request.method} ${request.path}: ${tried.join(', ') || 'none given'}`,
      { details: { tried, causes } },
    );
  }

  close(): void {
    this.connections.close();
  }
}

function unknownOutcome(
  request: Pick<HttpRequest, 'method' | 'path'>,
  endpoint: string,
  error: Error,
): ClientError {
  return new ClientError(
    'E_UNKNOWN_OUTCOME',
    `${request.method} ${request.path} was sent to ${endpoint} and no answer came: ` +
      `${errorMessage(error)}. It may or may not have happened; read before you repeat it`,
    { cause: error, details: { endpoint } },
  );
}

/**
 * Answers by which a server says that it did not take a write, so that it may be asked elsewhere:
 * a member without a leader, a member that drains (both code 300), a proxy without members. A bare
 * 503 is no such word: a gateway also says it when the connection broke after the write was sent.
 */
export function refusedUnsent(answer: HttpAnswer): boolean {
  if (answer.status !== 500 && answer.status !== 503) return false;
  const error = parseError(answer);
  if (error?.errorCode === 300) {
    const stopped = answer.status === 503 && error.cause === 'etcdserver: server stopped';
    return stopped || error.cause === 'etcdserver: no leader';
  }
  const message = parseJson(answer.body)?.['message'];
  return typeof message === 'string' && /^(http)?proxy: zero endpoints/.test(message);
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
