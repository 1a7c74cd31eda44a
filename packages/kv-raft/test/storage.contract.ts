// What every storage owes its host, whether it is files or memory.
import type { Entry, HardState } from '@corral/raft';
import { describe, expect, it } from 'vitest';
import type { RecoveredState, Storage } from '../src/storage.js';
import { entries, hard, texts } from './support/entries.js';

export type ContractStorage = {
  readonly storage: Storage;
  /** The next life: what was durable when it ends. */
  readonly again: () => Promise<{ readonly recovered: RecoveredState; readonly storage: Storage }>;
};

export type MakeStorage = (first: {
  readonly entries: readonly Entry[];
  readonly hardState: HardState;
}) => Promise<ContractStorage>;

export function describeStorage(name: string, make: MakeStorage): void {
  const first = { entries: entries(1, 3, 1), hardState: hard(1, 3) };
  const batch = { hardState: undefined, installed: undefined, sync: true };

  describe(`storage: ${name}`, () => {
    it('begins with the first entries and gives back what was saved', async () => {
      const { storage, again } = await make(first);

      await storage.save({ ...batch, runs: [entries(4, 5, 2)], hardState: hard(2, 3, 'b') });
      await storage.save({ ...batch, runs: [entries(5, 6, 3)], hardState: hard(3, 4) });

      const { recovered, storage: next } = await again();
      expect(texts(recovered.entries)).toEqual(
        texts([...entries(1, 3, 1), ...entries(4, 4, 2), ...entries(5, 6, 3)]),
      );
      expect(recovered.hardState).toEqual(hard(3, 4));
      await next.close();
    });

    it('completes saves in the order in which they were asked for', async () => {
      const { storage, again } = await make(first);
      const done: number[] = [];

      await Promise.all(
        [4, 5, 6, 7].map(async (index) => {
          await storage.save({ ...batch, runs: [entries(index, index, 1)], hardState: hard(1) });
          done.push(index);
        }),
      );

      expect(done).toEqual([4, 5, 6, 7]);
      expect(storage.stats.lastSavedIndex).toBe(7);
      expect((await again()).recovered.entries).toHaveLength(7);
    });

    it('keeps an own snapshot that was committed, and the log behind it', async () => {
      const { storage, again } = await make(first);
      const meta = { index: 2, term: 1, voters: ['a1'] };
      const writer = await storage.createSnapshot(meta);
      await writer.write(Buffer.from('state '));
      await writer.write(Buffer.from('of two'));
      await writer.finish();

      await storage.commitSnapshot(meta);

      const read: string[] = [];
      for await (const chunk of storage.readSnapshot(meta))
        read.push(Buffer.from(chunk).toString());
      const { recovered } = await again();
      expect(read.join('')).toBe('state of two');
      expect(recovered.snapshot?.meta).toEqual(meta);
      expect(recovered.entries.at(-1)?.index).toBe(3);
    });

    it('forgets a snapshot that was abandoned or not committed', async () => {
      const { storage, again } = await make(first);
      const abandoned = await storage.createSnapshot({ index: 2, term: 1, voters: ['a1'] });
      await abandoned.write(Buffer.from('half'));

      await abandoned.abandon();
      const finished = await storage.createSnapshot({ index: 3, term: 1, voters: ['a1'] });
      await finished.finish();

      expect((await again()).recovered.snapshot).toBeUndefined();
    });

    it('lets a snapshot of the leader take the place of the whole log', async () => {
      const { storage, again } = await make(first);
      const meta = { index: 50, term: 4, voters: ['a1', 'b2'] };
      const writer = await storage.createSnapshot(meta);
      await writer.write(Buffer.from('of the leader'));
      await writer.finish();

      await storage.save({
        ...batch,
        runs: [entries(51, 52, 4)],
        hardState: hard(4, 50),
        installed: meta,
      });

      const { recovered } = await again();
      expect(recovered.snapshot?.meta).toEqual(meta);
      expect(recovered.entries.map(({ index }) => index)).toEqual([51, 52]);
      expect(recovered.hardState).toEqual(hard(4, 50));
    });
  });
}
