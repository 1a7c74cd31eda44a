// Short ways to write commands in tests.
import type { Store, WriteCommand } from '@corral/store';

const permanent = { dir: false, expiration: undefined, refresh: false };

export function set(path: string, value = 'v', expiration?: number): WriteCommand {
  return { kind: 'set', path, value, ...permanent, expiration };
}

export function setDirectory(path: string): WriteCommand {
  return { kind: 'set', path, value: '', ...permanent, dir: true };
}

export function update(path: string, value: string, expiration?: number): WriteCommand {
  return { kind: 'update', path, value, ...permanent, expiration };
}

export function remove(path: string): WriteCommand {
  return { kind: 'delete', path, dir: true, recursive: true };
}

/** The whole of a snapshot that starts now. */
export function snapshotOf(store: Store, maxBytes = 100): Uint8Array[] {
  return rest(store.beginSnapshot(), maxBytes);
}

export function rest(snapshot: ReturnType<Store['beginSnapshot']>, maxBytes = 100): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let chunk = snapshot.next(maxBytes); chunk; chunk = snapshot.next(maxBytes)) {
    chunks.push(chunk);
  }
  return chunks;
}
