// etcd2 as a proxy: --proxy, a data directory that was a proxy's, or a discovery token without a
// free seat. Loaded only then.
import { startProxy } from '@corral/proxy';
import type { RunningProxy } from '@corral/proxy';
import type { StartOptions } from './server.js';

/** Serves until closed. `peerUrls` may be empty when the data directory remembers them. */
export function runProxy(
  options: StartOptions,
  peerUrls: readonly string[],
): Promise<RunningProxy> {
  const { config, clock, prng, logger, dialMap } = options;
  return startProxy({
    mode: config.proxy === 'readonly' ? 'readonly' : 'readwrite',
    listenClientUrls: config.listenClientUrls,
    dataDir: config.dataDir,
    peerUrls,
    failureWaitMs: config.proxyFailureWaitMs,
    refreshIntervalMs: config.proxyRefreshIntervalMs,
    dialTimeoutMs: config.proxyDialTimeoutMs,
    writeTimeoutMs: config.proxyWriteTimeoutMs,
    readTimeoutMs: config.proxyReadTimeoutMs,
    clock,
    prng,
    logger,
    dialMap,
  });
}
