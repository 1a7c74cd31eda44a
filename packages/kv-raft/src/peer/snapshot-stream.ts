// A snapshot on a connection of its own, so that heartbeats never wait behind it: chunks one way,
// with the socket's back-pressure, and one frame back when the file is safe.
import type { Socket } from 'node:net';
import { errorMessage } from '@corral/kit';
import type { Clock, DialMap, Logger } from '@corral/kit';
import type { SnapshotMeta } from '@corral/raft';
import type { SnapshotBytes } from '../transport.js';
import { frameType } from './codec.js';
import type { Hello } from './codec.js';
import { FrameReader, frameHead } from './frame.js';
import { dialPeer, discard } from './handshake.js';
import type { DialResult } from './handshake.js';

/** A transfer on which nothing moves for this long is given up. */
const idleMs = 30_000;

/** True when the follower says that the snapshot is on its disk. Never rejects. */
export async function sendSnapshot(options: {
  /** Tried in order. */
  readonly urls: readonly string[];
  readonly hello: Hello;
  readonly meta: SnapshotMeta;
  readonly clock: Clock;
  readonly dialMap: DialMap;
  readonly snapshots: SnapshotBytes;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const { signal } = options;
  const dialled = await dialAny(options);
  if (dialled === undefined) return false;
  const { socket } = dialled;
  socket.on('error', () => undefined);
  if (signal.aborted) {
    discard(socket);
    return false;
  }
  const onAbort = (): void => discard(socket);
  signal.addEventListener('abort', onAbort, { once: true });
  socket.setTimeout(idleMs, onAbort);
  const stored = waitForStored(socket, dialled.rest);
  try {
    for await (const chunk of options.snapshots.read(options.meta)) {
      if (socket.destroyed) return false;
      const flushed = writeFrame(socket, frameType.snapshotChunk, chunk);
      if (!flushed) await drained(socket);
    }
    writeFrame(socket, frameType.snapshotEnd, new Uint8Array(0));
    return await stored;
  } catch {
    return false;
  } finally {
    signal.removeEventListener('abort', onAbort);
    discard(socket);
  }
}

async function dialAny(
  options: Parameters<typeof sendSnapshot>[0],
): Promise<(DialResult & { readonly kind: 'up' }) | undefined> {
  for (const url of options.urls) {
    const dialled = await dialPeer({ ...options, url, onSocket: () => undefined });
    if (dialled.kind === 'up') return dialled;
  }
  return undefined;
}

/** Resolves when the socket takes more, or has closed; leaves no listener behind. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
    if (socket.destroyed) done();
  });
}

/** True when the whole snapshot is on disk here. Never rejects. */
export async function receiveSnapshot(options: {
  readonly socket: Socket;
  readonly rest: Buffer;
  readonly meta: SnapshotMeta;
  readonly snapshots: SnapshotBytes;
  readonly logger: Logger;
}): Promise<boolean> {
  const { socket, rest, meta, snapshots, logger } = options;
  socket.setTimeout(idleMs, () => discard(socket));
  socket.on('error', () => undefined);
  const writer = await snapshots.create(meta).catch((error: unknown) => {
    logger.warn('cannot store a snapshot', { error: errorMessage(error) });
    return undefined;
  });
  if (writer === undefined) {
    discard(socket);
    return false;
  }
  const chunks: Buffer[] = [];
  let ended = false;
  const reader = new FrameReader((type, payload) => {
    if (type === frameType.snapshotChunk) chunks.push(Buffer.from(payload));
    else if (type === frameType.snapshotEnd) ended = true;
  });
  try {
    if (rest.length > 0) reader.push(rest);
    await writeAll(chunks, writer);
    // Leaving the loop early would end the socket, and with it the way back for the answer.
    const incoming = socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    if (!sawEnd()) {
      for await (const data of incoming) {
        reader.push(data);
        await writeAll(chunks, writer);
        if (sawEnd()) break;
      }
    }
    if (!sawEnd()) throw new Error('the connection ended before the snapshot did');
    await writer.finish();
  } catch (error) {
    logger.warn('a snapshot did not arrive', { index: meta.index, error: errorMessage(error) });
    await writer.abandon().catch(() => undefined);
    discard(socket);
    return false;
  }
  writeFrame(socket, frameType.snapshotStored, new Uint8Array(0));
  socket.end();
  return true;

  function sawEnd(): boolean {
    return ended;
  }
}

async function writeAll(
  chunks: Buffer[],
  writer: { write(chunk: Uint8Array): Promise<void> },
): Promise<void> {
  for (const chunk of chunks.splice(0)) await writer.write(chunk);
}

function waitForStored(socket: Socket, rest: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const reader = new FrameReader((type) => {
      if (type === frameType.snapshotStored) resolve(true);
    });
    const push = (data: Buffer): void => {
      try {
        reader.push(data);
      } catch {
        resolve(false);
      }
    };
    if (rest.length > 0) push(rest);
    socket.on('data', push);
    socket.on('close', () => resolve(false));
    socket.resume();
  });
}

function writeFrame(socket: Socket, type: number, payload: Uint8Array): boolean {
  const parts = payload.length === 0 ? [] : [payload];
  socket.cork();
  let flushed = socket.write(frameHead(type, parts));
  for (const part of parts) flushed = socket.write(part);
  socket.uncork();
  return flushed;
}
