// The store's rules once more, as plainly as possible: a flat map from path to node, a list of all
// events, a list of watchers, everything found by looking at everything. Slow and obvious.
import type { Event, NodeView, WriteCommand } from '@corral/store';

type NaiveNode = {
  value: string | undefined;
  expiration: number | undefined;
  created: number;
  modified: number;
};
type Past = { readonly event: Event; readonly removed: ReadonlySet<string> };
export type NaiveWatcher = {
  readonly path: string;
  readonly recursive: boolean;
  readonly stream: boolean;
  readonly since: number;
  readonly heard: Event[];
  open: boolean;
};
type Refusal = { readonly code: number; readonly cause: string };
export type NaiveAnswer =
  | { readonly ok: true; readonly event: Event }
  | { readonly ok: false; readonly error: Refusal & { readonly index: number } };

const roots = ['/', '/0', '/1'];

export class NaiveStore {
  index = 0;
  nodes = new Map<string, NaiveNode>(roots.map((path) => [path, emptyDirectory(0)]));
  past: Past[] = [];
  watchers: NaiveWatcher[] = [];
  readonly #historyMax: number;

  constructor(historyMax: number) {
    this.#historyMax = historyMax;
  }

  apply(command: WriteCommand): NaiveAnswer {
    const done = this.#write(command);
    if ('code' in done) return { ok: false, error: { ...done, index: this.index } };
    this.#publish(done);
    return { ok: true, event: done.event };
  }

  expire(now: number): Event[] {
    const events: Event[] = [];
    for (;;) {
      const due = [...this.nodes]
        .filter(([, node]) => node.expiration !== undefined && node.expiration <= now)
        .sort(([leftPath, left], [rightPath, right]) => {
          const byTime = (left.expiration ?? 0) - (right.expiration ?? 0);
          return byTime || left.created - right.created || leftPath.length - rightPath.length;
        });
      const first = due[0];
      if (first === undefined) return events;
      const past = this.#take(first[0], 'expire');
      this.#publish(past);
      events.push(past.event);
    }
  }

  get(path: string, recursive: boolean): NaiveAnswer {
    const node = this.nodes.get(path);
    if (node === undefined) {
      return { ok: false, error: { ...this.#obstacle(path), index: this.index } };
    }
    const event: Event = {
      action: 'get',
      node: this.#listing(path, recursive, true),
      prevNode: undefined,
      storeIndex: this.index,
      refresh: false,
      created: false,
    };
    return { ok: true, event };
  }

  watch(path: string, options: { recursive: boolean; stream: boolean; since: number }) {
    const since = options.since === 0 ? this.index + 1 : options.since;
    const oldest = Math.max(1, this.index - this.#historyMax + 1);
    if (since < oldest) return `the requested history has been cleared [${oldest}/${since}]`;
    const watcher: NaiveWatcher = { path, ...options, since, heard: [], open: true };
    for (const past of this.past) tell(watcher, past);
    this.watchers.push(watcher);
    return watcher;
  }

  copy(): NaiveStore {
    const copy = new NaiveStore(this.#historyMax);
    copy.index = this.index;
    copy.nodes = new Map([...this.nodes].map(([path, node]) => [path, { ...node }]));
    copy.past = [...this.past];
    return copy;
  }

  #write(command: WriteCommand): Past | Refusal {
    const index = this.index + 1;
    const unique = command.kind === 'create' && command.unique;
    const name = unique ? `/${String(index).padStart(20, '0')}` : '';
    const path = `${command.path}${name}`.replace('//', '/');
    const node = this.nodes.get(path);
    const isRoot = roots.includes(path);
    switch (command.kind) {
      case 'create':
        if (node !== undefined) return { code: isRoot ? 107 : 105, cause: path };
        return this.#make(command, path);
      case 'set':
        if (node === undefined) {
          if (command.refresh) return this.#obstacle(path);
          return this.#make(command, path);
        }
        if (isRoot) return { code: 107, cause: path };
        if (node.value === undefined) return { code: 102, cause: path };
        return this.#change(path, node, command, index);
      case 'update':
        if (node === undefined) return this.#obstacle(path);
        if (isRoot) return { code: 107, cause: path };
        if (node.value === undefined && command.value !== '') return { code: 102, cause: path };
        return this.#change(path, node, command, node.created);
      case 'compareAndSwap':
        if (node === undefined) return this.#obstacle(path);
        if (isRoot) return { code: 107, cause: path };
        if (node.value === undefined) return { code: 102, cause: path };
        return mismatch(node, command) ?? this.#change(path, node, command, node.created);
      case 'delete': {
        if (node === undefined) return this.#obstacle(path);
        if (isRoot) return { code: 107, cause: path };
        const force = command.dir || command.recursive;
        if (node.value === undefined && !force) return { code: 102, cause: path };
        if (this.#below(path).length > 0 && !command.recursive) return { code: 108, cause: path };
        return this.#take(path, 'delete');
      }
      case 'compareAndDelete':
        if (node === undefined) return this.#obstacle(path);
        if (node.value === undefined) return { code: 102, cause: isRoot ? '' : path };
        return mismatch(node, command) ?? this.#take(path, 'compareAndDelete');
      default:
        return command satisfies never;
    }
  }

  #make(command: Extract<WriteCommand, { kind: 'set' | 'create' }>, path: string): Past | Refusal {
    const obstacle = this.#obstacle(path);
    if (obstacle.code === 104) return obstacle;
    const index = this.index + 1;
    for (const above of ancestors(path)) {
      if (!this.nodes.has(above)) this.nodes.set(above, emptyDirectory(index));
    }
    this.nodes.set(path, {
      value: command.dir ? undefined : command.value,
      expiration: command.expiration,
      created: index,
      modified: index,
    });
    return this.#event(command.kind, this.#view(path), undefined, false, true);
  }

  #change(
    path: string,
    node: NaiveNode,
    command: Extract<WriteCommand, { kind: 'set' | 'update' | 'compareAndSwap' }>,
    created: number,
  ): Past {
    const index = this.index + 1;
    const before = this.#view(path);
    const isDirectory = node.value === undefined;
    if (!isDirectory) {
      if (!command.refresh) node.value = command.value;
      if (command.kind === 'set' && command.dir) node.value = undefined;
      node.modified = index;
      node.created = created;
    }
    node.expiration = command.expiration;
    const after = { ...this.#view(path), modifiedIndex: index };
    return this.#event(command.kind, after, before, command.refresh, false);
  }

  #take(path: string, action: 'delete' | 'compareAndDelete' | 'expire'): Past {
    const before = this.#view(path);
    const removed = new Set(this.#below(path));
    for (const below of removed) this.nodes.delete(below);
    this.nodes.delete(path);
    const after = {
      ...before,
      value: undefined,
      expiration: undefined,
      modifiedIndex: this.index + 1,
    };
    return { event: this.#event(action, after, before, false, false).event, removed };
  }

  #publish(past: Past): void {
    this.index += 1;
    this.past = [...this.past, past].slice(-this.#historyMax);
    for (const watcher of this.watchers) tell(watcher, past);
  }

  #obstacle(path: string): Refusal {
    for (const above of [...ancestors(path), path]) {
      const node = this.nodes.get(above);
      if (node === undefined) return { code: 100, cause: above };
      if (node.value !== undefined) return { code: 104, cause: above };
    }
    return { code: 100, cause: path };
  }

  #below(path: string): string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    return [...this.nodes.keys()].filter((other) => other !== path && other.startsWith(prefix));
  }

  #view(path: string): NodeView {
    const node = this.nodes.get(path);
    if (node === undefined) throw new Error(`the model has no ${path}`);
    return {
      key: path,
      value: node.value,
      dir: node.value === undefined,
      expiration: node.expiration,
      nodes: undefined,
      modifiedIndex: node.modified,
      createdIndex: node.created,
    };
  }

  #listing(path: string, recursive: boolean, top: boolean): NodeView {
    const view = this.#view(path);
    if (!view.dir || !(top || recursive)) return view;
    const nodes = this.#below(path)
      .filter((other) => parent(other) === path && !lastName(other).startsWith('_'))
      .sort()
      .map((child) => this.#listing(child, recursive, false));
    return { ...view, nodes };
  }

  #event(
    action: Event['action'],
    node: NodeView,
    prevNode: NodeView | undefined,
    refresh: boolean,
    created: boolean,
  ): Past {
    const event = { action, node, prevNode, storeIndex: this.index + 1, refresh, created };
    return { event, removed: new Set() };
  }
}

function tell(watcher: NaiveWatcher, { event, removed }: Past): void {
  if (!watcher.open || event.refresh || event.storeIndex < watcher.since) return;
  const at = watcher.path;
  const { key } = event.node;
  const prefix = at === '/' ? '/' : `${at}/`;
  const isBelow = key.startsWith(prefix) && key !== at;
  const hidden = isBelow && `/${key.slice(prefix.length)}`.includes('/_');
  if (key !== at && !(isBelow && watcher.recursive && !hidden) && !removed.has(at)) return;
  watcher.heard.push(event);
  if (!watcher.stream) watcher.open = false;
}

function mismatch(
  node: NaiveNode,
  wanted: { readonly prevValue: string | undefined; readonly prevIndex: number },
): Refusal | undefined {
  const causes: string[] = [];
  const { prevValue, prevIndex } = wanted;
  if (prevValue !== undefined && prevValue !== node.value) {
    causes.push(`[${prevValue} != ${node.value ?? ''}]`);
  }
  if (prevIndex > 0 && prevIndex !== node.modified) {
    causes.push(`[${prevIndex} != ${node.modified}]`);
  }
  return causes.length > 0 ? { code: 101, cause: causes.join(' ') } : undefined;
}

function emptyDirectory(index: number): NaiveNode {
  return { value: undefined, expiration: undefined, created: index, modified: index };
}

function parent(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** From the root down, without the path itself. */
function ancestors(path: string): string[] {
  if (path === '/') return [];
  return [...ancestors(parent(path)), parent(path)];
}
