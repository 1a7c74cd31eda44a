// One request through the proxy. Answers stream as they come. An endpoint that cannot be reached is
// passed over; once bytes of a write have left, its outcome is unknown and it is not repeated.
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
  readonly dialTimeoutMs: number;
  /** 0 = none. */
  readonly readTimeoutMs: number;
};

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailers',
  'transfer-encoding',
  'upgrade',
]);
/** A form of 10 MiB and its encoding: what a member accepts. */
const bodyBytesMax = 11 * 1024 * 1024;

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
  const urls = endpoints.available(clock.now());
  if (urls.length === 0) {
    sendMessage(response, 503, 'proxy: zero endpoints currently available');
    return;
  }
  const safe = request.method === 'GET' || request.method === 'HEAD';
  let tried = 0;
  for (const url of urls) {
    tried += 1;
    const attempt = await tryEndpoint(options, url, request, response, body.bytes);
    if (attempt.kind === 'answered' || response.destroyed) return;
    logger.warn(`failed to direct request to ${url}: ${attempt.reason}`);
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

type Attempt =
  | { readonly kind: 'answered' }
  | { readonly kind: 'failed'; readonly sent: boolean; readonly reason: string };

function tryEndpoint(
  options: ForwardOptions,
  url: string,
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
): Promise<Attempt> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let sent = false;
    const upstream = httpRequest({
      host: options.dialMap(hostname.replace(/^\[|\]$/g, '')),
      port: Number(port === '' ? 80 : port),
      method: request.method,
      path: request.url,
      headers: upstreamHeaders(request, body),
      agent: options.agent,
      setHost: false,
    });
    watchDial(options, upstream, () => {
      sent = true;
    });
    const onClientGone = (): void => {
      // The client has left: nobody waits for the answer any more.
      upstream.destroy(new Error('the client closed the request prematurely'));
    };
    response.once('close', onClientGone);
    upstream.on('response', (answer) => {
      response.off('close', onClientGone);
      pipeAnswer(answer, response);
      resolve({ kind: 'answered' });
    });
    upstream.on('error', (error) => {
      response.off('close', onClientGone);
      resolve({ kind: 'failed', sent, reason: errorMessage(error) });
    });
    upstream.end(body);
  });
}

/** The dial has a limit of its own; `onSent` when bytes may have left. */
function watchDial(options: ForwardOptions, upstream: ClientRequest, onSent: () => void): void {
  const { dialTimeoutMs, readTimeoutMs } = options;
  upstream.on('socket', (socket) => {
    const started = (): void => {
      onSent();
      socket.setTimeout(readTimeoutMs);
      if (readTimeoutMs > 0)
        upstream.on('timeout', () => upstream.destroy(new Error('read timed out')));
    };
    if (!socket.connecting) {
      started();
      return;
    }
    socket.setTimeout(dialTimeoutMs, () => {
      if (socket.connecting) upstream.destroy(new Error('dial timed out'));
    });
    socket.once('connect', started);
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
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  const named = namesIn(request.headers.connection);
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || hopByHop.has(name) || named.has(name)) continue;
    headers[name] = value;
  }
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
