// The order of preference, and that no endpoint is ever lost from it.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Endpoints } from '../src/endpoints.js';

it('drops repetitions and trailing slashes', () => {
  const endpoints = new Endpoints(['http://a/', 'http://b', 'http://a']);

  expect(endpoints.list()).toEqual(['http://a', 'http://b']);
});

it('puts a failed first endpoint last, and leaves the order when another failed', () => {
  const endpoints = new Endpoints(['a', 'b', 'c']);

  endpoints.failed('a');
  endpoints.failed('c');

  expect(endpoints.list()).toEqual(['b', 'c', 'a']);
});

it('puts the one that answered first; a stranger changes nothing', () => {
  const endpoints = new Endpoints(['a', 'b', 'c']);

  endpoints.answered('c');
  endpoints.answered('z');

  expect(endpoints.list()).toEqual(['c', 'a', 'b']);
});

it('a new list keeps the order of those that stay and adds the others behind', () => {
  const endpoints = new Endpoints(['a', 'b', 'c']);
  endpoints.answered('c');

  endpoints.replace(['d', 'a/', 'c']);

  expect(endpoints.list()).toEqual(['c', 'a', 'd']);
});

it('holds each wanted endpoint exactly once, whatever happens', () => {
  const url = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const step = fc.oneof(
    fc.record({ kind: fc.constant('failed' as const), url }),
    fc.record({ kind: fc.constant('answered' as const), url }),
    fc.record({ kind: fc.constant('replace' as const), urls: fc.array(url, { minLength: 1 }) }),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const endpoints = new Endpoints(['a', 'b', 'c']);
      let wanted = ['a', 'b', 'c'];

      for (const one of steps) {
        if (one.kind === 'replace') endpoints.replace((wanted = one.urls));
        else endpoints[one.kind](one.url);
      }

      expect([...endpoints.list()].sort()).toEqual([...new Set(wanted)].sort());
    }),
  );
});
