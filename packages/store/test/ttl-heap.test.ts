import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TreeNode } from '../src/node.js';
import type { TtlEntry } from '../src/ttl-heap.js';
import { TtlHeap } from '../src/ttl-heap.js';

function nodeOf(createdIndex: number): TreeNode {
  return new TreeNode(`n${createdIndex}`, undefined, '', createdIndex, 0);
}

function drain(heap: TtlHeap): string[] {
  const order: string[] = [];
  for (let top = heap.top(); top !== undefined; top = heap.top()) {
    order.push(`${top.expiration}/${top.node.createdIndex}`);
    heap.remove(top);
  }
  return order;
}

describe('TtlHeap', () => {
  it('gives nodes by expiration, then by createdIndex, whatever came before', () => {
    const change = fc.record({
      kind: fc.constantFrom('add', 'move', 'remove'),
      which: fc.nat(30),
      expiration: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 80, size: 'max' }), (changes) => {
        const heap = new TtlHeap();
        const entries: TtlEntry[] = [];
        for (const [number, { kind, which, expiration }] of changes.entries()) {
          const entry = entries[which % Math.max(1, entries.length)];
          if (kind === 'add' || entry === undefined) {
            entries.push(heap.add(nodeOf(number), expiration));
          } else if (kind === 'move') {
            entry.expiration = expiration;
            heap.reorder(entry);
          } else {
            heap.remove(entry);
            entries.splice(entries.indexOf(entry), 1);
          }
        }
        const expected = entries
          .sort((a, b) => a.expiration - b.expiration || a.node.createdIndex - b.node.createdIndex)
          .map((entry) => `${entry.expiration}/${entry.node.createdIndex}`);

        expect(heap.size).toBe(entries.length);
        expect(drain(heap)).toEqual(expected);
      }),
    );
  });

  it('puts a directory before a node made by the same command below it', () => {
    const heap = new TtlHeap();
    const directory = new TreeNode('d', undefined, undefined, 7, 0);
    const file = new TreeNode('f', directory, '', 7, 0);
    heap.add(file, 100);
    heap.add(directory, 100);

    expect(heap.top()?.node).toBe(directory);
  });

  it('keeps the expiration of a removed entry readable', () => {
    const heap = new TtlHeap();
    const entry = heap.add(nodeOf(1), 55);
    heap.remove(entry);

    expect([entry.expiration, entry.slot, heap.size]).toEqual([55, -1, 0]);
  });
});
