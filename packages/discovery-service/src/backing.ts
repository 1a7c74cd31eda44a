// The etcd behind the service: one request at a time for its own needs, and requests of etcds passed
// on unchanged, streaming, with a limit that keeps the waiting etcd from giving up.
import { Agent, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import { CodedError, errorMessage } from '@corral/kit';
import type { Clock } from '@corral/kit';

export class DiscoveryServiceError extends CodedError<
  'E_DISCOVERY_STORE' | 'E_DISCOVERY_FLAGS' | 'E_DISCOVERY_LISTEN'
> {}

/** A slow answer is fatal for an etcd that boots (5 s); 503 lets it try again. */
const answerLimitMs = 3_000;
/** An idle wait ends with an empty body, and the etcd asks anew. */
const waitLimitMs = 5 * 60_000;

export type StoreAnswer = { readonly status: number; readonly body: string };

export class BackingStore {
  readonly #url: URL;
  readonly #clock: Clock;
  readonly #agent: Agent;

  /** `ca`: certificates (PEM) to trust when the URL is https. */
  constructor(options: {
    readonly url: string;
    readonly clock: Clock;
    readonly ca?: (() => readonly string[]) | undefined;
  }) {
    this.#url = new URL(options.url);
    this.#clock = options.clock;
    const ca = this.#isSecure && options.ca !== undefined ? { ca: [...options.ca()] } : {};
    this.#agent = this.#isSecure
      ? new TlsAgent({ keepAlive: true, ...ca })
      : new Agent({ keepAlive: true });
  }

  get #isSecure(): boolean {
    return this.#url.protocol === 'https:';
  }

  get url(): string {
    return this.#url.origin;
  }

  /** Rejects with DiscoveryServiceError when the store does not answer. */
  exchange(method: 'GET' | 'PUT' | 'DELETE', path: string, value?: string): Promise<StoreAnswer> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void =>
        reject(
          new DiscoveryServiceError(
            'E_DISCOVERY_STORE',
            `the store at ${this.url} does not answer: ${errorMessage(error)}. Is it running?`,
            { cause: error },
          ),
        );
      const asked = this.#open(method, path, value === undefined ? {} : formHeaders, answerLimitMs);
      asked.on('error', fail);
      asked.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, body });
        });
      });
      asked.end(value === undefined ? undefined : `value=${encodeURIComponent(value)}`);
    });
  }

  /** Passes a request on to `path` and the answer back as it comes. */
  forward(
    request: { readonly method: string; readonly body: string | undefined },
    path: string,
    response: ServerResponse,
  ): Promise<number> {
    const waits = /[?&]wait=(true|1|t)/i.test(path);
    return new Promise((resolve) => {
      const headers = request.body === undefined ? {} : formHeaders;
      const limit = waits ? undefined : answerLimitMs;
      const asked = this.#open(request.method, path, headers, limit);
      const onGone = (): void => void asked.destroy(new Error('the client left'));
      response.once('close', onGone);
      asked.on('response', (answer) => {
        try {
          relayAnswer(answer, response, waits ? this.#clock : undefined);
          resolve(answer.statusCode ?? 0);
        } catch (error) {
          asked.destroy(error instanceof Error ? error : new Error(String(error)));
        }
      });
      asked.on('error', () => {
        response.off('close', onGone);
        if (!response.headersSent && !response.destroyed) {
          response.writeHead(503, { 'Content-Type': 'application/json' });
          response.end('{"message":"the discovery store does not answer; try again"}');
        }
        resolve(503);
      });
      asked.end(request.body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #open(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    limitMs: number | undefined,
  ): ReturnType<typeof httpRequest> {
    return (this.#isSecure ? httpsRequest : httpRequest)({
      host: this.#url.hostname.replace(/^\[|\]$/g, ''),
      port: this.#url.port,
      method,
      path: `/v2/keys${path}`,
      headers,
      agent: this.#agent,
      ...(limitMs === undefined ? {} : { signal: AbortSignal.timeout(limitMs) }),
    });
  }
}

const formHeaders = { 'Content-Type': 'application/x-www-form-urlencoded' };

function relayAnswer(
  answer: IncomingMessage,
  response: ServerResponse,
  waitClock: Clock | undefined,
): void {
  const headers = { ...answer.headers };
  delete headers.connection;
  delete headers['keep-alive'];
  delete headers['transfer-encoding'];
  response.writeHead(answer.statusCode ?? 502, headers);
  response.flushHeaders();
  const timer = waitClock?.setTimer(
    waitLimitMs,
    () => {
      response.end();
      answer.destroy();
    },
    { background: true },
  );
  answer.on('data', (chunk: Buffer) => {
    if (response.write(chunk)) return;
    answer.pause();
    response.once('drain', () => answer.resume());
  });
  answer.on('end', () => response.end());
  answer.on('error', () => response.destroy());
  response.on('close', () => {
    timer?.cancel();
    answer.destroy();
  });
}
