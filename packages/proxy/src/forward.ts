// One request through the proxy. Answers stream as they come. An endpoint that cannot be reached is
// passed over; once bytes of a write have left, its outcome is unknown and it is not repeated (etcd's
// own proxy repeats it). Reads go on to the next endpoint, also when one accepts and never answers.
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, ServerResponse, Agent } from 'node:http';
import { errorMessage } from '@corral/kit';
import type { Clock, DialMap, Logger } from '@corral/kit';
import type { Endpoints } from './endpoints.js';

export type ForwardOptions = {
  readonly endpoints: Endpoints;
  /** An endpoint could not be used. */
  readonly onFailure: () => void;
  readonly agent: Agent;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly dialMap: DialMap;
  /** This proxy's mark in Via headers: a request that carries it has come round. */
  readonly mark: string;
  /** Longest wait for a connection; 0 = none. */
  readonly dialTimeoutMs: number;
  /** Longest stall while a request is written; 0 = none. */
  readonly writeTimeoutMs: number;
  /** Longest stall while an answer is read; 0 = none, as long polls need it. */
  readonly readTimeoutMs: number;
};

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
]);
/** A form of 10 MiB and its encoding: what a member accepts. */
const bodyBytesMax = 11 * 1024 * 1024;
/** Until an answer begins: a member reads its own tree at once ... */
const readLimitMs = 5_000;
/** ... and gives up on the cluster (writes, quorum reads) after 7 s (etcd: 5 s + two elections). */
const clusterLimitMs = 10_000;

/** Answers `response`; never rejects. */
export async function forward(
  options: ForwardOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { endpoints, clock, logger } = options;
  const body = await readBody(request);
  if (body.kind === 'broken') return;
  if (body.kind === 'too-large') {
    sendMessage(response, 413, `proxy: the body is larger than ${bodyBytesMax} bytes`);
    return;
  }
  if ((request.headers.via ?? '').includes(options.mark)) {
    sendMessage(response, 502, 'proxy: this request has come round to the proxy it came from');
    return;
  }
  const urls = endpoints.available(clock.now());
  if (urls.length === 0) {
    sendMessage(response, 503, 'proxy: zero endpoints currently available');
    return;
  }
  const safe = request.method === 'GET' || request.method === 'HEAD';
  let tried = 0;
  for (const url of urls) {
    tried += 1;
    const exchange = { options, url, request, response, body: body.bytes };
    let attempt = await tryEndpoint(exchange, options.agent);
    if (attempt.kind === 'failed' && attempt.stale && safe && !response.destroyed) {
      // The member had closed a kept connection: no sign that it is down.
      attempt = await tryEndpoint(exchange, false);
    }
    if (attempt.kind === 'answered') return;
    if (response.destroyed) {
      logger.info('proxy: a client closed request prematurely', { url: request.url });
      return;
    }
    logger.warn(`failed to direct request to ${url}: ${attempt.reason}`);
    logger.info(`marked endpoint ${url} unavailable`);
    endpoints.failed(url, clock.now());
    options.onFailure();
    if (attempt.sent && !safe) {
      sendMessage(
        response,
        502,
        `proxy: unable to get response from ${tried} endpoint(s): the outcome of this write is ` +
          'unknown, so it was not repeated',
      );
      return;
    }
  }
  sendMessage(response, 502, `proxy: unable to get response from ${tried} endpoint(s)`);
}

type Exchange = {
  readonly options: ForwardOptions;
  readonly url: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
};

type Attempt =
  | { readonly kind: 'answered' }
  | {
      readonly kind: 'failed';
      /** Bytes may have left. */
      readonly sent: boolean;
      /** On a kept connection that turned out to be closed. */
      readonly stale: boolean;
      readonly reason: string;
    };

function tryEndpoint(exchange: Exchange, agent: Agent | false): Promise<Attempt> {
  const { options, url, request, response, body } = exchange;
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let sent = false;
    let ended = false;
    const upstream = httpRequest({
      host: options.dialMap(hostname.replace(/^\[|\]$/g, '')),
      port: Number(port === '' ? 80 : port),
      method: request.method,
      path: request.url,
      headers: upstreamHeaders(request, body, options.mark),
      agent,
      setHost: false,
    });
    const end = (reason: string): void => {
      ended = true;
      upstream.destroy(new Error(reason));
    };
    watchStalls(options, upstream, end, () => {
      sent = true;
    });
    const limitMs = answerLimitMs(request);
    const limit =
      limitMs === undefined
        ? undefined
        : options.clock.setTimer(limitMs, () => end(`no answer within ${limitMs} ms`));
    // The client has left: nobody waits for the answer any more.
    const onClientGone = (): void => end('the client closed the request prematurely');
    const settle = (attempt: Attempt): void => {
      limit?.cancel();
      response.off('close', onClientGone);
      resolve(attempt);
    };
    const fail = (reason: string): void => {
      settle({ kind: 'failed', sent, stale: upstream.reusedSocket && !ended, reason });
    };
    response.once('close', onClientGone);
    upstream.on('response', (answer) => {
      try {
        pipeAnswer(answer, response);
        settle({ kind: 'answered' });
      } catch (error) {
        // A head that may not be passed on (a status below 100, say).
        end(errorMessage(error));
      }
    });
    upstream.on('error', (error) => fail(errorMessage(error)));
    upstream.on('close', () => fail('the connection was closed without an answer'));
    upstream.end(body);
  });
}

/** How long an answer may take to begin; undefined for long polls. */
function answerLimitMs(request: IncomingMessage): number | undefined {
  const query = new URLSearchParams(request.url?.split('?')[1] ?? '');
  const isOn = (name: string): boolean => /^(1|t|true)$/i.test(query.get(name) ?? '');
  const safe = request.method === 'GET' || request.method === 'HEAD';
  if (!safe || isOn('quorum')) return clusterLimitMs;
  return isOn('wait') ? undefined : readLimitMs;
}

/** Limits for the dial, for writing and for reading; `onSent` when bytes may have left. */
function watchStalls(
  options: ForwardOptions,
  upstream: ClientRequest,
  end: (reason: string) => void,
  onSent: () => void,
): void {
  const { clock, dialTimeoutMs, writeTimeoutMs, readTimeoutMs } = options;
  upstream.on('socket', (socket) => {
    const started = (): void => {
      onSent();
      // A socket's time-out is that of its silence, whichever direction.
      if (!upstream.writableFinished) {
        socket.setTimeout(writeTimeoutMs);
        upstream.once('finish', () => socket.setTimeout(readTimeoutMs));
      } else socket.setTimeout(readTimeoutMs);
      const onSilence = (): void => {
        end(upstream.writableFinished ? 'read timed out' : 'write timed out');
      };
      socket.on('timeout', onSilence);
      upstream.once('close', () => socket.off('timeout', onSilence));
    };
    if (upstream.reusedSocket) {
      started();
      return;
    }
    const dial =
      dialTimeoutMs === 0 ? undefined : clock.setTimer(dialTimeoutMs, () => end('dial timed out'));
    upstream.once('close', () => dial?.cancel());
    socket.once('connect', () => {
      dial?.cancel();
      started();
    });
  });
}

function pipeAnswer(answer: IncomingMessage, response: ServerResponse): void {
  const headers: string[] = [];
  const named = namesIn(answer.headers.connection);
  for (let i = 0; i < answer.rawHeaders.length; i += 2) {
    const name = answer.rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || named.has(lower)) continue;
    headers.push(name, answer.rawHeaders[i + 1] ?? '');
  }
  response.writeHead(answer.statusCode ?? 502, headers);
  response.flushHeaders();
  answer.on('data', (chunk: Buffer) => {
    if (!response.write(chunk)) {
      answer.pause();
      response.once('drain', () => answer.resume());
    }
  });
  answer.on('end', () => response.end());
  answer.on('error', () => response.destroy());
  answer.on('aborted', () => response.destroy());
  response.on('close', () => answer.destroy());
}

function upstreamHeaders(
  request: IncomingMessage,
  body: Buffer,
  mark: string,
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  const named = namesIn(request.headers.connection);
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || hopByHop.has(name) || named.has(name)) continue;
    headers[name] = value;
  }
  const via = request.headers.via;
  headers['via'] = via === undefined ? `1.1 ${mark}` : `${via}, 1.1 ${mark}`;
  const client = request.socket.remoteAddress ?? '';
  const before = request.headers['x-forwarded-for'];
  const earlier = Array.isArray(before) ? before.join(', ') : before;
  headers['x-forwarded-for'] = earlier === undefined ? client : `${earlier}, ${client}`;
  if (body.length > 0 || request.headers['content-length'] !== undefined) {
    headers['content-length'] = String(body.length);
  }
  return headers;
}

function namesIn(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined) return new Set();
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}

type Body =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'broken' };

function readBody(request: IncomingMessage): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bodyBytesMax) chunks.push(chunk);
    });
    request.on('end', () => {
      if (bytes > bodyBytesMax) resolve({ kind: 'too-large' });
      else resolve({ kind: 'whole', bytes: Buffer.concat(chunks) });
    });
    request.on('close', () => resolve({ kind: 'broken' }));
    request.on('error', () => resolve({ kind: 'broken' }));
  });
}

export function sendMessage(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent || response.destroyed) return;
  const body = JSON.stringify({ message });
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
