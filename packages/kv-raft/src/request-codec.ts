// The bytes of a client command inside a log entry. The head carries the request's identity, by
// which every member recognises a command that was proposed twice.
//
//   head     u8 kind · f64 session · u64 sequence · u64 low-water mark
//   set, create, update, compareAndSwap
//            u8 flags · f64 expiration · f64 prevIndex · text path · text prevValue · value (rest)
//   delete, compareAndDelete
//            u8 flags · f64 prevIndex · text path · text prevValue
//   expire   f64 now            barrier   nothing
//   text     u32 length in bytes · UTF-8
import { CodedError } from '@corral/kit';
import type { Command } from '@corral/store';
import { readUint64, writeUint64 } from './entry-codec.js';

/** Who asked: a session is one life of one member, the sequence counts its requests. */
export type RequestId = {
  readonly session: number;
  readonly sequence: number;
  /** Every request of this session below it has been answered. */
  readonly low: number;
};

/** A command, or a barrier: an entry that only marks a place in the log. */
export type Request = Command | { readonly kind: 'barrier' };

export class RequestCodecError extends CodedError<'E_REQUEST_BYTES'> {}

const kinds = [
  'barrier',
  'set',
  'create',
  'update',
  'compareAndSwap',
  'delete',
  'compareAndDelete',
  'expire',
] as const;

const headBytes = 25;
const flagDir = 1;
const flagRefresh = 2;
const flagUnique = 4;
const flagRecursive = 8;
const flagExpiration = 16;
const flagPrevValue = 32;

/** The entry data of `request`. */
export function encodeRequest(id: RequestId, request: Request): Buffer {
  switch (request.kind) {
    case 'barrier':
      return startRequest(id, request.kind, 0);
    case 'expire': {
      const bytes = startRequest(id, request.kind, 8);
      bytes.writeDoubleBE(request.now, headBytes);
      return bytes;
    }
    case 'set':
    case 'create':
    case 'update':
    case 'compareAndSwap':
      return encodeWrite(id, request);
    case 'delete':
    case 'compareAndDelete':
      return encodeDelete(id, request);
    default:
      return request satisfies never;
  }
}

/** The identity of an encoded request, without decoding the rest. */
export function readRequestId(data: Uint8Array): RequestId {
  const bytes = asBuffer(data);
  if (bytes.length < headBytes) throw cutOff(bytes);
  return {
    session: bytes.readDoubleBE(1),
    sequence: readUint64(bytes, 9),
    low: readUint64(bytes, 17),
  };
}

/** The request in an entry's data; throws RequestCodecError on anything else. */
export function decodeRequest(data: Uint8Array): Request {
  const bytes = asBuffer(data);
  const kind = kinds[bytes[0] ?? kinds.length];
  if (kind === undefined || bytes.length < headBytes) throw cutOff(bytes);
  try {
    if (kind === 'barrier') return { kind };
    if (kind === 'expire') return { kind, now: bytes.readDoubleBE(headBytes) };
    if (kind === 'delete' || kind === 'compareAndDelete') return decodeDelete(kind, bytes);
    return decodeWrite(kind, bytes);
  } catch (error) {
    throw new RequestCodecError('E_REQUEST_BYTES', 'a log entry holds no readable command', {
      cause: error,
    });
  }
}

type WriteCommand = Extract<Command, { readonly value: string }>;
type DeleteCommand = Extract<Command, { readonly kind: 'delete' | 'compareAndDelete' }>;

function encodeWrite(id: RequestId, command: WriteCommand): Buffer {
  const prevValue = command.kind === 'compareAndSwap' ? command.prevValue : undefined;
  const pathBytes = Buffer.byteLength(command.path);
  const prevBytes = prevValue === undefined ? 0 : Buffer.byteLength(prevValue);
  const valueBytes = Buffer.byteLength(command.value);
  const bytes = startRequest(id, command.kind, 25 + pathBytes + prevBytes + valueBytes);
  const flags =
    (command.dir ? flagDir : 0) |
    (command.refresh ? flagRefresh : 0) |
    (command.kind === 'create' && command.unique ? flagUnique : 0) |
    (command.expiration === undefined ? 0 : flagExpiration) |
    (prevValue === undefined ? 0 : flagPrevValue);
  bytes.writeUInt8(flags, headBytes);
  bytes.writeDoubleBE(command.expiration ?? 0, headBytes + 1);
  bytes.writeDoubleBE(command.kind === 'compareAndSwap' ? command.prevIndex : 0, headBytes + 9);
  let offset = writeText(bytes, command.path, pathBytes, headBytes + 17);
  offset = writeText(bytes, prevValue ?? '', prevBytes, offset);
  bytes.write(command.value, offset, 'utf8');
  return bytes;
}

function decodeWrite(kind: WriteCommand['kind'], bytes: Buffer): Command {
  const flags = bytes.readUInt8(headBytes);
  const expiration = (flags & flagExpiration) === 0 ? undefined : bytes.readDoubleBE(headBytes + 1);
  const prevIndex = bytes.readDoubleBE(headBytes + 9);
  const pathEnd = textEnd(bytes, headBytes + 17);
  const path = bytes.toString('utf8', headBytes + 21, pathEnd);
  const prevEnd = textEnd(bytes, pathEnd);
  const value = bytes.toString('utf8', prevEnd);
  const dir = (flags & flagDir) !== 0;
  const refresh = (flags & flagRefresh) !== 0;
  switch (kind) {
    case 'create': {
      const unique = (flags & flagUnique) !== 0;
      return { kind, path, value, dir, expiration, refresh, unique };
    }
    case 'compareAndSwap': {
      const hasPrev = (flags & flagPrevValue) !== 0;
      const prevValue = hasPrev ? bytes.toString('utf8', pathEnd + 4, prevEnd) : undefined;
      return { kind, path, value, dir, expiration, refresh, prevValue, prevIndex };
    }
    case 'set':
    case 'update':
      return { kind, path, value, dir, expiration, refresh };
    default:
      return kind satisfies never;
  }
}

function encodeDelete(id: RequestId, command: DeleteCommand): Buffer {
  const compare = command.kind === 'compareAndDelete' ? command : undefined;
  const prevValue = compare?.prevValue;
  const pathBytes = Buffer.byteLength(command.path);
  const prevBytes = prevValue === undefined ? 0 : Buffer.byteLength(prevValue);
  const bytes = startRequest(id, command.kind, 17 + pathBytes + prevBytes);
  const flags =
    (command.kind === 'delete' && command.dir ? flagDir : 0) |
    (command.kind === 'delete' && command.recursive ? flagRecursive : 0) |
    (prevValue === undefined ? 0 : flagPrevValue);
  bytes.writeUInt8(flags, headBytes);
  bytes.writeDoubleBE(compare?.prevIndex ?? 0, headBytes + 1);
  const offset = writeText(bytes, command.path, pathBytes, headBytes + 9);
  writeText(bytes, prevValue ?? '', prevBytes, offset);
  return bytes;
}

function decodeDelete(kind: DeleteCommand['kind'], bytes: Buffer): Command {
  const flags = bytes.readUInt8(headBytes);
  const prevIndex = bytes.readDoubleBE(headBytes + 1);
  const pathEnd = textEnd(bytes, headBytes + 9);
  const path = bytes.toString('utf8', headBytes + 13, pathEnd);
  if (kind === 'delete') {
    return { kind, path, dir: (flags & flagDir) !== 0, recursive: (flags & flagRecursive) !== 0 };
  }
  const hasPrev = (flags & flagPrevValue) !== 0;
  const prevEnd = textEnd(bytes, pathEnd);
  const prevValue = hasPrev ? bytes.toString('utf8', pathEnd + 4, prevEnd) : undefined;
  return { kind, path, prevValue, prevIndex };
}

function startRequest(id: RequestId, kind: (typeof kinds)[number], bodyBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + bodyBytes);
  bytes.writeUInt8(kinds.indexOf(kind), 0);
  bytes.writeDoubleBE(id.session, 1);
  writeUint64(bytes, id.sequence, 9);
  writeUint64(bytes, id.low, 17);
  return bytes;
}

function writeText(bytes: Buffer, text: string, length: number, offset: number): number {
  bytes.writeUInt32BE(length, offset);
  bytes.write(text, offset + 4, 'utf8');
  return offset + 4 + length;
}

function textEnd(bytes: Buffer, offset: number): number {
  const end = offset + 4 + bytes.readUInt32BE(offset);
  if (end > bytes.length) throw cutOff(bytes);
  return end;
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function cutOff(bytes: Buffer): RequestCodecError {
  return new RequestCodecError('E_REQUEST_BYTES', 'a log entry holds no readable command', {
    details: { bytes: bytes.length },
  });
}
