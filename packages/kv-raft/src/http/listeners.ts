// The client listeners: bound before anything else, so that a taken port is found at once; requests
// that come before the server is ready wait for it.
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

type Answering = ServerResponse & { req: IncomingMessage };

export type ListenAddress = { readonly host: string; readonly port: number };

const headBytesMax = 1024 * 1024;
/** Between two requests on one connection (etcd: five minutes to read the next). */
const keepAliveMs = 300_000;
/** Silence before TCP asks whether the other side lives (etcd: 30 s). */
const tcpKeepAliveMs = 30_000;
const headersTimeoutMs = 30_000;

export class ClientListeners {
  readonly #servers: Server[] = [];
  #handler: RequestListener | undefined;
  #waiting: (readonly [IncomingMessage, Answering])[] = [];
  /** The last answer of each connection. */
  readonly #last = new WeakMap<Socket, Answering>();

  /** Binds all addresses or none. Rejects with the system's error. */
  static async bind(addresses: readonly ListenAddress[]): Promise<ClientListeners> {
    const listeners = new ClientListeners();
    try {
      for (const { host, port } of addresses) await listeners.#bind(host, port);
      return listeners;
    } catch (error) {
      await listeners.close();
      throw error;
    }
  }

  get addresses(): readonly ListenAddress[] {
    return this.#servers.map((server) => {
      const { address, port } = server.address() as AddressInfo;
      return { host: address, port };
    });
  }

  /** From now on requests are handled; those that waited come first. */
  serve(handler: RequestListener): void {
    this.#handler = handler;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [request, response] of waiting) handler(request, response);
  }

  /** Takes no new connections and ends those that are left. */
  async close(): Promise<void> {
    await Promise.all(
      this.#servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }

  /** Requests on one connection are executed one after the other (RFC 9112, 9.3.2). */
  #onRequest(request: IncomingMessage, response: Answering): void {
    const before = this.#last.get(request.socket);
    this.#last.set(request.socket, response);
    if (before === undefined || before.writableFinished || before.destroyed) {
      this.#handle(request, response);
    } else {
      before.once('close', () => this.#handle(request, response));
    }
  }

  #handle(request: IncomingMessage, response: Answering): void {
    if (this.#handler === undefined) this.#waiting.push([request, response]);
    else this.#handler(request, response);
  }

  #bind(host: string, port: number): Promise<void> {
    const server = createServer({
      maxHeaderSize: headBytesMax,
      keepAliveTimeout: keepAliveMs,
      headersTimeout: headersTimeoutMs,
      requestTimeout: 0,
      noDelay: true,
      // A client whose machine is gone ends its watches this way.
      keepAlive: true,
      keepAliveInitialDelay: tcpKeepAliveMs,
    });
    server.on('request', (request, response) => this.#onRequest(request, response));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        this.#servers.push(server);
        resolve();
      });
    });
  }
}
