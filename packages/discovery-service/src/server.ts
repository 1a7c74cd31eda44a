// The service as a running thing: store (embedded or any etcd), routes, listener.
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { errorMessage, systemErrorCode } from '@corral/kit';
import type { AddressInfo } from 'node:net';
import type { Clock, Logger, Prng } from '@corral/kit';
import { startEmbeddedStore } from '@corral/kv-raft';
import { BackingStore, DiscoveryServiceError } from './backing.js';
import { createService, issueNamedToken } from './service.js';
import type { ServiceOptions } from './service.js';
import type { FastifyInstance, FastifyRequest } from 'fastify';

export type DiscoveryServiceOptions = {
  readonly listen: { readonly host: string; readonly port: number };
  /** A second address, without TLS. */
  readonly plain?: { readonly host: string; readonly port: number } | undefined;
  /** The public address in what /new answers; default: where it listens. */
  readonly host?: string | undefined;
  /** An etcd's client URL; without one a store of our own runs below `dataDir`. */
  readonly etcd?: string | undefined;
  readonly dataDir: string;
  readonly tokens: readonly { readonly name: string; readonly size: number }[];
  readonly strict: boolean;
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Certificates (PEM) to trust when `etcd` is https. */
  readonly ca?: (() => readonly string[]) | undefined;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly pid: number;
  readonly onFatal: (error: unknown) => void;
};

export type RunningDiscoveryService = {
  readonly url: string;
  /** Of the second address; undefined without one. */
  readonly plainUrl: string | undefined;
  /** Answers requests that came in by another door (TLS of the cluster's own CA, a proxy). */
  readonly handle: RequestListener;
  issue(token: string, size: number): Promise<void>;
  close(): Promise<void>;
};

/** Rejects with DiscoveryServiceError, or the store's own error. */
export async function startDiscoveryService(
  options: DiscoveryServiceOptions,
): Promise<RunningDiscoveryService> {
  const { listen, clock, logger, tokens, strict, tls, ca } = options;
  const embedded = options.etcd === undefined ? await startEmbeddedStore(options) : undefined;
  const store = new BackingStore({ url: embedded?.clientUrl ?? options.etcd ?? '', clock, ca });
  const scheme = tls === undefined ? 'http' : 'https';
  const shown = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  let url = `${scheme}://${shown}:${listen.port}`;
  const everywhere = listen.host === '0.0.0.0' || listen.host === '::';
  // Who listens on all addresses answers with the one that it was asked under.
  const host = (request: FastifyRequest): string => {
    const asked = request.headers.host;
    return options.host ?? (everywhere && asked !== undefined ? `${scheme}://${asked}` : url);
  };
  let app: FastifyInstance | undefined;
  let plain: Server | undefined;
  const close = async (): Promise<void> => {
    plain?.closeAllConnections();
    plain?.close();
    await app?.close();
    store.close();
    await embedded?.close();
  };
  try {
    app = makeService({ store, clock, strict, tls, host });
    await app
      .listen({ host: listen.host, port: listen.port })
      .catch((error: unknown) => cannotListen(url, '--addr', error));
    const address: AddressInfo | string | undefined = app.addresses()[0];
    if (typeof address === 'object') url = `${scheme}://${shown}:${address.port}`;
    for (const { name, size } of tokens) await issueNamedToken(store, name, size);
    if (options.plain !== undefined) plain = await listenPlainly(app, options.plain);
  } catch (error) {
    await close();
    throw error;
  }
  const running = app;
  logger.info('discovery service is ready', {
    url,
    store: store.url,
    embedded: embedded !== undefined,
  });
  return {
    url,
    plainUrl: plain === undefined ? undefined : plainUrlOf(plain),
    handle: (request: IncomingMessage, response: ServerResponse) => {
      running.routing(request, response);
    },
    issue: (token, size) => issueNamedToken(store, token, size),
    close,
  };
}

function cannotListen(url: string, flag: string, error: unknown): never {
  const busy = systemErrorCode(error) === 'EADDRINUSE';
  const why = busy ? `the address is in use; choose another with ${flag}` : errorMessage(error);
  throw new DiscoveryServiceError('E_DISCOVERY_LISTEN', `cannot listen on ${url}: ${why}`, {
    cause: error,
  });
}

/** The same routes by a door without TLS. */
async function listenPlainly(
  app: FastifyInstance,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Server> {
  const server = createServer((request, response) => app.routing(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  }).catch((error: unknown) => cannotListen(`http://${host}:${port}`, '--plain-addr', error));
  return server;
}

function plainUrlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Throws DiscoveryServiceError E_DISCOVERY_FLAGS when certificate and key are no pair. */
function makeService(options: ServiceOptions): FastifyInstance {
  try {
    return createService(options);
  } catch (error) {
    throw new DiscoveryServiceError(
      'E_DISCOVERY_FLAGS',
      `cannot serve TLS with this --cert-file and --key-file: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}
