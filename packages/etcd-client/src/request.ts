// One HTTP exchange with one endpoint, and what its failure means: "not sent" (safe to try
// elsewhere), or "unknown" (bytes left, no answer came).
import { Agent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { TLSSocket, checkServerIdentity as tlsCheckServerIdentity } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import { systemClock } from '@corral/kit';
import type { DialMap, Timer } from '@corral/kit';

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
  /** "aborted": by the caller's signal, before anything was sent. */
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

/** An answer whose head is there; the body streams. `done` must be called when it is over. */
export type OpenAnswer = {
  readonly response: IncomingMessage;
  readonly done: () => void;
  /** Why we ended the exchange ourselves (time over, signal), if we did. */
  readonly endedBy: () => Error | undefined;
};

type Opened =
  | ({ readonly ok: true } & OpenAnswer)
  | { readonly ok: false; readonly failure: HttpFailure; readonly stale: boolean };

/** Keeps connections alive per endpoint. */
export class Connections {
  readonly #plain = new Agent({ keepAlive: true, maxFreeSockets: 256 });
  readonly #tls: TlsAgent;
  readonly #ca: { readonly ca?: string[] };
  readonly #dialMap: DialMap;
  readonly #dialTimeoutMs: number;

  constructor(options: ConnectionOptions = {}) {
    this.#dialMap = options.dialMap ?? ((host) => host);
    this.#dialTimeoutMs = options.dialTimeoutMs ?? 1_000;
    this.#ca = options.ca === undefined ? {} : { ca: [...options.ca] };
    this.#tls = new TlsAgent({ keepAlive: true, ...this.#ca });
  }

  /**
   * Sends a request and collects the answer; never rejects. A read that fails on a connection which
   * the server had closed meanwhile is sent again, once, on a new one.
   */
  async exchange(endpoint: string, request: HttpRequest): Promise<HttpResult> {
    const first = await this.#open(endpoint, request, 'kept');
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const again = !first.ok && first.stale && isRead && request.signal?.aborted !== true;
    const opened = again ? await this.#open(endpoint, request, 'new') : first;
    if (!opened.ok) return { ok: false, failure: opened.failure };
    const { response, done, endedBy } = opened;
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks).toString('utf8');
      const { statusCode, headers } = response;
      return { ok: true, answer: { status: statusCode ?? 0, headers, body } };
    } catch (error) {
      return { ok: false, failure: { kind: 'unknown', error: endedBy() ?? asError(error) } };
    } finally {
      done();
    }
  }

  #open(endpoint: string, request: HttpRequest, connection: 'kept' | 'new'): Promise<Opened> {
    return new Promise((resolve) => {
      const { signal, timeoutMs } = request;
      const fail = (kind: HttpFailure['kind'], error: unknown, stale = false): void => {
        resolve({ ok: false, failure: { kind, error: asError(error) }, stale });
      };
      if (signal?.aborted === true) {
        fail('aborted', signal.reason);
        return;
      }
      let client: ClientRequest;
      try {
        client = this.#request(endpoint, request, connection);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        fail('not-sent', new Error(`${endpoint} cannot be asked: ${why}`));
        return;
      }
      let sent = false;
      let ended: Error | undefined;
      const end = (reason: unknown): void => {
        ended = asError(reason);
        client.destroy(ended);
      };
      const onAbort = (): void => end(signal?.reason);
      const timer = limit(timeoutMs, () => end(new Error(`no answer within ${timeoutMs ?? 0} ms`)));
      const dial = limit(this.#dialTimeoutMs, () => end(new Error('dial timed out')));
      const done = (): void => {
        timer?.cancel();
        dial?.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      // Bytes can leave only after the connection is up; a TLS handshake is part of that.
      const onUp = (): void => {
        sent = true;
        dial?.cancel();
      };
      client.on('socket', (socket) => {
        if (client.reusedSocket) onUp();
        else socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', onUp);
      });
      client.on('response', (response) => {
        resolve({ ok: true, response, done, endedBy: () => ended });
      });
      client.on('error', (error) => {
        done();
        if (sent) fail('unknown', error, client.reusedSocket && ended === undefined);
        else fail(signal?.aborted === true ? 'aborted' : 'not-sent', error);
      });
      client.end(request.body);
    });
  }

  close(): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }

  #request(endpoint: string, request: HttpRequest, connection: 'kept' | 'new'): ClientRequest {
    const url = new URL(endpoint);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw new Error('its URL starts with neither http:// nor https://');
    }
    const headers: Record<string, string | number> = { Host: url.host };
    if (request.body !== undefined) {
      headers['Content-Type'] = request.contentType ?? 'application/x-www-form-urlencoded';
      headers['Content-Length'] = Buffer.byteLength(request.body);
    }
    const secure = url.protocol === 'https:';
    const hostname = url.hostname.replace(/^\[|\]$/g, '');
    const kept = secure ? this.#tls : this.#plain;
    const options: RequestOptions = {
      host: this.#dialMap(hostname),
      port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
      method: request.method,
      path: request.path,
      headers,
      agent: connection === 'kept' ? kept : false,
    };
    if (!secure) return httpRequest(options);
    // An address is no name: it may not be sent as one (RFC 6066), only checked.
    const servername = isIP(hostname) === 0 ? hostname : '';
    const checkServerIdentity = (_host: string, certificate: PeerCertificate): Error | undefined =>
      tlsCheckServerIdentity(hostname, certificate);
    return httpsRequest({ ...options, ...this.#ca, servername, checkServerIdentity });
  }
}

function limit(delayMs: number | undefined, onOver: () => void): Timer | undefined {
  if (delayMs === undefined) return undefined;
  return systemClock.setTimer(Math.max(0, delayMs), onOver, { background: true });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
