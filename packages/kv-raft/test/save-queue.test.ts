import type { Message, Ready } from '@corral/raft';
import { describe, expect, it } from 'vitest';
import { SaveQueue } from '../src/save-queue.js';
import { entries, hard, identity } from './support/entries.js';
import { MemoryStorage } from './support/memory-storage.js';
import { turns } from './support/test-cluster.js';

const message = (term: number): Message => ({
  kind: 'heartbeatReply',
  from: 'a',
  to: 'b',
  term,
  readRound: 0,
});

function ready(number: number, parts: Partial<Ready> = {}): Ready {
  return {
    number,
    hardState: undefined,
    entries: [],
    snapshot: undefined,
    messages: [],
    messagesAfterSave: [],
    committed: [],
    reads: [],
    failedReads: [],
    soft: undefined,
    wake: undefined,
    mustSync: (parts.entries?.length ?? 0) > 0,
    ...parts,
  };
}

class Setup {
  readonly storage = new MemoryStorage(identity, [], hard(0));
  readonly told: string[] = [];
  readonly queue = new SaveQueue({
    storage: this.storage,
    onSaved: (number, messages) => {
      this.told.push(`saved ${number}`, ...messages.map(({ term }) => `message ${term}`));
    },
    onFailure: (error) => this.told.push(`failed: ${(error as Error).message}`),
  });
}

describe('what a Ready wants saved', () => {
  it('is told as saved, with its messages, only when the disk has it', async () => {
    const { storage, queue, told } = new Setup();
    storage.hold();
    queue.add(ready(1, { entries: entries(1, 2, 1), messagesAfterSave: [message(1)] }));

    queue.flush();
    await turns(3);
    const before = [...told];
    storage.release();
    await turns(3);

    expect(before).toEqual([]);
    expect(told).toEqual(['saved 1', 'message 1']);
  });

  it('gathers behind two batches that are out, and goes as one', async () => {
    const { storage, queue, told } = new Setup();
    storage.hold();
    for (let i = 1; i <= 6; i += 1) {
      queue.add(ready(i, { entries: entries(i, i, 1) }));
      queue.flush();
    }

    storage.release();
    await turns(3);
    queue.flush();
    await turns(3);

    expect(told).toEqual(['saved 1', 'saved 2', 'saved 6']);
    expect(storage.saved.map(({ runs }) => runs.flat().length)).toEqual([1, 1, 4]);
  });

  it('is nothing: its messages wait for what is on its way, and for no longer', async () => {
    const { storage, queue, told } = new Setup();
    queue.add(ready(1, { messagesAfterSave: [message(1)] }));
    const atOnce = [...told];
    storage.hold();
    queue.add(ready(2, { entries: entries(1, 1, 1) }));
    queue.flush();
    queue.add(ready(3, { messagesAfterSave: [message(3)] }));
    const before = [...told];

    storage.release();
    await turns(3);

    expect(atOnce).toEqual(['saved 1', 'message 1']);
    expect(before).toEqual(atOnce);
    expect(told.slice(2)).toEqual(['saved 3', 'message 3']);
  });

  it('is a commit index alone: it rides along with the next batch, or is written when idle', async () => {
    const { storage, queue } = new Setup();
    queue.add(ready(1, { entries: entries(1, 3, 1), hardState: hard(1, 0) }));
    queue.add(ready(2, { hardState: hard(1, 2) }));
    queue.flush();
    await turns(3);
    queue.add(ready(3, { hardState: hard(1, 3) }));

    queue.flush();
    queue.flushIdle();
    queue.flushIdle();
    await turns(3);

    expect(storage.saved.map(({ hardState }) => hardState?.commit)).toEqual([2, 3]);
  });

  it('is a snapshot: runs that it covers are not written any more', async () => {
    const { storage, queue } = new Setup();
    const snapshot = { index: 50, term: 2, voters: ['a1'] };
    queue.add(ready(1, { entries: entries(1, 3, 1), hardState: hard(1) }));
    queue.add(ready(2, { snapshot, mustSync: true, hardState: hard(2, 50) }));
    queue.add(ready(3, { entries: entries(51, 51, 2), hardState: hard(2, 50) }));

    queue.flush();
    await turns(3);

    expect(storage.saved).toHaveLength(1);
    expect(storage.saved[0]?.installed).toEqual(snapshot);
    expect(storage.saved[0]?.runs.flat().map(({ index }) => index)).toEqual([51]);
  });

  it('fails: nothing is told as saved, now or later', async () => {
    const { storage, queue, told } = new Setup();
    storage.hold();
    queue.add(ready(1, { entries: entries(1, 1, 1), messagesAfterSave: [message(1)] }));
    queue.flush();

    storage.fail();
    await turns(3);

    expect(told).toEqual(['failed: writing the log failed: EIO']);
  });
});
