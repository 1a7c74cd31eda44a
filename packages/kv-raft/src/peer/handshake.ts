// Opening a connection: dial, hello, answer. A connection is up only after the answer; `connect`
// alone proves nothing (a stopped process accepts too).
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { systemErrorCode } from '@corral/kit';
import type { Clock, DialMap } from '@corral/kit';
import { decodeHelloAnswer, encodeJson, frameType } from './codec.js';
import type { Hello, HelloAnswer } from './codec.js';
import { FrameReader, frameHead, magic } from './frame.js';

export type DialResult =
  | { readonly kind: 'up'; readonly socket: Socket; readonly rest: Buffer }
  | { readonly kind: 'refused-by-peer'; readonly answer: HelloAnswer & { readonly ok: false } }
  /** Nothing listens there: the process is gone, or not there yet. */
  | { readonly kind: 'nobody' }
  /** Closed before hello, silent, unreachable: no evidence of anything. */
  | {
      readonly kind: 'failed';
      readonly reason: string;
      /** The other side reset or ended the connection before it answered. */
      readonly beforeHello: boolean;
    };

export const helloTimeoutMs = 500;
const helloBytesMax = 64 * 1024;

/** Dials one peer URL and shakes hands. Never rejects. */
export function dialPeer(options: {
  readonly url: string;
  readonly hello: Hello;
  readonly clock: Clock;
  readonly dialMap: DialMap;
  readonly timeoutMs: number;
  readonly onSocket: (socket: Socket) => void;
}): Promise<DialResult> {
  const { hostname, port } = new URL(options.url);
  const host = options.dialMap(hostname.replace(/^\[|\]$/g, ''));
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), noDelay: true });
    options.onSocket(socket);
    let settled = false;
    let timer = options.clock.setTimer(options.timeoutMs, () => settle(failed('dial timed out')));
    const settle = (result: DialResult): void => {
      if (settled) return;
      settled = true;
      timer.cancel();
      socket.removeAllListeners();
      if (result.kind !== 'up') discard(socket);
      resolve(result);
    };
    socket.on('connect', () => {
      timer.cancel();
      timer = options.clock.setTimer(helloTimeoutMs, () => settle(failed('no answer to hello')));
      const { type, parts } = encodeJson(frameType.hello, options.hello);
      socket.write(Buffer.concat([magic, frameHead(type, parts), ...parts]));
    });
    socket.on('error', (error) => {
      const nobody = systemErrorCode(error) === 'ECONNREFUSED';
      const reset = systemErrorCode(error) === 'ECONNRESET';
      settle(nobody ? { kind: 'nobody' } : { ...failed(error.message), beforeHello: reset });
    });
    socket.on('close', () => settle({ ...failed('closed before hello'), beforeHello: true }));
    readAnswer(socket, settle);
  });
}

function readAnswer(socket: Socket, settle: (result: DialResult) => void): void {
  readFirstFrame(
    socket,
    Buffer.alloc(0),
    (type, payload, rest) => {
      if (type !== frameType.helloAnswer) {
        settle(failed('something else than an answer to hello'));
        return;
      }
      const answer = decodeHelloAnswer(payload);
      if (answer.ok) settle({ kind: 'up', socket, rest });
      else settle({ kind: 'refused-by-peer', answer });
    },
    () => settle(failed('the answer to hello is damaged')),
  );
}

/**
 * Reads exactly one frame; what follows it is handed on untouched, since it belongs to whoever
 * uses the connection next.
 */
export function readFirstFrame(
  socket: Socket,
  begun: Buffer,
  onFrame: (type: number, payload: Buffer, rest: Buffer) => void,
  onDamage: () => void,
): void {
  let bytes = begun;
  const look = (): void => {
    if (bytes.length < 4) return;
    const end = 8 + bytes.readUInt32BE(0);
    if (end > helloBytesMax) {
      socket.off('data', onData);
      onDamage();
      return;
    }
    if (bytes.length < end) return;
    socket.off('data', onData);
    socket.pause();
    const rest = bytes.subarray(end);
    try {
      new FrameReader((type, payload) => onFrame(type, payload, rest)).push(bytes.subarray(0, end));
    } catch {
      onDamage();
    }
  };
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    look();
  };
  socket.on('data', onData);
  look();
}

/** Ends a socket that nobody listens to any more; late errors on it mean nothing. */
export function discard(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.destroy();
}

function failed(reason: string): DialResult & { readonly kind: 'failed' } {
  return { kind: 'failed', reason, beforeHello: false };
}
