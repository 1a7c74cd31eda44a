import type { Entry } from '@corral/raft';
import { describe, expect, it } from 'vitest';
import { Applier } from '../src/applier.js';
import { encodeChangeContext, publishCommand } from '../src/members.js';
import { encodeRequest } from '../src/request-codec.js';
import { setEntry } from './support/entries.js';

function make(): { applier: Applier; told: string[] } {
  const told: string[] = [];
  const applier = new Applier({
    onRequest: ({ sequence }, result) => told.push(`${sequence} ${result?.ok === true}`),
    onMembership: ({ kind, node }) => told.push(`${kind} ${node}`),
    onClusterData: () => told.push('cluster data'),
  });
  return { applier, told };
}

function change(index: number, kind: 'add' | 'remove', node: string): Entry {
  const context = encodeChangeContext({
    peerUrls: [`http://${node}:2380`],
    session: 0,
    sequence: 0,
  });
  const data = new Uint8Array(0);
  return { index, term: 1, kind: 'membership', data, change: { kind, node, context } };
}

function snapshotOf(applier: Applier): Uint8Array[] {
  const source = applier.beginSnapshot();
  const chunks: Uint8Array[] = [];
  for (let chunk = source.next(64); chunk !== undefined; chunk = source.next(64)) {
    chunks.push(Buffer.from(chunk));
  }
  return chunks;
}

describe('the replicated state', () => {
  it('applies entries in order, a copy of a command not at all', () => {
    const { applier, told } = make();

    applier.apply(setEntry(1, 'a', 'first', 1));
    applier.apply(setEntry(2, 'a', 'copy', 1));
    applier.apply(setEntry(3, 'b', 'second', 2));

    const read = applier.store.get('/1/a', { recursive: false, sorted: false });
    expect(read.ok && read.event.node.value).toBe('first');
    expect(told).toEqual(['1 true', '2 true']);
    expect(applier.appliedIndex).toBe(3);
  });

  it('refuses a hole in the log', () => {
    const { applier } = make();
    applier.apply(setEntry(1, 'a', 'x'));

    const skipping = (): void => applier.apply(setEntry(3, 'a', 'x'));

    expect(skipping).toThrow('entry 3 cannot follow 1: the log has a hole');
    expect(skipping).toThrow(expect.objectContaining({ code: 'E_SNAPSHOT_CONTENT' }));
  });

  it('answers a barrier without touching the store', () => {
    const { applier, told } = make();
    const data = encodeRequest({ session: 7, sequence: 4, low: 1 }, { kind: 'barrier' });

    applier.apply({ index: 1, term: 1, kind: 'command', data, change: undefined });

    expect(told).toEqual(['4 false']);
    expect(applier.store.stats().setsSuccess).toBe(0);
  });

  it('keeps members where etcd keeps them, also those that were removed', () => {
    const { applier, told } = make();

    applier.apply(change(1, 'add', 'a1'));
    applier.apply(change(2, 'add', 'b2'));
    applier.apply(change(3, 'remove', 'b2'));

    expect(applier.members.list().map(({ id, peerUrls }) => [id, peerUrls])).toEqual([
      ['a1', ['http://a1:2380']],
    ]);
    expect([...applier.members.removed]).toEqual(['b2']);
    expect(told).toEqual(['add a1', 'add b2', 'remove b2']);
  });

  it('counts no member that publishes its name after it was removed', () => {
    const { applier } = make();
    applier.apply(change(1, 'add', 'a1'));
    applier.apply(change(2, 'add', 'b2'));
    applier.apply(change(3, 'remove', 'b2'));
    const late = publishCommand({ id: 'b2', name: 'two', clientUrls: ['http://b2:2379'] });
    const data = encodeRequest({ session: 7, sequence: 1, low: 1 }, late);

    applier.apply({ index: 4, term: 1, kind: 'command', data, change: undefined });

    expect(applier.members.list().map(({ id }) => id)).toEqual(['a1']);
    expect(applier.members.get('b2')).toBeUndefined();
  });

  it('is the same after a snapshot: keys, members, and which commands it has seen', () => {
    const { applier } = make();
    applier.apply(change(1, 'add', 'a1'));
    for (let i = 2; i <= 40; i += 1) applier.apply(setEntry(i, `key-${i % 7}`, `value ${i}`));
    const other = make();

    other.applier.restore({ index: 40, term: 1 }, snapshotOf(applier));
    other.applier.apply(setEntry(41, 'key-1', 'a copy', 40));

    expect(other.applier.appliedIndex).toBe(41);
    expect(other.applier.members.list()).toEqual(applier.members.list());
    const read = (one: Applier): unknown => one.store.get('/1', { recursive: true, sorted: true });
    expect(read(other.applier)).toEqual(read(applier));
    expect(other.told).toEqual(['cluster data']);
  });

  it('does not take a snapshot of another index, or one without a readable head', () => {
    const { applier } = make();
    applier.apply(setEntry(1, 'a', 'x'));
    const chunks = snapshotOf(applier);
    const code = expect.objectContaining({ code: 'E_SNAPSHOT_CONTENT' }) as Error;

    expect(() => make().applier.restore({ index: 2, term: 1 }, chunks)).toThrow(code);
    expect(() => make().applier.restore({ index: 1, term: 1 }, [])).toThrow(code);
    expect(() => make().applier.restore({ index: 1, term: 1 }, [Buffer.from('{}')])).toThrow(code);
  });
});
