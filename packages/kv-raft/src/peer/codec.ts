// The bytes of what members say to each other. Raft messages and the host's own requests are
// binary; sender and addressee are those of the connection. The handshake is JSON: it is rare, and
// a foreign version must be able to say what it is.
import type { Entry, Message, NodeId, SnapshotMeta } from '@corral/raft';
import {
  decodeEntries,
  encodeEntries,
  readUint64,
  rememberBlock,
  writeUint64,
} from '../entry-codec.js';
import type { HostMessage } from '../transport.js';
import { FrameError } from './frame.js';

/** Frame types. Numbers are part of the wire format. */
export const frameType = {
  hello: 1,
  helloAnswer: 2,
  ping: 3,
  voteRequest: 10,
  voteReply: 11,
  append: 12,
  appendReply: 13,
  heartbeat: 14,
  heartbeatReply: 15,
  timeoutNow: 16,
  propose: 20,
  proposalRefused: 21,
  proposeChange: 22,
  changeAnswer: 23,
  readIndex: 24,
  readIndexAnswer: 25,
  snapshotChunk: 30,
  snapshotEnd: 31,
  snapshotStored: 32,
} as const;

/** A frame ready to be written: the parts are sent one after another, none of them is copied. */
export type Encoded = { readonly type: number; readonly parts: readonly Uint8Array[] };

/** What opens a connection. */
export type Hello = {
  readonly protocol: 1;
  readonly clusterId: string;
  readonly from: NodeId;
  readonly to: NodeId;
  /** Set on a connection that carries one snapshot. */
  readonly snapshot?: { readonly term: number; readonly meta: SnapshotMeta };
};

export type HelloAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: HelloRefusal; readonly message: string };

export type HelloRefusal =
  | 'protocol'
  | 'cluster-mismatch'
  | 'wrong-addressee'
  | 'removed'
  /** Both sides dialled at once, and the other connection is kept. */
  | 'simultaneous';

const empty = new Uint8Array(0);

export function encodeJson(type: number, value: Hello | HelloAnswer): Encoded {
  return { type, parts: [Buffer.from(JSON.stringify(value))] };
}

export function decodeHello(payload: Buffer): Hello {
  const hello = parse(payload) as Partial<Hello>;
  if (typeof hello.from !== 'string' || typeof hello.to !== 'string') throw malformed('hello');
  if (typeof hello.clusterId !== 'string') throw malformed('hello');
  if (hello.snapshot !== undefined && !isSnapshotOffer(hello.snapshot)) throw malformed('hello');
  return hello as Hello;
}

function isSnapshotOffer(offer: unknown): boolean {
  const { term, meta } = (offer ?? {}) as Partial<NonNullable<Hello['snapshot']>>;
  const { index, term: metaTerm, voters } = (meta ?? {}) as Partial<SnapshotMeta>;
  const numbers = [term, index, metaTerm].every(
    (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0,
  );
  return numbers && Array.isArray(voters) && voters.every((id) => typeof id === 'string');
}

export function decodeHelloAnswer(payload: Buffer): HelloAnswer {
  const answer = parse(payload) as Partial<HelloAnswer>;
  if (typeof answer.ok !== 'boolean') throw malformed('hello answer');
  return answer as HelloAnswer;
}

/** A Raft message; snapshots travel on connections of their own. */
export function encodeMessage(message: Exclude<Message, { kind: 'snapshot' }>): Encoded {
  const { term } = message;
  switch (message.kind) {
    case 'voteRequest': {
      const flags = (message.preVote ? 1 : 0) | (message.transfer ? 2 : 0);
      return numbers(frameType.voteRequest, [term, message.lastIndex, message.lastTerm, flags]);
    }
    case 'voteReply': {
      const flags = (message.preVote ? 1 : 0) | (message.granted ? 2 : 0);
      return numbers(frameType.voteReply, [term, flags]);
    }
    case 'append': {
      const head = pack([term, message.prevIndex, message.prevTerm, message.commit]);
      const block = message.entries.length === 0 ? empty : encodeEntries(message.entries);
      return { type: frameType.append, parts: [head, block] };
    }
    case 'appendReply': {
      const { accepted, index, hintIndex, hintTerm } = message;
      return numbers(frameType.appendReply, [term, accepted ? 1 : 0, index, hintIndex, hintTerm]);
    }
    case 'heartbeat':
      return numbers(frameType.heartbeat, [term, message.commit, message.readRound]);
    case 'heartbeatReply':
      return numbers(frameType.heartbeatReply, [term, message.readRound]);
    case 'timeoutNow':
      return numbers(frameType.timeoutNow, [term]);
    default:
      return message satisfies never;
  }
}

export function encodeHostMessage(message: HostMessage): Encoded {
  switch (message.kind) {
    case 'propose':
      return { type: frameType.propose, parts: message.commands.flatMap(withLength) };
    case 'proposalRefused': {
      const ids = message.requestIds.map(Number);
      const head = pack([ids.length, ...ids]);
      return { type: frameType.proposalRefused, parts: [head, Buffer.from(message.reason)] };
    }
    case 'proposeChange':
      return {
        type: frameType.proposeChange,
        parts: [pack([Number(message.requestId)]), message.change],
      };
    case 'changeAnswer': {
      const error = Buffer.from(JSON.stringify(message.error ?? null));
      return { type: frameType.changeAnswer, parts: [pack([Number(message.requestId)]), error] };
    }
    case 'readIndex':
      return numbers(frameType.readIndex, [message.round]);
    case 'readIndexAnswer':
      return numbers(
        frameType.readIndexAnswer,
        message.index === undefined ? [message.round] : [message.round, message.index],
      );
    default:
      return message satisfies never;
  }
}

/** A Raft message, or undefined when the type is none of them. Throws FrameError when malformed. */
export function decodeMessage(
  type: number,
  payload: Buffer,
  link: { readonly from: NodeId; readonly to: NodeId },
): Message | undefined {
  switch (type) {
    case frameType.voteRequest: {
      const [term, lastIndex, lastTerm, flags] = unpack(payload, 4);
      const preVote = (flags & 1) !== 0;
      const transfer = (flags & 2) !== 0;
      return { kind: 'voteRequest', ...link, term, lastIndex, lastTerm, preVote, transfer };
    }
    case frameType.voteReply: {
      const [term, flags] = unpack(payload, 2);
      const preVote = (flags & 1) !== 0;
      return { kind: 'voteReply', ...link, term, preVote, granted: (flags & 2) !== 0 };
    }
    case frameType.append: {
      const [term, prevIndex, prevTerm, commit] = unpack(payload.subarray(0, 32), 4);
      const entries = readBlock(payload.subarray(32));
      return { kind: 'append', ...link, term, prevIndex, prevTerm, entries, commit };
    }
    case frameType.appendReply: {
      const [term, accepted, index, hintIndex, hintTerm] = unpack(payload, 5);
      const answer = { accepted: accepted === 1, index, hintIndex, hintTerm };
      return { kind: 'appendReply', ...link, term, ...answer };
    }
    case frameType.heartbeat: {
      const [term, commit, readRound] = unpack(payload, 3);
      return { kind: 'heartbeat', ...link, term, commit, readRound };
    }
    case frameType.heartbeatReply: {
      const [term, readRound] = unpack(payload, 2);
      return { kind: 'heartbeatReply', ...link, term, readRound };
    }
    case frameType.timeoutNow:
      return { kind: 'timeoutNow', ...link, term: unpack(payload, 1)[0] };
    default:
      return undefined;
  }
}

/** A request between hosts, or undefined when the type is none of them. */
export function decodeHostMessage(type: number, payload: Buffer): HostMessage | undefined {
  switch (type) {
    case frameType.propose:
      return { kind: 'propose', commands: readCommands(payload) };
    case frameType.proposalRefused: {
      const count = readUint64(take(payload, 0, 8), 0);
      const requestIds: bigint[] = [];
      if (count > payload.length / 8) throw malformed('refusal');
      for (let i = 0; i < count; i += 1) requestIds.push(BigInt(readUint64(payload, 8 + 8 * i)));
      const reason = payload.toString('utf8', 8 + 8 * count);
      return { kind: 'proposalRefused', requestIds, reason };
    }
    case frameType.proposeChange: {
      const requestId = BigInt(readUint64(take(payload, 0, 8), 0));
      return { kind: 'proposeChange', requestId, change: Buffer.from(payload.subarray(8)) };
    }
    case frameType.changeAnswer: {
      const requestId = BigInt(readUint64(take(payload, 0, 8), 0));
      const error = parse(payload.subarray(8)) as { code: string; message: string } | null;
      return { kind: 'changeAnswer', requestId, error: error ?? undefined };
    }
    case frameType.readIndex:
      return { kind: 'readIndex', round: unpack(payload, 1)[0] };
    case frameType.readIndexAnswer: {
      if (payload.length === 8) {
        return { kind: 'readIndexAnswer', round: unpack(payload, 1)[0], index: undefined };
      }
      const [round, index] = unpack(payload, 2);
      return { kind: 'readIndexAnswer', round, index };
    }
    default:
      return undefined;
  }
}

function readBlock(bytes: Buffer): readonly Entry[] {
  if (bytes.length === 0) return [];
  // The received slab is reused by the socket layer and shared with other frames: entries outlive
  // it, and the same copy goes into this member's log file.
  const block = Buffer.from(bytes);
  const entries = decodeEntries(block);
  rememberBlock(entries, block);
  return entries;
}

function readCommands(payload: Buffer): readonly Uint8Array[] {
  const commands: Uint8Array[] = [];
  let offset = 0;
  while (offset < payload.length) {
    const length = take(payload, offset, 4).readUInt32BE(0);
    commands.push(Buffer.from(take(payload, offset + 4, length)));
    offset += 4 + length;
  }
  return commands;
}

function withLength(data: Uint8Array): readonly Uint8Array[] {
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32BE(data.length, 0);
  return [head, data];
}

function numbers(type: number, values: readonly number[]): Encoded {
  return { type, parts: [pack(values)] };
}

function pack(values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 8);
  for (let i = 0; i < values.length; i += 1) writeUint64(bytes, values[i] ?? 0, i * 8);
  return bytes;
}

type Numbers = readonly [number, number, number, number, number];

function unpack(payload: Buffer, count: number): Numbers {
  if (payload.length !== count * 8) throw malformed('message');
  const at = (i: number): number => (i < count ? readUint64(payload, i * 8) : 0);
  return [at(0), at(1), at(2), at(3), at(4)];
}

function take(payload: Buffer, offset: number, length: number): Buffer {
  if (offset + length > payload.length) throw malformed('message');
  return payload.subarray(offset, offset + length);
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8')) as unknown;
  } catch (error) {
    throw new FrameError('E_PEER_FRAME', 'a frame holds no JSON', { cause: error });
  }
}

function malformed(what: string): FrameError {
  return new FrameError('E_PEER_FRAME', `a frame holds no well-formed ${what}`);
}
