import { Store } from '@corral/store';
import type { Event } from '@corral/store';
import { describe, expect, it } from 'vitest';
import { remove, set, snapshotOf } from './commands.js';

function listen(store: Store, path: string, more: { stream?: boolean; since?: number } = {}) {
  const heard: Event[] = [];
  const state = { lost: 0 };
  const result = store.watch(
    { path, recursive: true, stream: more.stream ?? true, sinceIndex: more.since ?? 0 },
    (event) => heard.push(event),
    () => (state.lost += 1),
  );
  if (!result.ok) throw new Error(`refused: ${result.error.cause}`);
  return { heard, state, close: () => result.watcher.close(), watcher: result.watcher };
}

function indexes(heard: readonly Event[]): number[] {
  return heard.map((event) => event.storeIndex);
}

describe('a watcher', () => {
  it('gets the very event that the writer got', () => {
    const store = new Store();
    const { heard } = listen(store, '/a');
    const answer = store.apply(set('/a', 'x'));

    expect(answer).toEqual({ ok: true, event: heard[0] });
  });

  it('may be closed, and close others, while it is told', () => {
    const store = new Store();
    const heard: string[] = [];
    const closers: (() => void)[] = [];
    for (const name of ['first', 'second', 'third']) {
      const options = { path: '/a', recursive: false, stream: true, sinceIndex: 0 };
      const result = store.watch(options, () => {
        heard.push(name);
        for (const close of closers) close();
      });
      if (result.ok) closers.push(() => result.watcher.close());
    }
    store.apply(set('/a'));
    store.apply(set('/a'));

    expect(heard).toEqual(['first']);
    expect(store.stats().watchers).toBe(0);
  });

  it('of one event sees a store that has already changed', () => {
    const store = new Store();
    const seen: number[] = [];
    const options = { path: '/a', recursive: false, stream: true, sinceIndex: 0 };
    store.watch(options, () => seen.push(store.index));
    store.apply(set('/a'));

    expect(seen).toEqual([1]);
  });

  it('costs nothing to writes elsewhere, be there ever so many', () => {
    const store = new Store();
    let told = 0;
    for (let number = 0; number < 5_000; number += 1) {
      const options = { path: `/w/${number}`, recursive: true, stream: true, sinceIndex: 0 };
      store.watch(options, () => (told += 1));
    }
    const options = { path: '/w', recursive: false, stream: true, sinceIndex: 0 };
    for (let number = 0; number < 5_000; number += 1) store.watch(options, () => (told += 1));

    const start = performance.now();
    for (let number = 0; number < 20_000; number += 1) store.apply(set('/w/x/y', 'v'));
    const eachUs = ((performance.now() - start) * 1000) / 20_000;

    expect(told).toBe(0);
    // Looking at 10,000 watchers would take some 50 us; the bound leaves room for a busy machine.
    expect(eachUs).toBeLessThan(20);
    store.apply(remove('/w'));
    expect(told).toBe(5_000);
  });
});

describe('a restore', () => {
  function pair(historyMax: number): { leader: Store; follower: Store } {
    const leader = new Store({ historyMax });
    const follower = new Store({ historyMax });
    for (const store of [leader, follower]) store.apply(set('/k', '1'));
    return { leader, follower };
  }

  it('tells live watchers what they missed, once, and goes on without gap', () => {
    const { leader, follower } = pair(10);
    const stream = listen(follower, '/k', { since: 1 });
    const future = listen(follower, '/k', { since: 4 });
    const once = listen(follower, '/k', { stream: false });
    const other = listen(follower, '/other');
    for (const value of ['2', '3', '4']) leader.apply(set('/k', value));

    follower.restore(snapshotOf(leader));
    follower.apply(set('/k', '5'));

    expect(indexes(stream.heard)).toEqual([1, 2, 3, 4, 5]);
    expect(indexes(future.heard)).toEqual([4, 5]);
    expect(indexes(once.heard)).toEqual([2]);
    expect(other.heard).toEqual([]);
    expect(follower.stats().watchers).toBe(3);
  });

  it('ends watchers that would have a hole in their news, and says so', () => {
    const { leader, follower } = pair(3);
    const past = listen(follower, '/k');
    const future = listen(follower, '/k', { since: 9 });
    const silent: number[] = [];
    const options = { path: '/k', recursive: false, stream: true, sinceIndex: 0 };
    follower.watch(options, (event) => silent.push(event.storeIndex));
    for (const value of ['2', '3', '4', '5', '6']) leader.apply(set('/k', value));

    follower.restore(snapshotOf(leader));

    expect([past.state.lost, past.heard]).toEqual([1, []]);
    expect([future.state.lost, future.heard]).toEqual([0, []]);
    expect(silent).toEqual([4, 5, 6]);
    expect(follower.stats().watchers).toBe(2);
  });

  it('to an older index leaves watchers waiting for what they have not seen', () => {
    const { leader, follower } = pair(10);
    follower.apply(set('/k', 'only here'));
    const { heard } = listen(follower, '/k');

    follower.restore(snapshotOf(leader));
    for (const value of ['2', '3']) follower.apply(set('/k', value));

    expect(indexes(heard)).toEqual([3]);
  });
});
