// Random command sequences on the store and on the naive model, step by step: same answers, same
// events, same news for every watcher, and snapshots that hold the moment at which they began
// however much happens while they are written.
import { Store } from '@corral/store';
import type { Event, WriteCommand } from '@corral/store';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NaiveStore } from './model/naive-store.js';
import type { NaiveWatcher } from './model/naive-store.js';

type Step =
  | { readonly kind: 'write'; readonly command: WriteCommand }
  | { readonly kind: 'expire'; readonly now: number }
  | { readonly kind: 'get'; readonly path: string; readonly recursive: boolean }
  | {
      readonly kind: 'watch';
      readonly path: string;
      readonly recursive: boolean;
      readonly stream: boolean;
      readonly since: number;
    }
  | { readonly kind: 'closeWatcher'; readonly which: number }
  | { readonly kind: 'beginSnapshot' }
  | { readonly kind: 'pullSnapshot'; readonly maxBytes: number }
  | { readonly kind: 'restart' };

const path = fc.constantFrom(
  ...['/', '/0', '/1', '/1/a', '/1/ab', '/1/a/b', '/1/a/b/c', '/1/a/_h', '/1/a/_h/x'],
  ...['/1/_h', '/1/_h/y', '/1/a/b/c/d', '/1/d', '/1/d/a', '/0/m'],
);
const value = fc.constantFrom('', 'x', 'y', 'é😀');
const expiration = fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined });
const content = { path, value, dir: fc.boolean(), expiration, refresh: rarely() };
const compare = {
  prevValue: fc.option(value, { nil: undefined }),
  prevIndex: fc.integer({ min: 0, max: 20 }),
};

const command: fc.Arbitrary<WriteCommand> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set' as const), ...content }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('create' as const), unique: rarely(), ...content }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('update' as const), ...content }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('compareAndSwap' as const), ...content, ...compare }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      path,
      dir: fc.boolean(),
      recursive: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('compareAndDelete' as const), path, ...compare }),
  },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('write' as const), command }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('expire' as const),
      now: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('get' as const), path, recursive: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('watch' as const),
      path,
      recursive: fc.boolean(),
      stream: fc.boolean(),
      since: fc.integer({ min: 0, max: 30 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('closeWatcher' as const),
      which: fc.integer({ min: 0, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('beginSnapshot' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pullSnapshot' as const),
      maxBytes: fc.integer({ min: 1, max: 200 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);

describe('the store and the naive model', () => {
  it('agree on every step of any sequence', () => {
    const seed = Number(process.env['STORE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    console.info(`store model property: STORE_SEED=${seed}`);

    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
        const pair = new Pair();
        for (const each of steps) pair.take(each);
        pair.finish();
      }),
      { seed, numRuns: 2_500 },
    );
  });
});

type RealWatcher = { readonly heard: Event[]; close(): void };

class Pair {
  #real = new Store({ namespaces: ['/0', '/1'], historyMax: 12 });
  #model = new NaiveStore(12);
  #watchers: { readonly real: RealWatcher; readonly model: NaiveWatcher }[] = [];
  #snapshot:
    { readonly pull: ReturnType<Store['beginSnapshot']>; readonly of: NaiveStore } | undefined;
  #chunks: Uint8Array[] = [];

  take(each: Step): void {
    switch (each.kind) {
      case 'write':
        expect(this.#real.apply(each.command)).toEqual(this.#model.apply(each.command));
        break;
      case 'expire':
        expect(this.#real.expire(each.now)).toEqual(this.#model.expire(each.now));
        break;
      case 'get':
        expect(this.#real.get(each.path, { recursive: each.recursive, sorted: true })).toEqual(
          this.#model.get(each.path, each.recursive),
        );
        break;
      case 'watch':
        this.#watch(each);
        break;
      case 'closeWatcher': {
        const watcher = this.#watchers[each.which];
        watcher?.real.close();
        if (watcher !== undefined) watcher.model.open = false;
        break;
      }
      case 'beginSnapshot':
        if (this.#snapshot !== undefined) break;
        this.#snapshot = { pull: this.#real.beginSnapshot(), of: this.#model.copy() };
        this.#chunks = [];
        break;
      case 'pullSnapshot':
        this.#pull(each.maxBytes);
        break;
      case 'restart':
        this.#restart();
        break;
      default:
        each satisfies never;
    }
    this.#compareNews();
  }

  finish(): void {
    while (this.#snapshot !== undefined) this.#pull(64);
    expectSame(this.#real, this.#model);
  }

  #watch(each: Extract<Step, { kind: 'watch' }>): void {
    const heard: Event[] = [];
    const model = this.#model.watch(each.path, each);
    const { recursive, stream } = each;
    const options = { path: each.path, recursive, stream, sinceIndex: each.since };
    const real = this.#real.watch(options, (event) => heard.push(event));
    if (typeof model === 'string') {
      const error = { code: 401, cause: model, index: this.#model.index };
      expect(real).toEqual({ ok: false, error });
    } else if (real.ok) {
      const close = (): void => real.watcher.close();
      this.#watchers.push({ real: { heard, close }, model });
    } else {
      expect(real).toMatchObject({ ok: true });
    }
  }

  #pull(maxBytes: number): void {
    const running = this.#snapshot;
    if (running === undefined) return;
    const chunk = running.pull.next(maxBytes);
    if (chunk !== undefined) {
      this.#chunks.push(chunk);
      return;
    }
    this.#snapshot = undefined;
    const restored = new Store({ namespaces: ['/0', '/1'], historyMax: 12 });
    restored.restore(this.#chunks);
    expectSame(restored, running.of);
  }

  /** Goes on with a store that comes out of a snapshot; watchers end with the old one. */
  #restart(): void {
    if (this.#snapshot !== undefined) return;
    const snapshot = this.#real.beginSnapshot();
    const chunks: Uint8Array[] = [];
    for (let chunk = snapshot.next(100); chunk; chunk = snapshot.next(100)) chunks.push(chunk);
    const fresh = new Store({ namespaces: ['/0', '/1'], historyMax: 12 });
    fresh.restore(chunks);
    expect(fresh.hash()).toBe(this.#real.hash());
    this.#compareNews();
    this.#watchers = [];
    this.#model.watchers = [];
    this.#real = fresh;
  }

  #compareNews(): void {
    for (const { real, model } of this.#watchers) expect(real.heard).toEqual(model.heard);
    const open = this.#watchers.filter(({ model }) => model.open).length;
    expect(this.#real.stats().watchers).toBe(open);
  }
}

/** Everything that can be seen: all paths, hidden ones too, and what is left of history. */
function expectSame(real: Store, model: NaiveStore): void {
  expect(real.index).toBe(model.index);
  for (const key of model.nodes.keys()) {
    const answer = real.get(key, { recursive: false, sorted: true });
    expect(answer).toEqual(model.get(key, false));
  }
  const recursive = { recursive: true, sorted: true };
  expect(real.get('/', recursive)).toEqual(model.get('/', true));
  const expiring = [...model.nodes.values()].filter((node) => node.expiration !== undefined);
  expect(real.expiringNodes).toBe(expiring.length);
  const heard: Event[] = [];
  const since = Math.max(1, model.index - 11);
  const options = { path: '/', recursive: true, stream: true, sinceIndex: since };
  const watching = real.watch(options, (event) => heard.push(event));
  const expected = model.copy().watch('/', { recursive: true, stream: true, since });
  expect(heard).toEqual(typeof expected === 'string' ? expected : expected.heard);
  if (watching.ok) watching.watcher.close();
}

function rarely(): fc.Arbitrary<boolean> {
  return fc.integer({ min: 0, max: 5 }).map((number) => number === 0);
}
