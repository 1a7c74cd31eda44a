// The names that other packages may use.
export { startDiscoveryService } from './server.js';
export type { DiscoveryServiceOptions, RunningDiscoveryService } from './server.js';
export { DiscoveryServiceError } from './backing.js';
