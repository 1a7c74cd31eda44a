// HTTP for discovery: plain or TLS, straight or through a proxy (absolute form for http, CONNECT for
// https), with redirects. Only the settings of discovery count; HTTP_PROXY does not, as in etcd.
import { request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { connect as tlsConnect, createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { DialMap } from '@corral/kit';

export type DiscoveryHttpOptions = {
  readonly dialMap: DialMap;
  /** Certificates to trust for https, asked for once. */
  readonly trusted: () => readonly string[];
  /** host:port or URL of a proxy. */
  readonly proxy: string | undefined;
};

export type DiscoveryRequest = {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly body?: string;
  /** Milliseconds; undefined = none. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type DiscoveryAnswer = {
  readonly status: number;
  readonly etcdIndex: number;
  readonly body: string;
};

/** Made of all that is trusted: more than a hundred certificates, so it is made once. */
const contexts = new WeakMap<() => readonly string[], SecureContext>();

const redirectsMax = 10;
const bodyBytesMax = 1024 * 1024;

/** Rejects with the system's error, or an abort. */
export async function discoveryExchange(
  options: DiscoveryHttpOptions,
  asked: DiscoveryRequest,
): Promise<DiscoveryAnswer> {
  let { url } = asked;
  const signals = [
    asked.signal,
    asked.timeoutMs === undefined ? undefined : AbortSignal.timeout(asked.timeoutMs),
  ].filter((signal) => signal !== undefined);
  const signal = signals.length === 0 ? undefined : AbortSignal.any(signals);
  for (let hop = 0; hop <= redirectsMax; hop += 1) {
    const response = await open(options, { ...asked, url }, signal);
    const { statusCode = 0, headers } = response;
    const body = await readBody(response);
    const { location } = headers;
    if (statusCode >= 300 && statusCode < 400 && location !== undefined) {
      url = new URL(location, url).href;
      continue;
    }
    return { status: statusCode, etcdIndex: Number(headers['x-etcd-index'] ?? 0), body };
  }
  throw new Error(`more than ${redirectsMax} redirects`);
}

async function open(
  options: DiscoveryHttpOptions,
  asked: DiscoveryRequest,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const target = new URL(asked.url);
  const secure = target.protocol === 'https:';
  const headers: Record<string, string | number> = { Host: target.host, Connection: 'close' };
  if (asked.body !== undefined) {
    headers['Content-Type'] = 'application/x-www-form-urlencoded';
    headers['Content-Length'] = Buffer.byteLength(asked.body);
  }
  const base: RequestOptions = { method: asked.method, headers, agent: false };
  if (signal !== undefined) base.signal = signal;
  const path = target.pathname + target.search;
  const proxy = options.proxy === undefined ? undefined : proxyUrl(options.proxy);
  const at = (url: URL): { host: string; port: number } => ({
    host: options.dialMap(url.hostname.replace(/^\[|\]$/g, '')),
    port: Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port),
  });
  if (secure) {
    const tls = { secureContext: contextOf(options), servername: target.hostname };
    if (proxy === undefined) {
      return send(httpsRequest({ ...base, ...at(target), ...tls, path }), asked.body);
    }
    const socket = await tunnel({ ...at(proxy) }, target, signal);
    const createConnection = (): Socket => tlsConnect({ socket, ...tls });
    // An agent would dial by itself instead of using the tunnel.
    const tunnelled = { ...base, agent: undefined, path, createConnection };
    return send(httpsRequest(tunnelled), asked.body);
  }
  if (proxy !== undefined) {
    return send(httpRequest({ ...base, ...at(proxy), path: target.href }), asked.body);
  }
  return send(httpRequest({ ...base, ...at(target), path }), asked.body);
}

function contextOf({ trusted }: DiscoveryHttpOptions): SecureContext {
  const made = contexts.get(trusted) ?? createSecureContext({ ca: [...trusted()] });
  contexts.set(trusted, made);
  return made;
}

function send(
  request: ReturnType<typeof httpRequest>,
  body: string | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}

function tunnel(
  proxy: { readonly host: string; readonly port: number },
  target: URL,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  const authority = `${target.hostname}:${target.port === '' ? '443' : target.port}`;
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      ...proxy,
      method: 'CONNECT',
      path: authority,
      headers: { Host: authority },
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    });
    request.on('connect', (response, socket) => {
      if (response.statusCode === 200) resolve(socket);
      else
        reject(new Error(`the proxy answered ${response.statusCode ?? 0} to CONNECT ${authority}`));
    });
    request.on('error', reject);
    request.end();
  });
}

function proxyUrl(proxy: string): URL {
  return new URL(/^https?:\/\//.test(proxy) ? proxy : `http://${proxy}`);
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > bodyBytesMax) throw new Error('the discovery service answered more than 1 MiB');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
