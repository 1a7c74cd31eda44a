// The service as a running thing: store (embedded or any etcd), routes, listener.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { errorMessage, systemErrorCode } from '@corral/kit';
import type { AddressInfo } from 'node:net';
import type { Clock, Logger, Prng } from '@corral/kit';
import { startEmbeddedStore } from '@corral/kv-raft';
import { BackingStore, DiscoveryServiceError } from './backing.js';
import { createService, issueNamedToken } from './service.js';

export type DiscoveryServiceOptions = {
  readonly listen: { readonly host: string; readonly port: number };
  /** The public address in what /new answers; default: where it listens. */
  readonly host?: string | undefined;
  /** An etcd's client URL; without one a store of our own runs below `dataDir`. */
  readonly etcd?: string | undefined;
  readonly dataDir: string;
  readonly tokens: readonly { readonly name: string; readonly size: number }[];
  readonly strict: boolean;
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly pid: number;
  readonly onFatal: (error: unknown) => void;
};

export type RunningDiscoveryService = {
  readonly url: string;
  /** Answers requests that came in by another door (TLS of the cluster's own CA, a proxy). */
  readonly handle: RequestListener;
  issue(token: string, size: number): Promise<void>;
  close(): Promise<void>;
};

/** Rejects with DiscoveryServiceError, or the store's own error. */
export async function startDiscoveryService(
  options: DiscoveryServiceOptions,
): Promise<RunningDiscoveryService> {
  const { listen, clock, logger, tokens, strict, tls } = options;
  const embedded = options.etcd === undefined ? await startEmbeddedStore(options) : undefined;
  const store = new BackingStore({ url: embedded?.clientUrl ?? options.etcd ?? '', clock });
  const scheme = tls === undefined ? 'http' : 'https';
  let url = `${scheme}://${listen.host}:${listen.port}`;
  const app = createService({ store, clock, strict, tls, host: () => options.host ?? url });
  const close = async (): Promise<void> => {
    await app.close();
    store.close();
    await embedded?.close();
  };
  try {
    await app.listen({ host: listen.host, port: listen.port }).catch((error: unknown) => {
      const busy = systemErrorCode(error) === 'EADDRINUSE';
      const why = busy ? 'the address is in use; choose another with --addr' : errorMessage(error);
      throw new DiscoveryServiceError('E_DISCOVERY_LISTEN', `cannot listen on ${url}: ${why}`, {
        cause: error,
      });
    });
    const address: AddressInfo | string | undefined = app.addresses()[0];
    if (typeof address === 'object') url = `${scheme}://${listen.host}:${address.port}`;
    for (const { name, size } of tokens) await issueNamedToken(store, name, size);
  } catch (error) {
    await close();
    throw error;
  }
  logger.info('discovery service is ready', {
    url,
    store: store.url,
    embedded: embedded !== undefined,
  });
  return {
    url,
    handle: (request: IncomingMessage, response: ServerResponse) => {
      app.routing(request, response);
    },
    issue: (token, size) => issueNamedToken(store, token, size),
    close,
  };
}
