// The public discovery service, played locally: nodes use this as their discovery proxy. Requests for
// discovery.etcd.io end here, over TLS with a certificate of the cluster's own CA; other hosts are
// passed on. So a cloud-config with the public address boots as it is.
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Certificate } from '../ca.js';
import { publicHost } from '../plan.js';

export type PublicDiscovery = { readonly port: number; close(): Promise<void> };

export async function startPublicDiscovery(options: {
  readonly certificate: Certificate;
  readonly handle: RequestListener;
  /** 0 = any. */
  readonly port: number;
}): Promise<PublicDiscovery> {
  const { certificate, handle } = options;
  const inner = createTlsServer({ cert: certificate.cert, key: certificate.key }, handle);
  const sockets = new Set<Socket>();
  const proxy: Server = createServer((request, response) => {
    const url = safeUrl(request.url ?? '');
    if (url?.protocol !== 'http:') {
      response.writeHead(400).end('this is a proxy: ask for a whole http:// URL, or CONNECT\n');
    } else if (url.hostname === publicHost) {
      request.url = url.pathname + url.search;
      handle(request, response);
    } else {
      const onward = httpRequest(url, { method: request.method, headers: request.headers });
      onward.on('response', (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', (error) => response.writeHead(502).end(`${error.message}\n`));
      request.pipe(onward);
    }
  });
  proxy.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  proxy.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const target = parseTarget(request.url ?? '');
    if (target === undefined) {
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      return;
    }
    if (target.host === publicHost) {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) socket.unshift(head);
      inner.emit('connection', socket);
      return;
    }
    const onward = connect(target, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    socket.on('close', () => onward.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    proxy.once('error', reject);
    proxy.listen({ host: '127.0.0.1', port: options.port }, resolve);
  });
  return {
    port: (proxy.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        inner.closeAllConnections();
        proxy.closeAllConnections();
        proxy.close(() => resolve());
      }),
  };
}

/** HOST:PORT of a CONNECT; undefined when it is none. */
function parseTarget(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 443);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

function safeUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
