// Entries, requests and records as bytes: what goes in comes out, and rubbish is refused.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntries, encodeEntries, readUint64, writeUint64 } from '../src/entry-codec.js';
import { decodeHostMessage, decodeMessage } from '../src/peer/codec.js';
import { decodeRequest, encodeRequest, readRequestId } from '../src/request-codec.js';
import type { Request } from '../src/request-codec.js';
import { entries } from './support/entries.js';

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const data = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const kind = fc.constantFrom('add', 'remove', 'update');
const node = fc.stringMatching(/^[0-9a-f]{1,16}$/);
const entry = fc.oneof(
  fc.record({ term: count, kind: fc.constantFrom('command', 'empty'), data }).map((one) => ({
    ...one,
    change: undefined,
  })),
  fc.record({ term: count, change: fc.record({ kind, node, context: data }) }).map((one) => ({
    ...one,
    kind: 'membership' as const,
    data: new Uint8Array(0),
  })),
);
const block = fc
  .tuple(fc.nat({ max: 2 ** 50 }), fc.array(entry, { minLength: 1, maxLength: 8 }))
  .map(([first, list]) => list.map((one, i) => ({ index: first + i, ...one })));

const path = fc.string({ unit: 'grapheme', maxLength: 20 });
const value = fc.string({ unit: 'grapheme', maxLength: 40 });
const base = { path, value, dir: fc.boolean(), refresh: fc.boolean() };
const expiration = fc.option(fc.double({ noNaN: true }), { nil: undefined });
const prevValue = fc.option(value, { nil: undefined });
const request: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ kind: fc.constantFrom('set', 'update'), ...base, expiration }),
  fc.record({ kind: fc.constant('create'), ...base, expiration, unique: fc.boolean() }),
  fc.record({
    kind: fc.constant('compareAndSwap'),
    ...base,
    expiration,
    prevValue,
    prevIndex: count,
  }),
  fc.record({ kind: fc.constant('delete'), path, dir: fc.boolean(), recursive: fc.boolean() }),
  fc.record({ kind: fc.constant('compareAndDelete'), path, prevValue, prevIndex: count }),
  fc.record({ kind: fc.constant('expire'), now: fc.double({ noNaN: true }) }),
  fc.constant({ kind: 'barrier' as const }),
);

/** What `run` throws, by its code; 'no error' when it does not. */
function codeOf(run: () => unknown): string {
  try {
    run();
    return 'no error';
  } catch (error) {
    return (error as { readonly code?: string }).code ?? String(error);
  }
}

describe('a block of log entries', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(block, (list) => {
        expect(decodeEntries(encodeEntries(list))).toEqual(list);
      }),
    );
  });

  it('is encoded once for the log and every peer', () => {
    const list = entries(1, 5, 1);

    expect(encodeEntries(list)).toBe(encodeEntries(list));
    expect(encodeEntries(list.slice(0, 4))).not.toBe(encodeEntries(list));
  });

  it('that was cut or changed is refused with E_ENTRY_BLOCK or is another block', () => {
    fc.assert(
      fc.property(block, fc.nat(), fc.nat({ max: 255 }), (list, at, byte) => {
        const bytes = Buffer.from(encodeEntries(list));
        const cut = bytes.subarray(0, at % bytes.length);
        bytes.writeUInt8(byte, at % bytes.length);

        expect(codeOf(() => decodeEntries(cut))).toBe('E_ENTRY_BLOCK');
        expect(['E_ENTRY_BLOCK', 'no error']).toContain(codeOf(() => decodeEntries(bytes)));
      }),
    );
  });

  it('needs an entry, and no number above 2^53', () => {
    expect(codeOf(() => encodeEntries([]))).toBe('E_ENTRY_BLOCK');
    expect(codeOf(() => readUint64(Buffer.alloc(8, 0xff), 0))).toBe('E_ENTRY_BLOCK');
  });

  it('counts in 64 bits', () => {
    const bytes = Buffer.alloc(8);

    expect(writeUint64(bytes, 2 ** 40 + 7, 0)).toBe(8);
    expect(bytes.toString('hex')).toBe('0000010000000007');
    expect(readUint64(bytes, 0)).toBe(2 ** 40 + 7);
  });
});

describe('a request in an entry', () => {
  it('comes back as it was, with its identity', () => {
    fc.assert(
      fc.property(request, count, count, count, (one, session, sequence, low) => {
        const bytes = encodeRequest({ session, sequence, low }, one);

        expect(decodeRequest(bytes)).toEqual(one);
        expect(readRequestId(bytes)).toEqual({ session, sequence, low });
      }),
    );
  });

  it('can be one of more than four thousand million of its session', () => {
    const id = { session: 1, sequence: 2 ** 32 + 5, low: 2 ** 32 };

    expect(readRequestId(encodeRequest(id, { kind: 'barrier' }))).toEqual(id);
  });

  it('that is no request is refused with E_REQUEST_BYTES', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const unknown = Buffer.from([99, ...bytes]);

        expect(codeOf(() => decodeRequest(unknown))).toBe('E_REQUEST_BYTES');
        expect(['E_REQUEST_BYTES', 'no error']).toContain(codeOf(() => decodeRequest(bytes)));
      }),
    );
    expect(codeOf(() => readRequestId(Buffer.alloc(10)))).toBe('E_REQUEST_BYTES');
  });
});

describe('a frame between members', () => {
  it('of rubbish is refused with a code, whatever its type', () => {
    const allowed = ['E_PEER_FRAME', 'E_ENTRY_BLOCK', 'no error'];
    fc.assert(
      fc.property(fc.nat({ max: 40 }), fc.uint8Array({ maxLength: 80 }), (type, bytes) => {
        const payload = Buffer.from(bytes);
        const link = { from: 'a', to: 'b' };

        expect(allowed).toContain(codeOf(() => decodeMessage(type, payload, link)));
        expect(allowed).toContain(codeOf(() => decodeHostMessage(type, payload)));
      }),
      { numRuns: 1_000 },
    );
  });
});
