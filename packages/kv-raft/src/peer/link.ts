// One open connection to a peer after the handshake: frames out with one flush per call, frames in,
// silence noticed. What a frame means is the transport's business.
import type { Socket } from 'node:net';
import { errorMessage } from '@corral/kit';
import type { Clock, Timer } from '@corral/kit';
import type { Encoded } from './codec.js';
import { frameType } from './codec.js';
import { FrameReader, frameHead } from './frame.js';
import { discard } from './handshake.js';

export type LinkOptions = {
  readonly socket: Socket;
  readonly clock: Clock;
  /** Nothing heard for this long: the connection is given up. */
  readonly silenceMs: number;
  readonly onFrame: (type: number, payload: Buffer) => void;
  /** Called once. `ended`: the other side reset or ended it; else this side gave it up. */
  readonly onClose: (end: { readonly ended: boolean; readonly reason: string }) => void;
};

/** Unsent bytes above which appends are dropped: Raft sends them again. */
const queueBytesMax = 16 * 1024 * 1024;
/** Above this everything is dropped; the silence time-out ends the connection soon. */
const hardQueueBytesMax = 2 * queueBytesMax;

export class Link {
  readonly #options: LinkOptions;
  readonly #reader: FrameReader;
  readonly #timer: Timer;
  #heardAt: number;
  #spokeAt: number;
  #closed = false;
  #gaveUp: string | undefined;
  sentMessages = 0;
  sentBytes = 0;
  receivedMessages = 0;
  receivedBytes = 0;
  dropped = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { socket, clock, silenceMs } = options;
    this.#heardAt = clock.now();
    this.#spokeAt = clock.now();
    this.#reader = new FrameReader((type, payload) => this.#onFrame(type, payload));
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#close('ended by the peer'));
    socket.on('error', (error) => this.#close(error.message));
    socket.on('close', () => this.#close('closed'));
    this.#timer = clock.every(silenceMs / 4, () => this.#onTimer());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Starts reading; `rest` are the bytes that came right behind the handshake. */
  start(rest: Buffer): void {
    if (rest.length > 0) this.#onData(rest);
    this.#options.socket.resume();
  }

  /** Writes all frames with one flush. */
  send(frames: readonly Encoded[]): void {
    if (this.#closed) return;
    const { socket, clock } = this.#options;
    socket.cork();
    for (const { type, parts } of frames) {
      const queued = socket.writableLength;
      const droppable = type === frameType.append && queued > queueBytesMax;
      if (droppable || queued > hardQueueBytesMax) {
        this.dropped += 1;
        continue;
      }
      this.sentMessages += 1;
      socket.write(frameHead(type, parts));
      for (const part of parts) {
        if (part.length === 0) continue;
        this.sentBytes += part.length;
        socket.write(part);
      }
    }
    socket.uncork();
    this.#spokeAt = clock.now();
  }

  /** Gives the connection up. */
  destroy(reason: string): void {
    this.#gaveUp ??= reason;
    this.#options.socket.destroy();
    this.#close(reason);
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return;
    this.#heardAt = this.#options.clock.now();
    this.receivedBytes += chunk.length;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.destroy(errorMessage(error));
    }
  }

  #onFrame(type: number, payload: Buffer): void {
    if (this.#closed || type === frameType.ping) return;
    this.receivedMessages += 1;
    this.#options.onFrame(type, payload);
  }

  #onTimer(): void {
    const { clock, silenceMs } = this.#options;
    const now = clock.now();
    if (now - this.#heardAt > silenceMs) {
      // After a stall of this process the answer may wait in the socket: look there first.
      setImmediate(() => {
        if (clock.now() - this.#heardAt > silenceMs) this.destroy('silent');
      });
    } else if (now - this.#spokeAt > silenceMs / 4) {
      this.send([{ type: frameType.ping, parts: [] }]);
    }
  }

  #close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer.cancel();
    discard(this.#options.socket);
    const ended = this.#gaveUp === undefined;
    this.#options.onClose({ ended, reason: this.#gaveUp ?? reason });
  }
}
