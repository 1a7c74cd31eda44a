import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tree, packedNamesInclude } from '../src/tree.js';

/** The packed names of a directory that held these paths. */
function packed(paths: readonly string[]): string {
  const tree = new Tree([], 0);
  for (const path of paths) tree.makeDirectories(`/top/${path}`, 1);
  const top = tree.find('/top');
  return top === undefined ? '' : (tree.detach(top) ?? '');
}

describe('the names of a removed directory', () => {
  it('hold each path that was in it, and no other', () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', 'ab', '_h'), { minLength: 1, maxLength: 4 })
      .map((names) => names.join('/'));
    fc.assert(
      fc.property(fc.array(path, { maxLength: 6 }), path, (paths, asked) => {
        const there = paths.some((each) => each === asked || each.startsWith(`${asked}/`));
        expect(packedNamesInclude(packed(paths), asked)).toBe(there);
      }),
      { numRuns: 1_000 },
    );
  });

  it('are not confused by the same name in a neighbouring directory', () => {
    expect(packedNamesInclude(packed(['a/d', 'y/c']), 'a/c')).toBe(false);
    expect(packedNamesInclude(packed(['a/d', 'y/c']), 'y/c')).toBe(true);
  });

  it('are none for an empty directory', () => {
    const tree = new Tree([], 0);
    const node = tree.makeDirectories('/top', 1);
    expect(node === undefined ? '' : tree.detach(node)).toBeUndefined();
  });
});

describe('Tree', () => {
  it('makes no directory when a file is in the way', () => {
    const tree = new Tree(['/1'], 0);
    tree.add(tree.root, 'f', 'value', 1);

    expect(tree.makeDirectories('/f/x/y', 2)).toBeUndefined();
    expect(tree.blockage('/f/x/y')).toEqual({ code: 104, cause: '/f' });
    expect(tree.root.children?.size).toBe(2);
  });

  it('has read-only nodes for the root and every part of a namespace', () => {
    const tree = new Tree(['/a/b'], 0);
    tree.makeDirectories('/a/b/c', 1);
    const readOnly = ['/', '/a', '/a/b', '/a/b/c'].map((path) => {
      const node = tree.find(path);
      return node !== undefined && tree.isReadOnly(node);
    });

    expect(readOnly).toEqual([true, true, true, false]);
  });
});
