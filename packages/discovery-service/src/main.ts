// The discovery-service process.
import {
  errorMessage,
  joinOwner,
  jsonLogger,
  randomPrng,
  systemClock,
  trustedCertificates,
} from '@corral/kit';
import { readServiceConfig, helpText } from './config.js';
import type { ServiceConfig } from './config.js';
import { startDiscoveryService } from './server.js';

const owner = joinOwner(process.env, () => process.exit(1));
const logger = jsonLogger({
  clock: systemClock,
  write: (line) => process.stderr.write(line),
});

function fail(error: unknown, code: number): never {
  process.stderr.write(`discovery-service: ${errorMessage(error)}\n`);
  process.exit(code);
}

let config: ServiceConfig | undefined;
try {
  config = readServiceConfig(process.argv.slice(2), process.env);
} catch (error) {
  fail(error, 2);
}
if (config === undefined) {
  process.stdout.write(helpText);
  process.exit(0);
}
try {
  const service = await startDiscoveryService({
    ...config,
    ca: () => trustedCertificates(process.env),
    clock: systemClock,
    prng: randomPrng(),
    logger,
    pid: process.pid,
    onFatal: (error) => fail(error, 1),
  });
  const stop = (): void => {
    void service.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  owner.ready();
} catch (error) {
  fail(error, 1);
}
