// What a node dials for which address.
import { expect, it } from 'vitest';
import { dialMapFrom, dialVariable } from '../src/dial.js';

it('reads the variable that the runtime sets', () => {
  expect(dialVariable).toBe('CORRAL_DIAL');
});

it('sends every other node of the cluster through the relay of this directed pair', () => {
  const dial = dialMapFrom('7.2');

  expect(['127.7.0.1', '127.7.0.30'].map(dial)).toEqual(['127.7.2.1', '127.7.2.30']);
});

it('leaves alone itself, other clusters, relays, names and the rest of the world', () => {
  const dial = dialMapFrom('7.2');
  const untouched = ['127.7.0.2', '127.70.0.1', '127.7.2.1', '127.0.0.1', 'localhost', '::1'];

  expect(untouched.map(dial)).toEqual(untouched);
});

it.each([undefined, '', '7', '7.2.1', 'a.b', '7.-1', '256.1', '7.256', ' 7.2', '7.2\n'])(
  'takes %j for no mapping at all',
  (value) => {
    const dial = dialMapFrom(value);

    expect(dial('127.7.0.1')).toBe('127.7.0.1');
  },
);
