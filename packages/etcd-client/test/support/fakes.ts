// Upstream members that answer, refuse, hang, reset and break off, on loopback ports of their own.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export type Seen = { readonly method: string; readonly path: string; readonly body: string };

export type FakeMember = {
  readonly url: string;
  /** Whole requests, in order of arrival. */
  readonly seen: Seen[];
  /** Connections accepted so far. */
  connections(): number;
  /** Ends every connection that is open now. */
  dropConnections(): void;
};

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function listening(
  server: Server,
): Promise<{ url: string; sockets: Set<Socket>; count: () => number }> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on('connection', (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, sockets, count: () => accepted };
}

/** Reads each request whole, then lets `answer` do what it likes with the response. */
export async function fakeMember(
  answer: (response: ServerResponse, seen: Seen) => void,
): Promise<FakeMember> {
  const seen: Seen[] = [];
  const handle: RequestListener = (request, response) => {
    void readBody(request).then(
      (body) => {
        const one = { method: request.method ?? '', path: request.url ?? '', body };
        seen.push(one);
        answer(response, one);
      },
      () => undefined,
    );
  };
  const { url, sockets, count } = await listening(createServer({ keepAliveTimeout: 0 }, handle));
  return {
    url,
    seen,
    connections: count,
    dropConnections: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Takes connections and does `act` with each; reads nothing by itself. */
export async function fakeTcp(act: (socket: Socket) => void): Promise<{ readonly url: string }> {
  const server = createTcpServer(act);
  return { url: (await listening(server)).url };
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  index = 7,
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'X-Etcd-Index': index });
  response.end(JSON.stringify(value));
}

/** The answer to a set of /a. */
export const written = {
  action: 'set',
  node: { key: '/a', value: '1', createdIndex: 7, modifiedIndex: 7 },
};
