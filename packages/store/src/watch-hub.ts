// The live watchers, indexed by path segments, so that an event costs as much as its key is deep
// plus the watchers that really see it. One rule decides who sees an event, live or from history.
//
// The rule, for an event at key K and a watcher at P:
//   K = P                    sees it, hidden or not;
//   K below P                sees it if recursive and no segment of K after P starts with "_";
//   K an ancestor of P       sees it if a directory was removed in which a node P existed.
// Refreshes are never seen. Each watcher sees an event once.
import type { Event } from './event.js';
import type { HistoryRecord } from './event-history.js';
import type { TreeNode } from './node.js';
import { isHiddenName, segmentsOf } from './path.js';
import { packedNamesInclude } from './tree.js';

export type EventListener = (event: Event) => void;

/** A watcher in the hub. `path` is clean. */
export class HubWatcher {
  readonly path: string;
  readonly recursive: boolean;
  readonly stream: boolean;
  /** The first index it wants to see. */
  sinceIndex: number;
  readonly listener: EventListener;
  readonly onLost: (() => void) | undefined;
  closed: boolean;

  constructor(
    path: string,
    options: { readonly recursive: boolean; readonly stream: boolean; readonly sinceIndex: number },
    listener: EventListener,
    onLost: (() => void) | undefined,
  ) {
    this.path = path;
    this.recursive = options.recursive;
    this.stream = options.stream;
    this.sinceIndex = options.sinceIndex;
    this.listener = listener;
    this.onLost = onLost;
    this.closed = false;
  }
}

type Place = {
  readonly name: string;
  readonly parent: Place | undefined;
  readonly children: Map<string, Place>;
  readonly exact: Set<HubWatcher>;
  readonly recursive: Set<HubWatcher>;
};

export class WatchHub {
  readonly #root: Place = newPlace('', undefined);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** How many path segments are indexed; none may be left when nobody watches. */
  get indexedSegments(): number {
    let count = 0;
    const open = [this.#root];
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      count += place.children.size;
      for (const child of place.children.values()) open.push(child);
    }
    return count;
  }

  add(watcher: HubWatcher): void {
    let place = this.#root;
    for (const name of segmentsOf(watcher.path)) {
      let next = place.children.get(name);
      if (next === undefined) {
        next = newPlace(name, place);
        place.children.set(name, next);
      }
      place = next;
    }
    (watcher.recursive ? place.recursive : place.exact).add(watcher);
    this.#count += 1;
  }

  /** Closes a watcher, whether it is in the hub or not. */
  close(watcher: HubWatcher): void {
    if (watcher.closed) return;
    watcher.closed = true;
    const place = this.#placeOf(watcher.path);
    if (place === undefined) return;
    if (!(watcher.recursive ? place.recursive : place.exact).delete(watcher)) return;
    this.#count -= 1;
    prune(place);
  }

  /** All live watchers. */
  all(): readonly HubWatcher[] {
    const found: HubWatcher[] = [];
    const open = [this.#root];
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      for (const watcher of place.exact) found.push(watcher);
      for (const watcher of place.recursive) found.push(watcher);
      for (const child of place.children.values()) open.push(child);
    }
    return found;
  }

  /** Tells everyone who sees it; `detached` is the directory that the event removed. */
  notify(event: Event, detached: TreeNode | undefined): void {
    if (this.#count === 0 || event.refresh) return;
    const names = segmentsOf(event.node.key);
    const hiddenAt = names.findLastIndex(isHiddenName);
    let place: Place | undefined = this.#root;
    for (const [depth, name] of names.entries()) {
      if (depth > hiddenAt) this.#tellAll(place.recursive, event);
      place = place.children.get(name);
      if (place === undefined) return;
    }
    this.#tellAll(place.exact, event);
    this.#tellAll(place.recursive, event);
    if (detached !== undefined) this.#notifyBelow(place, detached, event);
  }

  /** Walks watchers and removed nodes side by side, along the paths that both have. */
  #notifyBelow(top: Place, detached: TreeNode, event: Event): void {
    const open: { readonly place: Place; readonly node: TreeNode }[] = [
      { place: top, node: detached },
    ];
    for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
      for (const place of pair.place.children.values()) {
        const node = pair.node.children?.get(place.name);
        if (node === undefined) continue;
        this.#tellAll(place.exact, event);
        this.#tellAll(place.recursive, event);
        open.push({ place, node });
      }
    }
  }

  #tellAll(watchers: ReadonlySet<HubWatcher>, event: Event): void {
    for (const watcher of watchers) {
      if (event.storeIndex < watcher.sinceIndex) continue;
      if (!watcher.stream) this.close(watcher);
      watcher.listener(event);
    }
  }

  #placeOf(path: string): Place | undefined {
    let place: Place | undefined = this.#root;
    for (const name of segmentsOf(path)) place = place?.children.get(name);
    return place;
  }
}

/** The rule of this file's head for one event of the past. */
export function sees(
  watcher: { readonly path: string; readonly recursive: boolean },
  record: HistoryRecord,
): boolean {
  const { event, vanished } = record;
  if (event.refresh) return false;
  const { path } = watcher;
  const { key } = event.node;
  if (key === path) return true;
  const below = path === '/' ? key.slice(1) : restBelow(key, path);
  if (below !== undefined) return watcher.recursive && !below.split('/').some(isHiddenName);
  if (vanished === undefined) return false;
  const inside = restBelow(path, key);
  return inside !== undefined && packedNamesInclude(vanished, inside);
}

/** The part of `path` after `top` and a slash; undefined when `path` is not below `top`. */
function restBelow(path: string, top: string): string | undefined {
  if (path.length <= top.length || path.charCodeAt(top.length) !== 47) return undefined;
  return path.startsWith(top) ? path.slice(top.length + 1) : undefined;
}

function newPlace(name: string, parent: Place | undefined): Place {
  return { name, parent, children: new Map(), exact: new Set(), recursive: new Set() };
}

/** Forgets places that nobody watches at or below. */
function prune(from: Place): void {
  let place = from;
  while (place.children.size + place.exact.size + place.recursive.size === 0) {
    const { parent } = place;
    if (parent === undefined) return;
    parent.children.delete(place.name);
    place = parent;
  }
}
