import { describe, expect, it } from 'vitest';
import { HubWatcher, WatchHub } from '../src/watch-hub.js';

function watcherOf(path: string, recursive: boolean): HubWatcher {
  return new HubWatcher(
    path,
    { recursive, stream: true, sinceIndex: 1 },
    () => undefined,
    undefined,
  );
}

describe('WatchHub', () => {
  it('shares segments between watchers and forgets them with the last one', () => {
    const hub = new WatchHub();
    const watchers = ['/', '/a', '/a/b', '/a/b/c', '/a/x', '/d'].flatMap((path) => [
      watcherOf(path, true),
      watcherOf(path, false),
    ]);
    for (const watcher of watchers) hub.add(watcher);
    expect([hub.count, hub.indexedSegments]).toEqual([12, 5]);
    expect(new Set(hub.all())).toEqual(new Set(watchers));

    const [deep, ...others] = watchers.reverse();
    for (const watcher of others) hub.close(watcher);
    expect(hub.indexedSegments).toBe(1);
    if (deep !== undefined) hub.close(deep);
    expect([hub.count, hub.indexedSegments]).toEqual([0, 0]);
  });

  it('bears closing twice and closing what was never added', () => {
    const hub = new WatchHub();
    const kept = watcherOf('/a', false);
    hub.add(kept);
    hub.close(watcherOf('/a', false));
    hub.close(watcherOf('/q/r', true));
    expect(hub.count).toBe(1);
    hub.close(kept);
    hub.close(kept);
    expect(hub.count).toBe(0);
  });
});
