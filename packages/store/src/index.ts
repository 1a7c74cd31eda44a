// The names that servers may use.

export type { Action, Event, NodeView } from './event.js';
export type { Command, CommandResult } from './commands.js';
export type { StoreError, StoreErrorCode } from './errors.js';
export type {
  GetOptions,
  StoreShape,
  StoreStats,
  WatchOptions,
  WatchRefused,
  Watcher,
} from './store.js';
