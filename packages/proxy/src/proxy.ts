// The proxy as a server: listeners, local resources, everything else forwarded.
import { Agent, createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { errorMessage, systemErrorCode } from '@corral/kit';
import type { Clock, DialMap, Logger, Prng } from '@corral/kit';
import { Directory, ProxyError } from './directory.js';
import { Endpoints } from './endpoints.js';
import { forward } from './forward.js';

export type ProxyOptions = {
  readonly mode: 'readwrite' | 'readonly';
  readonly listenClientUrls: readonly string[];
  readonly dataDir: string;
  readonly peerUrls: readonly string[];
  readonly failureWaitMs: number;
  readonly refreshIntervalMs: number;
  readonly dialTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  /** Every dialled host passes through it. */
  readonly dialMap: DialMap;
};

export type RunningProxy = {
  readonly urls: readonly string[];
  endpoints(): readonly string[];
  /** Takes no new connections, lets requests in flight end for a moment, then ends everything. */
  close(): Promise<void>;
};

const drainMs = 2_000;
const headBytesMax = 1024 * 1024;

/** Rejects with ProxyError when an address or the data directory cannot be used. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const { clock, logger, dialMap, dataDir, peerUrls, refreshIntervalMs } = options;
  const endpoints = new Endpoints(options.failureWaitMs);
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 128 });
  const mark = `corral-proxy-${markOf(options.prng)}`;
  const requests = new Map<string, number>();
  const servers: Server[] = [];
  const isOwn = (url: string): boolean => servers.some((server) => leadsTo(url, server));
  const directory = new Directory({
    dataDir,
    peerUrls,
    refreshIntervalMs,
    endpoints,
    clock,
    logger,
    dialMap,
    isOwn,
  });
  let pending = 0;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const method = request.method ?? '';
    requests.set(method, (requests.get(method) ?? 0) + 1);
    if (answerLocally({ options, endpoints, requests, request, response })) return;
    pending += 1;
    const onFailure = (): void => directory.refreshSoon();
    void forward({ ...options, endpoints, agent, mark, onFailure }, request, response)
      .catch((error: unknown) => {
        logger.error('a request failed in the proxy', { error: errorMessage(error) });
        response.destroy();
      })
      .finally(() => {
        pending -= 1;
      });
  };
  try {
    for (const url of options.listenClientUrls) servers.push(await listen(url, handle));
    await directory.start();
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  logger.info('proxy: listening for client requests', { urls: servers.map(urlOf) });
  return {
    urls: servers.map(urlOf),
    endpoints: () => endpoints.list(clock.now()),
    async close() {
      directory.close();
      const closed = servers.map(
        (server) => new Promise<void>((resolve) => server.close(() => resolve())),
      );
      for (const server of servers) server.closeIdleConnections();
      const deadline = clock.now() + drainMs;
      while (pending > 0 && clock.now() < deadline) await clock.sleep(10);
      for (const server of servers) server.closeAllConnections();
      agent.destroy();
      await Promise.all(closed);
    },
  };
}

type Local = {
  readonly options: ProxyOptions;
  readonly endpoints: Endpoints;
  readonly requests: ReadonlyMap<string, number>;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
};

/** /metrics, the readonly filter, and the list of endpoints. */
function answerLocally({ options, endpoints, requests, request, response }: Local): boolean {
  const path = (request.url ?? '/').split('?')[0];
  if (path === '/metrics') {
    const lines = [...requests].map(
      ([method, count]) => `etcd_proxy_requests_total{method="${method}"} ${count}`,
    );
    sendText(response, 200, `# TYPE etcd_proxy_requests_total counter\n${lines.join('\n')}\n`);
    return true;
  }
  if (options.mode === 'readonly' && request.method !== 'GET') {
    response.writeHead(501, { 'Content-Length': 0 });
    response.end();
    return true;
  }
  if (path !== '/v2/config/local/proxy') return false;
  if (request.method !== 'GET') {
    response.setHeader('Allow', 'GET');
    sendText(response, 405, 'Method Not Allowed\n');
    return true;
  }
  const list = endpoints.list(options.clock.now());
  sendText(response, 200, `${JSON.stringify({ endpoints: list })}\n`);
  return true;
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

function listen(
  url: string,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> {
  const { hostname, port } = new URL(url);
  // Idle clients are kept, as Go's server does: a client that writes at the moment its connection is
  // closed cannot know the outcome.
  const limits = { maxHeaderSize: headBytesMax, requestTimeout: 0, keepAliveTimeout: 0 };
  const server = createServer({ ...limits, noDelay: true }, handle);
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const busy = systemErrorCode(error) === 'EADDRINUSE';
      const why = busy ? 'bind: address already in use' : error.message;
      const where = `${hostname}:${port}`;
      reject(new ProxyError('E_PROXY_LISTEN', `listen tcp ${where}: ${why}`, { cause: error }));
    });
    server.listen({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) }, () => {
      server.removeAllListeners('error');
      resolve(server);
    });
  });
}

function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** A member that advertises this very listener would make the proxy talk to itself. */
function leadsTo(url: string, server: Server): boolean {
  const { address, port } = server.address() as AddressInfo;
  const target = new URL(url);
  if (Number(target.port === '' ? 80 : target.port) !== port) return false;
  const host = target.hostname.replace(/^\[|\]$/g, '');
  if (host === address) return true;
  const wildcard = address === '0.0.0.0' || address === '::';
  if (host === 'localhost') return wildcard || address === '127.0.0.1' || address === '::1';
  if (!wildcard) return false;
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const loopback = host.startsWith('127.') || host === '0.0.0.0' || host === '::';
  return loopback || own.some((one) => one.address === host);
}

function markOf(prng: Prng): string {
  return [0, 1]
    .map(() =>
      prng
        .below(2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    )
    .join('');
}
