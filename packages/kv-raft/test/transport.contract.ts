// What every transport owes its host, whether it is made of sockets or of memory.
import type { Message, NodeId } from '@corral/raft';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HostMessage, Transport } from '../src/transport.js';
import { entries } from './support/entries.js';
import type { MemorySnapshots } from './support/memory-snapshots.js';
import type { RecordingEvents } from './support/recording-events.js';

export type ContractPeer = {
  readonly transport: Transport;
  readonly events: RecordingEvents;
  readonly snapshots: MemorySnapshots;
};

/** Makes one transport per id and introduces all to each other. */
export type MakeTransports = (ids: readonly NodeId[]) => Promise<readonly ContractPeer[]>;

const link = { from: 'a', to: 'b', term: 3 };
const messages: readonly Exclude<Message, { kind: 'snapshot' }>[] = [
  { kind: 'voteRequest', ...link, preVote: true, lastIndex: 9, lastTerm: 2, transfer: false },
  { kind: 'voteReply', ...link, preVote: false, granted: true },
  { kind: 'append', ...link, prevIndex: 4, prevTerm: 2, entries: entries(5, 7, 3), commit: 4 },
  { kind: 'append', ...link, prevIndex: 7, prevTerm: 3, entries: [], commit: 7 },
  { kind: 'appendReply', ...link, accepted: false, index: 4, hintIndex: 3, hintTerm: 1 },
  { kind: 'heartbeat', ...link, commit: 4, readRound: 2 ** 51 },
  { kind: 'heartbeatReply', ...link, readRound: 0 },
  { kind: 'timeoutNow', ...link },
];
const hostMessages: readonly HostMessage[] = [
  { kind: 'propose', commands: [Buffer.from('one'), Buffer.alloc(0), Buffer.from('three')] },
  { kind: 'proposalRefused', requestIds: [1n, 5_000_000_000n], reason: 'not-leader' },
  { kind: 'proposeChange', requestId: 7n, change: Buffer.from('{}') },
  { kind: 'changeAnswer', requestId: 7n, error: undefined },
  { kind: 'changeAnswer', requestId: 8n, error: { code: 'unsafe', message: 'no' } },
  { kind: 'readIndex', round: 4 },
  { kind: 'readIndexAnswer', round: 4, index: 12 },
  { kind: 'readIndexAnswer', round: 5, index: undefined },
];

export function describeTransport(name: string, make: MakeTransports): void {
  async function pair(): Promise<readonly [ContractPeer, ContractPeer]> {
    const [a, b] = await make(['a', 'b']);
    if (a === undefined || b === undefined) throw new Error('no pair');
    onTestFinished(async () => {
      await Promise.all([a.transport.close(), b.transport.close()]);
    });
    await Promise.all([a.events.until('up b'), b.events.until('up a')]);
    return [a, b];
  }

  describe(`transport: ${name}`, () => {
    it('connects members that know each other, and says so once', async () => {
      const [a, b] = await pair();

      expect(a.transport.connected('b')).toBe(true);
      expect(b.transport.connected('a')).toBe(true);
      expect(a.transport.connected('c')).toBe(false);
      expect(a.events.lines).toEqual(['up b']);
    });

    it('delivers every kind of message unaltered and in order', async () => {
      const [a, b] = await pair();

      a.transport.send(messages);
      await b.events.until('message timeoutNow from a');

      expect(b.events.messages).toEqual(messages);
    });

    it('delivers every kind of request between hosts unaltered and in order', async () => {
      const [a, b] = await pair();

      for (const message of hostMessages) a.transport.sendHost('b', message);
      await b.events.until('host readIndexAnswer from a', 2);

      expect(b.events.hostMessages).toEqual(hostMessages);
    });

    it('drops what is for a member that it does not reach', async () => {
      const [a, b] = await pair();

      a.transport.send([{ kind: 'timeoutNow', from: 'a', to: 'nobody', term: 1 }]);
      a.transport.sendHost('nobody', { kind: 'readIndex', round: 1 });
      a.transport.sendHost('b', { kind: 'readIndex', round: 2 });
      await b.events.until('host readIndex from a');

      expect(b.events.hostMessages).toEqual([{ kind: 'readIndex', round: 2 }]);
      expect(a.events.lines).toEqual(['up b']);
    });

    it('brings a snapshot over, then announces it there and reports it here', async () => {
      const [a, b] = await pair();
      const meta = { index: 40, term: 2, voters: ['a', 'b'] };
      a.snapshots.files.set(40, [Buffer.from('state '), Buffer.alloc(0), Buffer.from('of forty')]);

      a.transport.send([{ kind: 'snapshot', from: 'a', to: 'b', term: 3, meta }]);
      await a.events.until('snapshot to b arrived');

      expect(b.events.lines).toContain('snapshot 40 of term 3 from a');
      expect(b.snapshots.text(40)).toBe('state of forty');
    });

    it('reports a snapshot for a member that it does not reach as failed', async () => {
      const [a] = await pair();
      const meta = { index: 40, term: 2, voters: ['a'] };

      a.transport.send([{ kind: 'snapshot', from: 'a', to: 'nobody', term: 3, meta }]);

      await a.events.until('snapshot to nobody failed');
    });

    it('ends connections to members that are no peers any more', async () => {
      const [a, b] = await pair();

      a.transport.setPeers([]);
      await b.events.until('down a lost');

      expect(a.transport.connected('b')).toBe(false);
    });

    it('tells the others that it has gone, and nothing more arrives after its end', async () => {
      const [a, b] = await pair();

      await a.transport.close();
      await b.events.until('down a lost');
      b.transport.sendHost('a', { kind: 'readIndex', round: 1 });
      a.transport.sendHost('b', { kind: 'readIndex', round: 1 });

      expect(b.transport.connected('a')).toBe(false);
      expect(a.transport.connected('b')).toBe(false);
      expect(a.events.hostMessages).toEqual([]);
    });
  });
}
