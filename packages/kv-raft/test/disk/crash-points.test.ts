// The machine stops at every single operation of a scripted run, in turn. Whatever was acknowledged
// before must be there afterwards, nothing that was never asked for may be, and the member must be
// able to go on. The script covers the beginning of a member, group commits, a conflict, new
// segments, an own snapshot with its purge, a snapshot of the leader, and an orderly end.
import { seededPrng } from '@corral/kit';
import type { HardState } from '@corral/raft';
import { describe, expect, it } from 'vitest';
import type { RecoveredState } from '../../src/storage.js';
import { entries, entry, hard, texts } from '../support/entries.js';
import { MachineStopped, MemoryDisk } from '../support/memory-disk.js';
import type { CrashKind } from '../support/memory-disk.js';
import { create, open, save, snapshot, snapshotText } from '../support/members.js';

const few = { maxWals: 1, maxSnapshots: 2 };
const long = 'x'.repeat(700);

/** What a member may hold after a step, and what it must hold once the step was acknowledged. */
type Step = {
  readonly log: readonly string[];
  readonly hardState: HardState;
  readonly snapshot: string | undefined;
};

type Run = { readonly asked: Step[]; acknowledged: number };

/** Runs the script; every step is noted when it is asked for and when it is acknowledged. */
async function script(disk: MemoryDisk, run: Run): Promise<void> {
  const log: string[] = texts(entries(1, 3, 1));
  let hardState = hard(1, 3);
  let text: string | undefined;
  const step = async (change: () => void, act: () => Promise<void>): Promise<void> => {
    change();
    run.asked.push({ log: [...log], hardState, snapshot: text });
    await act();
    run.acknowledged = run.asked.length;
  };
  await step(
    () => undefined,
    () => create(disk, { entries: entries(1, 3, 1), hardState }, few),
  );
  const { storage } = await open(disk, few);
  const append = (first: number, last: number, term: number, fill = ''): Promise<void> => {
    const batch = entries(first, last, term).map((one) =>
      fill === '' ? one : entry(one.index, term, fill),
    );
    return step(
      () => {
        log.splice(first - 1, Infinity, ...texts(batch));
        hardState = hard(term, hardState.commit, term > 1 ? 'b2' : undefined);
      },
      () => save(storage, [batch], hardState),
    );
  };
  await append(4, 6, 1);
  await append(5, 5, 2);
  await append(6, 8, 2, long);
  await append(9, 11, 2, long);
  await step(
    () => (hardState = hard(3, 11, 'a1')),
    () => save(storage, [], hardState),
  );
  await step(
    () => (text = 'own'),
    () => snapshot(storage, { index: 6, term: 2 }, 'own'),
  );
  await append(12, 14, 3, long);
  await step(
    () => (text = 'own again'),
    () => snapshot(storage, { index: 13, term: 3 }, 'own again'),
  );
  const meta = { index: 40, term: 4, voters: ['a1'] };
  const received = await storage.createSnapshot(meta);
  await received.write(Buffer.from('of the leader'));
  await received.finish();
  await step(
    () => {
      text = 'of the leader';
      log.splice(0, Infinity, ...Array<string>(40).fill('covered'));
      hardState = hard(4, 40);
    },
    () => storage.save({ runs: [], hardState, installed: meta, sync: true }),
  );
  await append(41, 43, 4);
  await storage.close();
}

/** The steps that `recovered` can be the outcome of. */
function matching(recovered: RecoveredState, run: Run): number[] {
  const got = texts(recovered.entries);
  const text = snapshotText(recovered);
  return run.asked.flatMap((step, i) => {
    const first = (recovered.entries[0]?.index ?? step.log.length + 1) - 1;
    const sameLog = JSON.stringify(step.log.slice(first)) === JSON.stringify(got);
    const { term, vote } = step.hardState;
    const sameState = recovered.hardState.term === term && recovered.hardState.vote === vote;
    return sameLog && sameState && text === step.snapshot ? [i + 1] : [];
  });
}

async function operationsOfWholeRun(): Promise<number> {
  const disk = new MemoryDisk();
  await script(disk, { asked: [], acknowledged: 0 });
  return disk.operations.length;
}

/** Stops at operation `number`; gives what the script had come to. */
async function stopped(number: number): Promise<{ disk: MemoryDisk; run: Run }> {
  const disk = new MemoryDisk();
  const run: Run = { asked: [], acknowledged: 0 };
  disk.stopAt(number);
  await script(disk, run).catch((error: unknown) => {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const text = String(cause) + String((cause as Error).cause);
    if (!text.includes('stopped at operation')) throw error;
  });
  return { disk, run };
}

async function check(disk: MemoryDisk, run: Run, where: string): Promise<void> {
  if (!disk.has('/data/member')) {
    expect(run.acknowledged, `${where}: a member that had begun`).toBe(0);
    return;
  }
  const { recovered, storage } = await open(disk, few);
  const found = matching(recovered, run);
  const newest = Math.max(...found);
  expect(found, `${where}: what is there was asked for`).not.toEqual([]);
  expect(newest, `${where}: what was acknowledged`).toBeGreaterThanOrEqual(run.acknowledged);

  const next = (recovered.entries.at(-1)?.index ?? recovered.snapshot?.meta.index ?? 0) + 1;
  await save(storage, [[entry(next, 9, 'goes on')]], hard(9));
  const again = await open(disk.crash({ kind: 'power' }), few);
  expect(texts(again.recovered.entries).at(-1), where).toBe(`${next}.9 goes on`);
}

const kinds: readonly (readonly [string, (seed: number) => CrashKind])[] = [
  ['the process is killed', () => ({ kind: 'process' })],
  ['the power fails and nothing unsynced is kept', () => ({ kind: 'power' })],
  ['the power fails in the middle', (seed) => ({ kind: 'torn', prng: seededPrng(seed) })],
  [
    'the power fails in the middle, otherwise',
    (s) => ({ kind: 'torn', prng: seededPrng(s + 5e5) }),
  ],
];

describe.each(kinds)('when %s', (_name, kindFor) => {
  it('at any operation, everything acknowledged is there and the member goes on', async () => {
    const operations = await operationsOfWholeRun();
    expect(operations).toBeGreaterThan(80);

    for (let number = 1; number <= operations; number += 1) {
      const { disk, run } = await stopped(number);
      await check(disk.crash(kindFor(number)), run, `stopped at ${number}`);
    }
  });

  it('at any operation of the recovery too, the next one still finds everything', async () => {
    const operations = await operationsOfWholeRun();

    for (let number = 30; number <= operations; number += 7) {
      const { disk, run } = await stopped(number);
      const first = disk.crash(kindFor(number));
      if (!first.has('/data/member')) continue;
      for (let second = 1; second < 40; second += 1) {
        const broken = first.crash({ kind: 'process' });
        broken.stopAt(second);
        const opened = await open(broken, few).catch((error: unknown) => error);
        const next = broken.crash(kindFor(number * 100 + second));
        await check(next, run, `stopped at ${number}, then at ${second}`);
        if (!(opened instanceof Error)) break;
      }
    }
  });
});

it('a machine that has stopped answers nothing', () => {
  const disk = new MemoryDisk();
  disk.stopAt(1);

  expect(() => disk.intercept({ kind: 'sync', path: '/' })).toThrow(MachineStopped);
});
