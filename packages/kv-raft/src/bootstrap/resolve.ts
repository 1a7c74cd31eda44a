// Which of the ways to begin applies: join, discovery, or a static cluster. What a way needs is
// loaded when it is taken: a member that starts again needs none of it.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@corral/kit';
import type { ServerConfig } from '../config/config.js';
import type { StartOptions } from '../server.js';
import type { DiscoveryOptions } from './discovery-client.js';
import { BootstrapError, membersOf, planNewCluster } from './plan.js';
import type { BootstrapPlan } from './plan.js';

/** The plan of a member without a log. Throws BootstrapError. */
export async function resolveBootstrap(options: StartOptions): Promise<BootstrapPlan> {
  const { config, dialMap, logger } = options;
  if (config.initialClusterState === 'existing') {
    const { planJoin } = await import('./join.js');
    return planJoin(config, dialMap);
  }
  if (config.discovery === undefined) {
    const plan = planNewCluster(config, config.initialCluster, config.initialClusterToken);
    if (plan.members.length > 1) {
      const { refuseIfBootstrapped } = await import('./join.js');
      await refuseIfBootstrapped(plan, dialMap);
    }
    return plan;
  }
  logger.info(`discovery URL= ${config.discovery}`);
  const { joinDiscovery } = await import('./discovery-client.js');
  const result = await joinDiscovery(discoveryOptions(options, config.discovery));
  if (result.kind === 'cluster') {
    membersOf(result.cluster, config.discovery);
    return planNewCluster(config, result.cluster, config.discovery);
  }
  if (config.discoveryFallback === 'exit') {
    throw new BootstrapError(
      'E_DISCOVERY',
      'failed to join discovery cluster (discovery: cluster is full). All seats of the token are ' +
        'taken: use a new token, or -discovery-fallback=proxy',
    );
  }
  logger.info('discovery cluster full, falling back to proxy');
  return { kind: 'proxy', peerUrls: [...result.cluster.values()].flat() };
}

export const DiscoveryState = {
  /** The peers of a process that is told to be a proxy. */
  async proxyPeers(options: StartOptions): Promise<readonly string[]> {
    const { config } = options;
    if (config.discovery === undefined) return [...config.initialCluster.values()].flat();
    const { readDiscovery } = await import('./discovery-client.js');
    const cluster = await readDiscovery(discoveryOptions(options, config.discovery));
    return [...cluster.values()].flat();
  },

  /** The member exists: nothing about its registration need be remembered. */
  async forget(config: ServerConfig): Promise<void> {
    if (config.discovery !== undefined) await rm(stateFileOf(config), { force: true });
  },

  warnIgnored(config: ServerConfig, logger: Logger): void {
    if (config.discovery === undefined) return;
    const wal = config.walDir ?? join(config.dataDir, 'member', 'wal');
    logger.warn(
      'discovery token ignored since a cluster has already been initialized. Valid log found at ' +
        `"${wal}"`,
    );
  },
};

function stateFileOf(config: ServerConfig): string {
  return join(config.dataDir, 'discovery.json');
}

function discoveryOptions(options: StartOptions, url: string): DiscoveryOptions {
  const { config, dialMap, trusted, clock, prng, logger, signal } = options;
  return {
    url,
    name: config.name,
    peerUrls: config.initialAdvertisePeerUrls,
    dataDir: config.dataDir,
    stateFile: stateFileOf(config),
    proxy: config.discoveryProxy,
    dialMap,
    trusted,
    clock,
    prng: prng.fork('discovery'),
    logger,
    signal,
  };
}
