// The names that servers may use.

// The state machine
export { Store } from './store.js';
export type {
  GetOptions,
  SnapshotInProgress,
  StoreOptions,
  WatchOptions,
  WatchRefused,
  WatchResult,
  Watcher,
} from './store.js';
export type { StoreStats } from './store-stats.js';

// Commands and what comes of them
export type { Command, CommandResult } from './commands.js';
export type { WriteCommand } from './writes.js';
export type { Action, Event, NodeView } from './event.js';

// Refusals and errors
export { StoreSnapshotError, storeErrorMessages } from './errors.js';
export type { StoreError, StoreErrorCode, StoreSnapshotErrorCode } from './errors.js';

// Paths, as the store sees them
export { cleanPath } from './path.js';
