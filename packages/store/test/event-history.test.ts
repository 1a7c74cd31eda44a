import { describe, expect, it } from 'vitest';
import type { Event } from '../src/event.js';
import { EventHistory } from '../src/event-history.js';

function eventAt(storeIndex: number): Event {
  const node = {
    key: '/1/a',
    value: 'v',
    dir: false,
    expiration: undefined,
    nodes: undefined,
    modifiedIndex: storeIndex,
    createdIndex: storeIndex,
  };
  return { action: 'set', node, prevNode: undefined, storeIndex, refresh: false, created: true };
}

function filled(capacity: number, from: number, to: number): EventHistory {
  const history = new EventHistory(capacity);
  for (let index = from; index <= to; index += 1) {
    history.add({ event: eventAt(index), vanished: undefined });
  }
  return history;
}

describe('EventHistory', () => {
  it('starts empty with nothing too old to ask for', () => {
    const history = new EventHistory(3);
    expect([history.isEmpty, history.oldestIndex, history.lastIndex]).toEqual([true, 1, 0]);
    expect(history.at(1)).toBeUndefined();
    expect(history.toArray()).toEqual([]);
  });

  it.each([
    [4, 1, 3],
    [4, 1, 4],
    [4, 1, 5],
    [4, 1, 23],
    [4, 100, 102],
    [4, 100, 117],
    [1, 1, 9],
  ])('of %d places holds the newest of %d to %d', (capacity, from, to) => {
    const history = filled(capacity, from, to);
    const oldest = Math.max(from, to - capacity + 1);
    const expected = Array.from({ length: to - oldest + 1 }, (_, at) => oldest + at);

    expect([history.oldestIndex, history.lastIndex]).toEqual([oldest, to]);
    expect(history.toArray().map((record) => record.event.storeIndex)).toEqual(expected);
    expect(expected.map((index) => history.at(index)?.event.storeIndex)).toEqual(expected);
    expect([history.at(oldest - 1), history.at(to + 1)]).toEqual([undefined, undefined]);
  });

  it.each([0, -1, 1.5, NaN])('refuses a size of %d', (size) => {
    expect(() => new EventHistory(size)).toThrow(RangeError);
  });
});
