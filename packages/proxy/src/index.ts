// The names that other packages may use.
export { startProxy } from './proxy.js';
export type { ProxyOptions, RunningProxy } from './proxy.js';
export { ProxyError } from './directory.js';
