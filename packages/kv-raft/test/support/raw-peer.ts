// The other end of a peer connection by hand: a socket, the bytes of a handshake, nothing more.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { encodeJson, frameType } from '../../src/peer/codec.js';
import type { Hello, HelloAnswer } from '../../src/peer/codec.js';
import { FrameReader, frameHead, magic } from '../../src/peer/frame.js';

export type Frame = { readonly type: number; readonly payload: Buffer };

/** The bytes of one frame. */
export function frame(type: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const parts = payload.length === 0 ? [] : [payload];
  return Buffer.concat([frameHead(type, parts), ...parts]);
}

/** What a dialling peer sends first. */
export function helloBytes(hello: Partial<Record<keyof Hello, unknown>>): Buffer {
  const whole = { protocol: 1, clusterId: 'c1', from: 'b', to: 'a', ...hello } as Hello;
  const { parts } = encodeJson(frameType.hello, whole);
  return Buffer.concat([magic, frame(frameType.hello, Buffer.concat(parts))]);
}

export const helloAccepted = frame(frameType.helloAnswer, Buffer.from('{"ok":true}'));

export class RawConnection {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<unknown>;
  /** Everything that came, for what is no frame. */
  text = '';

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader((type, payload) => {
      this.frames.push({ type, payload: Buffer.from(payload) });
    });
    let readable = true;
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      try {
        if (readable) reader.push(chunk);
      } catch {
        readable = false;
      }
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    onTestFinished(() => {
      socket.destroy();
    });
  }

  /** The answer to hello. */
  async answer(): Promise<HelloAnswer> {
    for (;;) {
      const [first] = this.frames;
      if (first !== undefined) return JSON.parse(first.payload.toString()) as HelloAnswer;
      if (this.socket.destroyed) throw new Error('closed unanswered');
      await Promise.race([once(this.socket, 'data'), this.closed]);
    }
  }
}

/** Connects to a peer's listener. */
export async function dialRaw(port: number): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  return new RawConnection(socket);
}

/** A listener that hands over what is dialled, without answering it. */
export class RawListener {
  readonly server: Server;
  readonly connections: RawConnection[] = [];
  #waiting: (() => void)[] = [];

  constructor(server: Server) {
    this.server = server;
    server.on('connection', (socket) => {
      this.connections.push(new RawConnection(socket));
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The connection with this number, from 0. */
  async connection(number: number): Promise<RawConnection> {
    for (;;) {
      const found = this.connections[number];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Nobody listens any more; what is connected stays. */
  stop(): void {
    this.server.close();
  }
}

export async function listenRaw(port = 0): Promise<RawListener> {
  const server = createServer();
  server.listen({ host: '127.0.0.1', port });
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return new RawListener(server);
}
