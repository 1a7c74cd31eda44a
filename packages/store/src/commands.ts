// Commands that change the store. They come out of the replicated log, so everything in them was
// decided before: an expiration is an absolute time that the receiving member stamped.

import type { StoreError } from './errors.js';
import type { Event } from './event.js';

type Target = { readonly path: string };
type Content = {
  readonly value: string;
  readonly dir: boolean;
  /** Epoch milliseconds; undefined = permanent. */
  readonly expiration: number | undefined;
  /** Keep the value, change the expiration, tell no watcher. */
  readonly refresh: boolean;
};
type Compare = {
  /** Undefined = not compared. */
  readonly prevValue: string | undefined;
  /** 0 = not compared. */
  readonly prevIndex: number;
};

export type Command =
  | (Target & Content & { readonly kind: 'set' })
  /** `unique`: append a generated, ordered name (POST). */
  | (Target & Content & { readonly kind: 'create'; readonly unique: boolean })
  | (Target & Content & { readonly kind: 'update' })
  | (Target & Content & Compare & { readonly kind: 'compareAndSwap' })
  | (Target & { readonly kind: 'delete'; readonly dir: boolean; readonly recursive: boolean })
  | (Target & Compare & { readonly kind: 'compareAndDelete' })
  /** Removes everything whose expiration is at or before `now` (epoch ms, the leader's clock). */
  | { readonly kind: 'expire'; readonly now: number };

export type CommandResult =
  { readonly ok: true; readonly event: Event } | { readonly ok: false; readonly error: StoreError };
