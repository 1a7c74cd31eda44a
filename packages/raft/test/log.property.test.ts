// The log against a naive model: a plain array that keeps everything. fast-check prints the seed.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Log } from '../src/log.js';
import type { Entry } from '../src/index.js';
import { entry } from './support/bench.js';

/** All entries ever, by index from 1; what is compacted is only marked. */
class Model {
  entries: Entry[] = [];
  first = 1;
  commit = 0;
  handed = 0;
  stable = 0;
  snapshotIndex = 0;
  snapshotTerm = 0;

  get last(): number {
    return this.entries.length;
  }

  term(index: number): number | undefined {
    if (index === 0) return this.first === 1 ? 0 : undefined;
    if (index === this.snapshotIndex) return this.snapshotTerm;
    if (index < this.first - 1) return undefined;
    return this.entries[index - 1]?.term;
  }
}

type Step =
  | { readonly kind: 'append'; readonly count: number; readonly newTerm: boolean }
  | { readonly kind: 'replace'; readonly back: number }
  | { readonly kind: 'take' | 'save' | 'commit' | 'restore' }
  | { readonly kind: 'compact'; readonly keep: number };

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 4 }),
      newTerm: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('replace' as const), back: fc.integer({ min: 0, max: 4 }) }),
    fc.record({ kind: fc.constantFrom('take' as const, 'save', 'commit', 'restore') }),
    fc.record({ kind: fc.constant('compact' as const), keep: fc.integer({ min: 0, max: 4 }) }),
  ),
  { maxLength: 60 },
) as fc.Arbitrary<readonly Step[]>;

function apply(log: Log, model: Model, step: Step, term: number): void {
  const push = (): void => {
    const next = entry(model.last + 1, term);
    log.push(next);
    model.entries.push(next);
  };
  switch (step.kind) {
    case 'append':
      for (let i = 0; i < step.count; i += 1) push();
      break;
    case 'replace': {
      const index = Math.max(model.commit + 1, model.last - step.back);
      if (index > model.last) return;
      log.truncateFrom(index, model.commit);
      model.entries.length = index - 1;
      model.handed = Math.min(model.handed, index - 1);
      model.stable = Math.min(model.stable, index - 1);
      push();
      break;
    }
    case 'take':
      expect(log.takeUnhanded()).toEqual(model.entries.slice(model.handed));
      model.handed = model.last;
      break;
    case 'save':
      log.markStable(model.handed);
      model.stable = model.handed;
      break;
    case 'commit':
      model.commit = Math.max(model.commit, model.stable - 2);
      break;
    case 'restore': {
      const index = model.last + 3;
      log.restore({ index, term, voters: ['a'] });
      while (model.entries.length < index) model.entries.push(entry(model.last + 1, term));
      Object.assign(model, { first: index + 1, handed: index, stable: index, commit: index });
      Object.assign(model, { snapshotIndex: index, snapshotTerm: term });
      break;
    }
    case 'compact': {
      const index = model.commit;
      const known = model.term(index);
      if (index <= model.snapshotIndex || known === undefined) return;
      log.compact({ index, term: known, voters: ['a'] }, index - step.keep + 1);
      model.first = Math.max(model.first, index - step.keep + 1);
      Object.assign(model, { snapshotIndex: index, snapshotTerm: known });
      break;
    }
    default:
      step satisfies never;
  }
}

function compare(log: Log, model: Model): void {
  expect([log.firstIndex, log.lastIndex, log.stableIndex, log.handedIndex]).toEqual([
    model.first,
    model.last,
    model.stable,
    model.handed,
  ]);
  for (let index = 0; index <= model.last + 2; index += 1) {
    expect(log.term(index), `term of ${index}`).toBe(model.term(index));
    const held = index >= model.first ? model.entries[index - 1] : undefined;
    expect(log.at(index), `entry ${index}`).toBe(held);
  }
  const held = model.entries.slice(model.first - 1);
  expect(log.slice(model.first, model.last, Infinity)).toEqual(held);
  // Entries without data count 16 bytes each.
  if (held.length > 0) expect(log.slice(model.first, model.last, 40).length).toBeLessThan(3);
}

describe('the log', () => {
  it('agrees with an array that keeps everything', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const log = new Log(undefined, []);
        const model = new Model();
        let term = 1;
        for (const step of list) {
          if (step.kind === 'replace' || (step.kind === 'append' && step.newTerm)) term += 1;
          apply(log, model, step, term);
          compare(log, model);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds the last entry of a term or an older one, as a search from the end does', () => {
    const terms = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 20 });
    const question = fc.record({ index: fc.nat(25), term: fc.nat(12) });
    fc.assert(
      fc.property(terms, question, (growth, { index, term }) => {
        let at = 1;
        const entries = growth.map((more, i) => entry(i + 1, (at += more)));
        const found = entries.filter((one) => one.index <= index && one.term <= term).at(-1);

        const answer = new Log(undefined, entries).lastIndexWithTermAtMost(index, term);

        expect(answer).toBe(found?.index ?? 0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('never gives up what is committed', () => {
    const log = new Log(undefined, [entry(1, 1), entry(2, 1)]);

    expect(() => log.truncateFrom(2, 2)).toThrow(/entry 2 is committed/);
  });
});
