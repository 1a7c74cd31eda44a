import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import {
  childKey,
  cleanPath,
  compareNames,
  isHiddenName,
  lastName,
  ownCopy,
  parentPath,
  segmentsOf,
} from '../src/path.js';

describe('cleanPath', () => {
  it.each([
    ['', '/'],
    ['/', '/'],
    ['//', '/'],
    ['a', '/a'],
    ['/a', '/a'],
    ['/a/', '/a'],
    ['/a//b', '/a/b'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/../../a', '/a'],
    ['/a/..', '/'],
    ['/a/.', '/a'],
    ['/.hidden/..b/c..', '/.hidden/..b/c..'],
    ['/a/...', '/a/...'],
    ['/a b/ü/😀', '/a b/ü/😀'],
  ])('makes %j to %j', (given, clean) => {
    expect(cleanPath(given)).toBe(clean);
  });

  it('leaves what is clean as it is, for any mix of segments', () => {
    const segment = fc.constantFrom('', '.', '..', 'a', 'b.c', '.d', 'ü');
    fc.assert(
      fc.property(fc.array(segment), (segments) => {
        const once = cleanPath(segments.join('/'));
        expect(cleanPath(once)).toBe(once);
        expect(once).toMatch(/^\//);
        expect(segmentsOf(once).every((part) => !['', '.', '..'].includes(part))).toBe(true);
      }),
    );
  });
});

describe('parts of a path', () => {
  it('parent and name put together give the path', () => {
    for (const path of ['/a', '/a/b', '/1/ü/c d']) {
      expect(childKey(parentPath(path), lastName(path))).toBe(path);
    }
    expect(parentPath('/')).toBe('/');
    expect(lastName('/')).toBe('');
    expect(segmentsOf('/')).toEqual([]);
  });

  it('a name is hidden if it starts with an underscore', () => {
    expect([isHiddenName('_a'), isHiddenName('a_'), isHiddenName('')]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('compareNames', () => {
  it('orders as the bytes of UTF-8 do', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (left, right) => {
        const byBytes = Buffer.compare(Buffer.from(left), Buffer.from(right));
        expect(Math.sign(compareNames(left, right))).toBe(byBytes);
      }),
    );
  });

  it('puts U+FF5E before U+1F600, which UTF-16 does not', () => {
    expect(compareNames('\uff5e', '\u{1f600}')).toBeLessThan(0);
    expect(['\uff5e', '\u{1f600}'].sort()).toEqual(['\u{1f600}', '\uff5e']);
  });
});

describe('ownCopy', () => {
  it('equals its original at any length', () => {
    for (const length of [0, 1, 12, 13, 100, 1024, 1025, 5000]) {
      const text = 'aé😀'.repeat(length).slice(0, length);
      expect(ownCopy(text)).toBe(text);
    }
  });
});
