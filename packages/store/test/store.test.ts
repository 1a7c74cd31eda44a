import { Store, cleanPath, storeErrorMessages } from '@corral/store';
import { describe, expect, it } from 'vitest';
import { remove, set, setDirectory, snapshotOf, update } from './commands.js';

const flat = { recursive: false, sorted: true };
const whole = { recursive: true, sorted: true };

describe('Store.stats', () => {
  it('counts each kind of command by success and failure, reads and expiries too', () => {
    const store = new Store({ namespaces: ['/1'] });
    const content = { value: '', dir: false, expiration: undefined, refresh: false };
    const compare = { prevValue: 'no', prevIndex: 0 };
    store.apply(set('/1/a', 'x', 10));
    store.apply(set('/1/a/b'));
    store.apply({ kind: 'create', path: '/1/c', unique: false, ...content });
    store.apply({ kind: 'create', path: '/1/c', unique: false, ...content });
    store.apply({ kind: 'create', path: '/1/a/c', unique: false, ...content });
    store.apply(update('/1/c', '2'));
    store.apply(update('/1/none', '2'));
    store.apply({ kind: 'compareAndSwap', path: '/1/c', ...content, ...compare });
    store.apply({ kind: 'compareAndSwap', path: '/1/c', ...content, prevValue: '2', prevIndex: 0 });
    store.apply({ kind: 'compareAndDelete', path: '/1/c', ...compare });
    store.apply({ kind: 'compareAndDelete', path: '/1/c', prevValue: '', prevIndex: 0 });
    store.apply(remove('/1/c'));
    store.expire(10);
    store.apply(setDirectory('/1/d'));
    store.apply(remove('/1/d'));
    store.get('/1', flat);
    store.get('/1/none', flat);
    const options = { path: '/1', recursive: true, stream: true, sinceIndex: 0 };
    store.watch(options, () => undefined);

    expect(store.stats()).toEqual({
      getsSuccess: 1,
      getsFail: 1,
      setsSuccess: 2,
      setsFail: 1,
      deleteSuccess: 1,
      deleteFail: 1,
      updateSuccess: 1,
      updateFail: 1,
      createSuccess: 1,
      createFail: 2,
      compareAndSwapSuccess: 1,
      compareAndSwapFail: 1,
      compareAndDeleteSuccess: 1,
      compareAndDeleteFail: 1,
      expireCount: 1,
      watchers: 1,
    });
  });

  it('survives a snapshot, but for the watchers', () => {
    const store = new Store();
    store.apply(set('/a'));
    store.get('/a', flat);
    store.watch({ path: '/', recursive: true, stream: true, sinceIndex: 0 }, () => undefined);
    const copy = new Store();
    copy.restore(snapshotOf(store));

    expect(copy.stats()).toEqual({ ...store.stats(), watchers: 0 });
  });
});

describe('Store.hash', () => {
  it('is the same for the same content, however a directory came to its children', () => {
    const stores = [
      ['/1/a', '/1/b', '/1/c'],
      ['/1/c', '/1/b', '/1/a'],
    ].map((paths) => {
      const store = new Store();
      for (const path of paths) store.apply(set(path, 'old'));
      for (const path of [...paths].sort()) store.apply(set(path, 'new'));
      return store;
    });
    // The parent directory was made at index 1 by both.
    expect(stores[0]?.hash()).toMatch(/^[0-9a-f]{32}$/);
    expect(stores[0]?.hash()).toBe(stores[1]?.hash());
  });

  it('differs by key, value, kind, expiration and each index', () => {
    const contents = [
      [set('/a', 'x')],
      [set('/b', 'x')],
      [set('/a', 'y')],
      [set('/a', '')],
      [setDirectory('/a')],
      [set('/a', 'x', 0)],
      [set('/a', 'x', 1)],
      [set('/a/x', '')],
      [set('/a', 'q'), set('/a', 'x')],
      [set('/a', 'q'), update('/a', 'x')],
      [set('/ab', 'x'), set('/c', 'x')],
      [set('/a', 'x'), set('/bc', 'x')],
      [],
      [set('/q'), remove('/q')],
      [setDirectory('/c'), setDirectory('/d'), set('/c/x')],
      [setDirectory('/c'), setDirectory('/d'), set('/d/x')],
    ];
    const hashes = contents.map((commands) => {
      const store = new Store();
      for (const command of commands) store.apply(command);
      return store.hash();
    });

    expect(new Set(hashes).size).toBe(contents.length);
  });

  it('does not change by reading, refused commands or watching', () => {
    const store = new Store();
    store.apply(set('/a'));
    const before = store.hash();
    store.get('/a', flat);
    store.apply(set('/a/b'));
    store.watch({ path: '/', recursive: true, stream: true, sinceIndex: 1 }, () => undefined);

    expect(store.hash()).toBe(before);
  });
});

describe('Store', () => {
  it('bears a key of 20,000 segments in every operation', () => {
    const store = new Store({ namespaces: ['/1'] });
    const deep = `/1${'/x'.repeat(20_000)}`;
    store.apply(set(deep, 'bottom', 5));
    store.watch({ path: deep, recursive: true, stream: true, sinceIndex: 0 }, () => undefined);
    const copy = new Store({ namespaces: ['/1'] });
    copy.restore(snapshotOf(store, 10_000));

    expect(copy.hash()).toBe(store.hash());
    expect(store.get('/1', whole).ok).toBe(true);
    expect(store.expire(5)).toHaveLength(1);
    expect(store.apply(remove('/1/x')).ok).toBe(true);
    expect(store.get('/1/x', flat)).toMatchObject({ ok: false, error: { code: 100 } });
  });

  it('keeps events as they were when their nodes change later', () => {
    const store = new Store();
    const first = store.apply(set('/d/a', 'one', 9));
    const listing = store.get('/d', flat);
    const copy = structuredClone([first, listing]);
    store.apply(update('/d/a', 'two'));
    store.apply(remove('/d'));

    expect([first, listing]).toEqual(copy);
  });

  it('says how many nodes expire', () => {
    const store = new Store();
    store.apply(set('/a', 'x', 5));
    store.apply(set('/b/c', 'x', 5));
    expect(store.expiringNodes).toBe(2);
    store.apply(update('/a', 'x'));
    store.apply(remove('/b'));
    expect(store.expiringNodes).toBe(0);
  });

  it('knows the message of each refusal, and how it cleans paths', () => {
    expect(storeErrorMessages[108]).toBe('Directory not empty');
    expect(Object.keys(storeErrorMessages)).toEqual([
      '100',
      '101',
      '102',
      '104',
      '105',
      '107',
      '108',
      '401',
    ]);
    expect(cleanPath('1//a/')).toBe('/1/a');
  });
});
