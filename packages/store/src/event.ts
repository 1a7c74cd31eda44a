// What a command did: the answer to its client and the news for watchers are the same value.

export type Action =
  'get' | 'set' | 'create' | 'update' | 'compareAndSwap' | 'delete' | 'compareAndDelete' | 'expire';

/** A node as clients see it. Keys are full store paths ("/1/a"); the server trims its prefix. */
export type NodeView = {
  readonly key: string;
  /** Undefined for directories and for the node of a delete or expire event. */
  readonly value: string | undefined;
  readonly dir: boolean;
  /** Epoch milliseconds; undefined = permanent. The remaining ttl is reckoned when rendered. */
  readonly expiration: number | undefined;
  /** Children of a directory, when they were asked for. */
  readonly nodes: readonly NodeView[] | undefined;
  readonly modifiedIndex: number;
  readonly createdIndex: number;
};

export type Event = {
  readonly action: Action;
  readonly node: NodeView;
  readonly prevNode: NodeView | undefined;
  /** The store index after the operation. */
  readonly storeIndex: number;
  /** True for refreshes, which no watcher hears of. */
  readonly refresh: boolean;
  /** True when nothing was there before (HTTP 201). */
  readonly created: boolean;
};
