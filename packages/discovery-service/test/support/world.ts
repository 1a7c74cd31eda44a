// A service over its own store, or over a fake one, and requests to it.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomPrng, silentLogger, systemClock } from '@corral/kit';
import { onTestFinished } from 'vitest';
import { startDiscoveryService } from '../../src/server.js';
import type { DiscoveryServiceOptions, RunningDiscoveryService } from '../../src/server.js';

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'corral-discovery-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

export async function service(
  options: Partial<DiscoveryServiceOptions> = {},
): Promise<RunningDiscoveryService> {
  const running = await startDiscoveryService({
    listen: { host: '127.0.0.1', port: 0 },
    dataDir: options.dataDir ?? join(tempDir(), 'data'),
    tokens: [],
    strict: false,
    clock: systemClock,
    prng: randomPrng(),
    logger: silentLogger,
    pid: process.pid,
    onFatal: (error) => {
      throw error;
    },
    ...options,
  });
  onTestFinished(() => running.close());
  return running;
}

export type FakeStore = { readonly url: string; readonly sockets: ReadonlySet<Socket> };

/** A store that does what a test wants. */
export async function fakeStore(handle: RequestListener): Promise<FakeStore> {
  const server = createServer(handle);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

type AskOptions = {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
};
export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
};

/** Gives the response at its head. The path is sent as it stands, dots and all. */
export function open(
  url: string,
  path: string,
  options: AskOptions = {},
): Promise<{ readonly response: IncomingMessage; readonly leave: () => void }> {
  const { hostname, port } = new URL(url);
  const { method = 'GET', body } = options;
  const form = body === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' };
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: hostname,
      port,
      path,
      method,
      headers: { ...form, ...options.headers },
      agent: false,
    });
    request.on('response', (response) => {
      resolve({ response, leave: () => void request.destroy() });
    });
    request.on('error', reject);
    request.end(body);
  });
}

export async function ask(url: string, path: string, options: AskOptions = {}): Promise<Answer> {
  const { response } = await open(url, path, options);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { statusCode = 0, headers } = response;
  return { status: statusCode, headers, text: Buffer.concat(chunks).toString('utf8') };
}

export const register = (url: string, token: string, id: string, value: string): Promise<Answer> =>
  ask(url, `/${token}/${id}?prevExist=false`, {
    method: 'PUT',
    body: `value=${encodeURIComponent(value)}`,
  });

/** A new token, without the address before it. */
export async function newToken(url: string, size = 3): Promise<string> {
  const { text } = await ask(url, `/new?size=${size}`);
  return text.slice(text.lastIndexOf('/') + 1);
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(2);
}
