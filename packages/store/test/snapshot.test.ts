import { Store, StoreSnapshotError } from '@corral/store';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../src/crc32.js';
import { remove, rest, set, setDirectory, snapshotOf, update } from './commands.js';

const namespaces = ['/0', '/1'];

function sample(): Store {
  const store = new Store({ namespaces });
  store.apply(set('/1/a/b/c', 'väl😀ue', 1234.5));
  store.apply(setDirectory('/1/empty'));
  store.apply(set('/0/members/x', ''));
  store.apply(set('/1/\ud800lone', '\udc00'));
  store.apply(set('/1/gone/x/y'));
  store.apply(remove('/1/gone'));
  store.apply(update('/1/a', '', 99999));
  store.apply(set('/1/_h', 'x'.repeat(500)));
  return store;
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

function restored(bytes: Iterable<Uint8Array>): Store {
  const store = new Store({ namespaces });
  store.restore(bytes);
  return store;
}

describe('a snapshot', () => {
  it('carries everything: tree, index, expirations, history, counters', () => {
    const store = sample();
    const copy = restored(snapshotOf(store));

    expect(copy.hash()).toBe(store.hash());
    expect([copy.index, copy.expiringNodes]).toEqual([store.index, 2]);
    expect(copy.stats()).toEqual(store.stats());
    const everything = { path: '/', recursive: true, stream: true, sinceIndex: 1 };
    const heard = [store, copy].map((each) => {
      const events: unknown[] = [];
      each.watch(everything, (event) => events.push(event));
      each.watch({ ...everything, path: '/1/gone/x' }, (event) => events.push(event));
      return events;
    });
    expect(heard[0]).toHaveLength(9);
    expect(heard[1]).toEqual(heard[0]);
    expect(copy.expire(1e6)).toEqual(store.expire(1e6));
  });

  it('of an empty store is one, too', () => {
    expect(restored(snapshotOf(new Store({ namespaces }))).hash()).toBe(
      new Store({ namespaces }).hash(),
    );
  });

  it('may be cut into chunks anywhere', () => {
    const store = sample();
    const bytes = joined(snapshotOf(store));
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((end, at) => bytes.subarray(places[at], end));
        expect(restored(chunks).hash()).toBe(store.hash());
      }),
      { numRuns: 50 },
    );
  });

  it.each([0, 1, 100, 1e9])('comes in chunks of about %d bytes, none of them empty', (maxBytes) => {
    const store = sample();
    const chunks = snapshotOf(store, maxBytes);

    expect(chunks.every((chunk) => chunk.length > 0 && chunk.length < maxBytes + 3000)).toBe(true);
    expect(restored(chunks).hash()).toBe(store.hash());
  });

  it('passes over what changed since, in bounded slices', () => {
    const store = new Store();
    const snapshot = store.beginSnapshot();
    for (let number = 0; number < 2_000; number += 1) store.apply(set(`/n/${number}`, 'new'));
    const chunks = rest(snapshot, 1024);

    expect(chunks.length).toBeGreaterThan(10);
    expect(restored(chunks).index).toBe(0);
  });

  it('is the picture of its beginning although everything changes meanwhile', () => {
    const store = new Store({ namespaces });
    for (let number = 0; number < 3_000; number += 1) {
      store.apply(set(`/1/d${number % 30}/k${number}`, `v${number}`, number % 7 ? undefined : 1e9));
    }
    const hash = store.hash();
    const snapshot = store.beginSnapshot();
    const chunks: Uint8Array[] = [];
    let turn = 0;
    for (let chunk = snapshot.next(500); chunk; chunk = snapshot.next(500)) {
      chunks.push(chunk);
      turn += 1;
      store.apply(set(`/1/d${turn % 30}/k${turn * 7}`, 'changed'));
      store.apply(update(`/1/d${(turn * 3) % 30}`, '', 2e9 + turn));
      store.apply(remove(`/1/d${(turn * 11) % 30}/k${turn}`));
      if (turn % 20 === 0) store.apply(remove(`/1/d${turn % 30}`));
      if (turn % 25 === 0) store.apply(set(`/1/d${turn % 30}/again`, 'new'));
      if (turn === 100) store.expire(1e9);
    }

    expect(turn).toBeGreaterThan(100);
    expect(restored(chunks).hash()).toBe(hash);
    expect(restored(snapshotOf(store, 5_000)).hash()).toBe(store.hash());
  });

  it('goes on with the old content when the store is restored meanwhile', () => {
    const store = sample();
    const hash = store.hash();
    const snapshot = store.beginSnapshot();
    const chunks = [snapshot.next(10)].filter((chunk) => chunk !== undefined);
    const other = new Store({ namespaces });
    other.apply(set('/1/other'));

    store.restore(snapshotOf(other));
    store.apply(set('/1/other', 'changed'));
    const second = snapshotOf(store);

    expect(restored([...chunks, ...rest(snapshot)]).hash()).toBe(hash);
    expect(restored(second).hash()).toBe(store.hash());
  });

  it('is the only one at a time until it ends or is cancelled', () => {
    const store = sample();
    const first = store.beginSnapshot();
    expect(() => store.beginSnapshot()).toThrow(
      expect.objectContaining({ code: 'E_SNAPSHOT_BUSY' }),
    );
    first.cancel();
    expect(first.next(10)).toBeUndefined();
    store.apply(set('/1/a/b/c', 'after'));

    const second = store.beginSnapshot();
    const hash = store.hash();
    first.cancel();
    store.apply(set('/1/a/b/c', 'later'));
    expect(restored(rest(second)).hash()).toBe(hash);
    expect(snapshotOf(store).length).toBeGreaterThan(0);
  });
});

describe('a damaged snapshot', () => {
  const good = joined(snapshotOf(sample()));

  function expectRefused(chunks: Iterable<Uint8Array>, reason?: string): void {
    const store = new Store({ namespaces });
    store.apply(set('/1/present', 'untouched'));
    const before = [store.hash(), store.stats()];

    expect(() => store.restore(chunks)).toThrow(StoreSnapshotError);
    if (reason !== undefined) expect(() => store.restore(chunks)).toThrow(reason);
    expect([store.hash(), store.stats()]).toEqual(before);
    expect(store.apply(set('/1/present/x'))).toMatchObject({ error: { code: 104 } });
  }

  it('is refused wherever it is cut off', () => {
    for (let end = 0; end < good.length; end += 1) expectRefused([good.subarray(0, end)]);
  });

  it('is refused whichever bit is wrong', () => {
    for (let at = 0; at < good.length; at += 1) {
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      expectRefused([bad]);
    }
  });

  it.each([
    ['nothing at all', [], 'ends within its first bytes'],
    ['something else', [Buffer.from('{"not":"a snapshot"}')], 'does not start like'],
    ['a later version', [Uint8Array.from([...good.subarray(0, 8), 9])], 'version 9'],
    ['more behind its end', [good, Uint8Array.of(0)], 'more after its end'],
    ['a frame too few', snapshotOf(sample()).slice(0, -1), 'no end'],
    ['a missing frame of history', snapshotOf(sample(), 1).toSpliced(2, 1), 'hole'],
  ])('is refused for %s', (_name, chunks, reason) => {
    expectRefused(chunks, reason);
  });

  it('has code E_SNAPSHOT_DAMAGED and says what to do', () => {
    expect(() => new Store().restore([])).toThrow(
      expect.objectContaining({
        code: 'E_SNAPSHOT_DAMAGED',
        message: expect.stringContaining('take another snapshot') as string,
      }),
    );
  });

  // Frames with right checksums and wrong content, as only a broken writer makes them.
  const head = [1, 0, 0];
  const end = (nodes: number): number[] => [5, nodes, 0];
  const file = (name: string): number[] => [4, 1, name.length, ...Buffer.from(name), 0, 0, 1, 120];
  const down = (name: string): number[] => [3, 0, 1, name.length, ...Buffer.from(name)];
  const up = (levels: number): number[] => [3, levels, 0];

  it.each([
    ['no head', [...end(0)], 'head is not where'],
    ['two heads', [...head, ...head, ...end(0)], 'head is not where'],
    ['an unknown record', [...head, 77], 'unknown kind 77'],
    ['an unknown action', [...head, 2, 99], 'unknown action'],
    ['a node twice', [...head, ...file('a'), ...file('a')], 'twice'],
    ['a file with children', [...head, ...file('a'), ...down('a')], 'has children'],
    ['children before their file', [...head, ...down('a'), ...up(1), ...file('a')], 'has children'],
    ['a directory without record', [...head, ...down('q'), ...file('a'), ...end(1)], 'missing'],
    ['an empty name', [...head, ...file('')], 'impossible name'],
    ['a slash in a name', [...head, ...file('a/b')], 'impossible name'],
    ['an empty part in a key', [...head, ...down('')], 'impossible name'],
    ['a way above the root', [...head, ...up(1)], 'above the root'],
    ['wrong counts', [...head, ...file('a'), ...end(2)], 'counts'],
    ['an index without history', [1, 5, 0, ...end(0)], 'history'],
    ['records after the end', [...head, ...end(0), ...file('a')], 'after its end'],
    ['a namespace of its own', [...head, 4, 0, 1, 49, 0, 0], 'twice'],
  ])('is refused for %s', (_name, payload, reason) => {
    expectRefused([good.subarray(0, 9), frame(payload)], reason);
  });

  it('would be taken if only those frames were right', () => {
    const payload = [...head, ...down('1'), ...file('a'), ...end(1)];
    const store = restored([good.subarray(0, 9), frame(payload)]);

    expect(store.get('/1/a', { recursive: false, sorted: false })).toMatchObject({
      event: { node: { value: 'x' } },
    });
  });

  function frame(payload: readonly number[]): Uint8Array {
    const bytes = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, ...payload]);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, payload.length, true);
    view.setUint32(4, crc32(bytes, 8, bytes.length), true);
    return bytes;
  }
});
