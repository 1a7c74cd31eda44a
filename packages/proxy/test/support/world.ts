// A proxy over fake members: each is a client port that does what a test wants, and one peer port
// tells where they are.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededPrng, systemClock } from '@corral/kit';
import { RecordingLog } from '@corral/kit/testing';
import { onTestFinished } from 'vitest';
import { startProxy } from '../../src/proxy.js';
import type { ProxyOptions, RunningProxy } from '../../src/proxy.js';

export type Seen = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
};
export type Fake = {
  readonly url: string;
  readonly seen: Seen[];
  /** Connections open now. */
  readonly sockets: ReadonlySet<Socket>;
  accepted(): number;
  stop(): Promise<void>;
};
type Behaviour = (response: ServerResponse, seen: Seen) => void;

async function watched(server: Server, seen: Seen[], port = 0): Promise<Fake> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on('connection', (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen({ host: '127.0.0.1', port });
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  onTestFinished(stop);
  const address = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${address.port}`, seen, sockets, accepted: () => accepted, stop };
}

export async function collect(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A member: reads a request whole, then does what it likes. */
export function member(behaviour: Behaviour, port = 0): Promise<Fake> {
  const seen: Seen[] = [];
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    void collect(request).then(
      (body) => {
        const { method = '', url = '', headers, rawHeaders } = request;
        const one = { method, url, headers, rawHeaders, body };
        seen.push(one);
        behaviour(response, one);
      },
      () => undefined,
    );
  });
  return watched(server, seen, port);
}

/** A member that answers its name. */
export const named = (name: string, port = 0): Promise<Fake> =>
  member((response) => response.end(name), port);

/** A member below HTTP. */
export const rawMember = (act: (socket: Socket) => void): Promise<Fake> =>
  watched(createTcpServer(act), []);

/** A peer port that tells `members()` as its cluster. */
export async function peer(
  members: () => readonly unknown[],
  clusterId: () => string = () => 'b5dcd11575fe1d3d',
): Promise<Fake> {
  return member((response) => {
    response.setHeader('X-Etcd-Cluster-Id', clusterId());
    response.end(JSON.stringify(members()));
  });
}

export const asMember = (url: string, peerUrl = 'http://127.0.0.1:1'): unknown => ({
  id: 7,
  peerURLs: [peerUrl],
  name: 'n',
  clientURLs: [url],
});

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'corral-proxy-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export type World = {
  readonly url: string;
  readonly proxy: RunningProxy;
  readonly log: RecordingLog;
};

/** A running proxy. */
export async function proxyWith(options: Partial<ProxyOptions>): Promise<World> {
  const log = new RecordingLog();
  const proxy = await startProxy({
    mode: 'readwrite',
    listenClientUrls: ['http://127.0.0.1:0'],
    dataDir: tempDir(),
    peerUrls: [],
    failureWaitMs: 5_000,
    refreshIntervalMs: 30_000,
    dialTimeoutMs: 1_000,
    writeTimeoutMs: 5_000,
    readTimeoutMs: 0,
    clock: systemClock,
    prng: seededPrng(1),
    logger: log,
    dialMap: (host) => host,
    ...options,
  });
  onTestFinished(() => proxy.close());
  return { url: proxy.urls[0] ?? '', proxy, log };
}

/** A proxy in front of these client URLs. */
export async function proxyTo(
  urls: readonly string[],
  options: Partial<ProxyOptions> = {},
): Promise<World> {
  const directory = await peer(() => urls.map((url) => asMember(url, directory.url)));
  return proxyWith({ peerUrls: [directory.url], ...options });
}

export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly text: string;
};

/** Sends a request on a connection of its own and gives the response as soon as its head is there. */
export function open(
  url: string,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<{ readonly response: IncomingMessage; readonly leave: () => void }> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const request = httpRequest(`${url}${path}`, { method, headers, agent: false });
    request.on('response', (response) => {
      resolve({ response, leave: () => void request.destroy() });
    });
    request.on('error', reject);
    request.end(body);
  });
}

export async function ask(
  url: string,
  path: string,
  options: Parameters<typeof open>[2] = {},
): Promise<Answer> {
  const { response } = await open(url, path, options);
  const { statusCode = 0, headers, rawHeaders } = response;
  const text = (await collect(response)).toString('utf8');
  return { status: statusCode, headers, rawHeaders, text };
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(2);
}
