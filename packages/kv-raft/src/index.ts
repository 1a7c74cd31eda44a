// The names that other packages may use.
export { startEmbeddedStore } from './embedded.js';
export type { EmbeddedStore } from './embedded.js';
export { startMember } from './server.js';
export type { BecomesProxy, RunningMember, StartOptions } from './server.js';
export { readConfig } from './config/config.js';
export type { ConfigResult, ServerConfig } from './config/config.js';
