// One HTTP exchange with one endpoint, and what its failure means: "not sent" (safe to try
// elsewhere), or "unknown" (bytes left, no answer came).
import { Agent, request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import type { DialMap } from '@corral/kit';

export type HttpRequest = {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD';
  /** Path and query, encoded. */
  readonly path: string;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
  /** Milliseconds until the answer must be complete; undefined = none (watches). */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type HttpAnswer = {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};

export type HttpFailure = {
  readonly kind: 'not-sent' | 'unknown' | 'aborted';
  readonly error: Error;
};

export type HttpResult =
  | { readonly ok: true; readonly answer: HttpAnswer }
  | { readonly ok: false; readonly failure: HttpFailure };

export type ConnectionOptions = {
  readonly dialMap?: DialMap | undefined;
  /** Milliseconds until a connection must be up. */
  readonly dialTimeoutMs?: number | undefined;
  readonly ca?: readonly string[] | undefined;
};

/** Keeps connections alive per endpoint. */
export class Connections {
  readonly #plain = new Agent({ keepAlive: true, maxFreeSockets: 256 });
  readonly #tls: TlsAgent;
  readonly #dialMap: DialMap;
  readonly #dialTimeoutMs: number;

  constructor(options: ConnectionOptions = {}) {
    this.#dialMap = options.dialMap ?? ((host) => host);
    this.#dialTimeoutMs = options.dialTimeoutMs ?? 1_000;
    const ca = options.ca === undefined ? {} : { ca: [...options.ca] };
    this.#tls = new TlsAgent({ keepAlive: true, ...ca });
  }

  /** Sends a request and collects the answer; never rejects. */
  async exchange(endpoint: string, request: HttpRequest): Promise<HttpResult> {
    const opened = await this.open(endpoint, request);
    if (!opened.ok) return opened;
    const { response, done } = opened;
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks).toString('utf8');
      const { statusCode, headers } = response;
      return { ok: true, answer: { status: statusCode ?? 0, headers, body } };
    } catch (error) {
      return { ok: false, failure: failure('unknown', error, request) };
    } finally {
      done();
    }
  }

  /** Sends a request and gives the answer as soon as its head is there; the body streams. */
  open(
    endpoint: string,
    request: HttpRequest,
  ): Promise<
    | { readonly ok: true; readonly response: IncomingMessage; readonly done: () => void }
    | { readonly ok: false; readonly failure: HttpFailure }
  > {
    return new Promise((resolve) => {
      const signals = [request.signal, timeoutSignal(request.timeoutMs)].filter(
        (signal) => signal !== undefined,
      );
      const signal = signals.length === 0 ? undefined : AbortSignal.any(signals);
      if (signal?.aborted === true) {
        resolve({ ok: false, failure: failure('not-sent', signal.reason, request) });
        return;
      }
      let sent = false;
      const client = this.#request(endpoint, request);
      const onAbort = (): void => {
        client.destroy(asError(signal?.reason));
      };
      const done = (): void => signal?.removeEventListener('abort', onAbort);
      signal?.addEventListener('abort', onAbort, { once: true });
      client.on('socket', (socket) => {
        if (!socket.connecting) {
          sent = true;
          return;
        }
        // The dial has its own limit; bytes can leave only after it succeeded.
        socket.setTimeout(this.#dialTimeoutMs, () => {
          if (socket.connecting) client.destroy(new Error('dial timed out'));
        });
        socket.once('connect', () => {
          sent = true;
          socket.setTimeout(0);
        });
      });
      client.on('response', (response) => resolve({ ok: true, response, done }));
      client.on('error', (error) => {
        done();
        const kind = sent ? 'unknown' : 'not-sent';
        resolve({ ok: false, failure: failure(kind, error, request) });
      });
      client.end(request.body);
    });
  }

  close(): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }

  #request(endpoint: string, request: HttpRequest): ReturnType<typeof httpRequest> {
    const url = new URL(endpoint);
    const headers: Record<string, string | number> = { Host: url.host };
    if (request.body !== undefined) {
      headers['Content-Type'] = request.contentType ?? 'application/x-www-form-urlencoded';
      headers['Content-Length'] = Buffer.byteLength(request.body);
    }
    const secure = url.protocol === 'https:';
    const options: RequestOptions = {
      host: this.#dialMap(url.hostname.replace(/^\[|\]$/g, '')),
      port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
      method: request.method,
      path: request.path,
      headers,
      agent: secure ? this.#tls : this.#plain,
    };
    return secure ? httpsRequest({ ...options, servername: url.hostname }) : httpRequest(options);
  }
}

function timeoutSignal(timeoutMs: number | undefined): AbortSignal | undefined {
  return timeoutMs === undefined
    ? undefined
    : AbortSignal.timeout(Math.max(0, Math.ceil(timeoutMs)));
}

function failure(kind: 'not-sent' | 'unknown', error: unknown, request: HttpRequest): HttpFailure {
  const aborted = request.signal?.aborted === true;
  return { kind: aborted && kind === 'not-sent' ? 'aborted' : kind, error: asError(error) };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
