// The cluster's own discovery service, and the stand-in for the public one that its nodes reach
// through a proxy, with a certificate of the cluster's own CA.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as installed from '@corral/discovery-service';
import type { RunningDiscoveryService } from '@corral/discovery-service';
import { errorMessage } from '@corral/kit';
import type { Clock, Logger, Prng } from '@corral/kit';
import { loadCode } from '../dev/load-code.js';
import { publicHost } from '../plan.js';
import type { ClusterPlan } from '../plan.js';
import type { DiscoveryHandle } from '../runtime.js';
import { issueCertificates } from '../ca.js';
import { authorityFileOf } from './node-environment.js';
import { requireFree } from './preflight.js';
import { startPublicDiscovery } from './public-discovery.js';
import type { PublicDiscovery } from './public-discovery.js';

export type ClusterDiscoveryOptions = {
  readonly plan: ClusterPlan;
  readonly folder: string;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly pid: number;
};

export class ClusterDiscovery implements DiscoveryHandle {
  readonly #options: ClusterDiscoveryOptions;
  #service: RunningDiscoveryService | undefined;
  #public: PublicDiscovery | undefined;
  #lives = 0;
  /** Kept over stops: nodes know it. */
  #proxyPort = 0;

  constructor(options: ClusterDiscoveryOptions) {
    this.#options = options;
  }

  get devFolder(): string {
    return join(this.#options.folder, 'dev');
  }

  /** Nodes are told its port when they start. */
  readonly mayLag = false;

  /** Undefined while it is stopped. */
  get url(): string | undefined {
    return this.#service?.url;
  }

  /** host:port that nodes use as discovery proxy. */
  get proxyAddress(): string {
    return `127.0.0.1:${this.#proxyPort}`;
  }

  /** Tokens and registrations of an earlier run are still there. */
  async start(): Promise<void> {
    const { plan, folder, clock, prng, logger, pid } = this.#options;
    const { discoveryPort: port, token, size, publicTokens } = plan;
    if (this.#service === undefined) await requireFree('127.0.0.1', port);
    const { startDiscoveryService } = await loadCode(
      this.devFolder,
      'discovery-service',
      installed,
    );
    this.#service ??= await startDiscoveryService({
      listen: { host: '127.0.0.1', port },
      dataDir: join(folder, 'discovery'),
      tokens: [token, ...publicTokens].map((name) => ({ name, size })),
      strict: false,
      clock,
      // Each life has a session of its own: with the numbers of the last one, its requests would be
      // taken for repetitions.
      prng: prng.fork(`discovery ${this.#lives++}`),
      logger: logger.child({ part: 'discovery' }),
      pid,
      onFatal: (error) =>
        logger.error('the discovery service failed', { error: errorMessage(error) }),
    });
    const { handle } = this.#service;
    if (this.#public === undefined) {
      const { authority, server } = issueCertificates({
        authorityName: `Corral ${plan.name}`,
        hosts: [publicHost],
        now: clock.wallTime(),
      });
      writeFileSync(authorityFileOf(folder), authority, { mode: 0o644 });
      const options = { certificate: server, handle, port: this.#proxyPort };
      this.#public = await startPublicDiscovery(options);
      this.#proxyPort = this.#public.port;
    }
  }

  async stop(): Promise<void> {
    const outer = this.#public;
    const service = this.#service;
    this.#public = undefined;
    this.#service = undefined;
    await outer?.close();
    await service?.close();
  }
}
