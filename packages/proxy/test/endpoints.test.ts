// Which member gets a request.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Endpoints } from '../src/endpoints.js';

function endpoints(...urls: string[]): Endpoints {
  const one = new Endpoints(5_000);
  one.refresh(urls);
  return one;
}

it('gives each its turn, the others behind it', () => {
  const three = endpoints('a', 'b', 'c');

  const turns = [1, 2, 3, 4].map(() => three.available(0).join(''));

  expect(new Set(turns.slice(0, 3))).toEqual(new Set(['abc', 'bca', 'cab']));
  expect(turns[3]).toBe(turns[0]);
});

it('sets a failed one aside for the failure wait, to the millisecond', () => {
  const two = endpoints('a', 'b');

  two.failed('a', 100);

  expect(two.available(5_099)).toEqual(['b']);
  expect([...two.available(5_100)].sort()).toEqual(['a', 'b']);
});

it('keeps it aside across a refresh, and knows nothing of strangers', () => {
  const two = endpoints('a', 'b');
  two.failed('a', 0);
  two.failed('z', 0);

  const count = two.refresh(['c', 'a', 'a']);

  expect([count, two.list(1), two.list(5_000)]).toEqual([2, ['c'], ['c', 'a']]);
});

it('keeps the last good list when a refresh finds nothing', () => {
  const two = endpoints('a', 'b');

  two.refresh([]);

  expect([two.size, two.list(0)]).toEqual([2, ['a', 'b']]);
});

it('shows the list without taking a turn', () => {
  const two = endpoints('a', 'b');
  const first = two.available(0)[0];

  two.list(0);
  two.list(0);

  expect(two.available(0)[0]).not.toBe(first);
});

it('spreads requests evenly while all are well', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 20 }), (size, rounds) => {
      const urls = Array.from({ length: size }, (_, i) => `u${i}`);
      const all = endpoints(...urls);
      const counts = new Map<string, number>();

      for (let i = 0; i < size * rounds; i += 1) {
        const [first = ''] = all.available(0);
        counts.set(first, (counts.get(first) ?? 0) + 1);
      }

      expect([...counts.values()]).toEqual(urls.map(() => rounds));
    }),
  );
});
