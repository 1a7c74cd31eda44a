// One other member: keeps a connection to it, whoever dialled. Both sides dial after a loss; when
// they meet, the connection that the lower id dialled is kept. A refused dial after a lost
// connection is the evidence that the other process is gone.
import type { Socket } from 'node:net';
import { backoff, errorMessage } from '@corral/kit';
import type { Clock, DialMap, Logger, Prng, Timer } from '@corral/kit';
import type { NodeId } from '@corral/raft';
import type { PeerDownReason, PeerStats } from '../transport.js';
import type { Encoded, Hello, HelloAnswer } from './codec.js';
import { dialPeer, discard } from './handshake.js';
import { Link } from './link.js';

export type PeerConnectionOptions = {
  readonly id: NodeId;
  readonly self: NodeId;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly prng: Prng;
  readonly dialMap: DialMap;
  readonly silenceMs: number;
  readonly onFrame: (type: number, payload: Buffer) => void;
  readonly onUp: () => void;
  readonly onDown: (reason: PeerDownReason) => void;
  readonly onRemoved: () => void;
};

const redialFirstMs = 5;
const redialMaxMs = 100;

export class PeerConnection {
  readonly #options: PeerConnectionOptions;
  readonly #pauses: { next(): number; reset(): void };
  #urls: readonly string[] = [];
  #nextUrl = 0;
  #link: Link | undefined;
  #dialling: Socket | undefined;
  #redial: Timer | undefined;
  #closed = false;
  #failures = 0;
  #lastRefusal = '';
  /**
   * The peer itself reset or ended an established connection, and no dial since then has met
   * anything but that same end: the next refused dial proves that its process is gone.
   */
  #endedByPeer = false;
  #upSince = 0;
  /** Counters of earlier links. */
  readonly #before = { sentMessages: 0, sentBytes: 0, receivedMessages: 0, receivedBytes: 0 };

  constructor(options: PeerConnectionOptions) {
    this.#options = options;
    const { prng } = options;
    this.#pauses = backoff({ firstMs: redialFirstMs, maxMs: redialMaxMs, jitter: 0.3, prng });
  }

  get up(): boolean {
    return this.#link !== undefined;
  }

  /** The peer's addresses; without any only the peer itself can connect. */
  setUrls(urls: readonly string[]): void {
    const before = this.#urls;
    this.#urls = urls;
    if (before.length === 0 && urls.length > 0 && this.#link === undefined) this.#dial();
  }

  send(frames: readonly Encoded[]): void {
    this.#link?.send(frames);
  }

  /** The peer dialled and said hello. Gives the answer; with `ok` the socket becomes the link. */
  offer(socket: Socket, rest: Buffer, answer: (answer: HelloAnswer) => void): void {
    const { id, self } = this.#options;
    if (this.#closed) {
      discard(socket);
      return;
    }
    const ownIsKept = this.#dialling !== undefined && !this.#dialling.connecting && self < id;
    if (ownIsKept) {
      answer({ ok: false, reason: 'simultaneous', message: 'both sides dialled at once' });
      return;
    }
    this.#abandonDial();
    // A peer that dials has lost the old connection, whatever this side believes. This side must not
    // dial for it: the peer would take that dial for a newer connection in its turn, and so on.
    const old = this.#link;
    this.#link = undefined;
    if (old !== undefined) {
      this.#count(old);
      old.destroy('replaced by a newer connection');
      this.#options.onDown('lost');
    }
    answer({ ok: true });
    this.#adopt(socket, rest);
  }

  stats(): PeerStats {
    const link = this.#link;
    return {
      id: this.#options.id,
      up: link !== undefined,
      sentMessages: this.#before.sentMessages + (link?.sentMessages ?? 0),
      sentBytes: this.#before.sentBytes + (link?.sentBytes ?? 0),
      receivedMessages: this.#before.receivedMessages + (link?.receivedMessages ?? 0),
      receivedBytes: this.#before.receivedBytes + (link?.receivedBytes ?? 0),
      failures: this.#failures,
    };
  }

  close(): void {
    this.#closed = true;
    this.#abandonDial();
    this.#link?.destroy('this server stops');
  }

  #abandonDial(): void {
    this.#redial?.cancel();
    this.#redial = undefined;
    const dialling = this.#dialling;
    this.#dialling = undefined;
    dialling?.destroy();
  }

  #dial(): void {
    const url = this.#urls[this.#nextUrl % Math.max(1, this.#urls.length)];
    if (this.#closed || this.#link !== undefined || this.#dialling !== undefined) return;
    if (url === undefined) return;
    const { id: to, self: from, clusterId, clock, dialMap, silenceMs } = this.#options;
    const hello: Hello = { protocol: 1, clusterId, from, to };
    let own: Socket | undefined;
    const onSocket = (socket: Socket): void => {
      own = socket;
      this.#dialling = socket;
    };
    void dialPeer({ url, hello, clock, dialMap, timeoutMs: silenceMs, onSocket }).then((result) => {
      if (this.#dialling !== own) {
        if (result.kind === 'up') discard(result.socket);
        return;
      }
      this.#dialling = undefined;
      if (result.kind === 'up') {
        this.#adopt(result.socket, result.rest);
        return;
      }
      this.#nextUrl += 1;
      this.#failures += 1;
      const evident = result.kind === 'nobody' && this.#endedByPeer;
      // A process that dies may still accept for a moment: that alone says neither yes nor no.
      if (result.kind !== 'failed' || !result.beforeHello) this.#endedByPeer = false;
      if (evident) this.#options.onDown('refused');
      if (result.kind === 'refused-by-peer') this.#onRefusal(result.answer);
      this.#dialLater();
    });
  }

  #dialLater(): void {
    if (this.#closed || this.#link !== undefined) return;
    this.#redial?.cancel();
    this.#redial = this.#options.clock.setTimer(this.#pauses.next(), () => {
      this.#redial = undefined;
      this.#dial();
    });
  }

  #onRefusal(answer: HelloAnswer & { readonly ok: false }): void {
    const { id, logger, onRemoved } = this.#options;
    if (answer.reason === 'simultaneous') return;
    if (answer.reason === 'removed') onRemoved();
    if (this.#lastRefusal !== answer.message) {
      this.#lastRefusal = answer.message;
      logger.warn('a peer refuses the connection', { peer: id, reason: answer.message });
    }
  }

  #adopt(socket: Socket, rest: Buffer): void {
    const { clock, silenceMs, onFrame, onUp, logger } = this.#options;
    const link: Link = new Link({
      socket,
      clock,
      silenceMs,
      onFrame: (type, payload) => {
        // Frames of an older connection of the same peer mean nothing any more.
        if (this.#link !== link) return;
        try {
          onFrame(type, payload);
        } catch (error) {
          logger.warn('a peer sent something unreadable', { error: errorMessage(error) });
          link.destroy(errorMessage(error));
        }
      },
      onClose: (end) => this.#onLinkClosed(link, end),
    });
    this.#link = link;
    this.#lastRefusal = '';
    this.#endedByPeer = false;
    this.#upSince = clock.now();
    onUp();
    link.start(rest);
  }

  #onLinkClosed(link: Link, end: { readonly ended: boolean; readonly reason: string }): void {
    if (this.#link !== link) return;
    this.#count(link);
    this.#link = undefined;
    if (this.#closed) return;
    const { logger, clock, onDown } = this.#options;
    logger.debug('connection to a peer closed', { reason: end.reason });
    this.#endedByPeer = end.ended;
    onDown('lost');
    // A connection that ends as soon as it is there must not be dialled in a tight loop.
    if (clock.now() - this.#upSince < redialMaxMs) {
      this.#dialLater();
      return;
    }
    this.#pauses.reset();
    // At once: if nobody listens there any more, the cluster wants to know now.
    this.#dial();
  }

  #count(link: Link): void {
    this.#before.sentMessages += link.sentMessages;
    this.#before.sentBytes += link.sentBytes;
    this.#before.receivedMessages += link.receivedMessages;
    this.#before.receivedBytes += link.receivedBytes;
    this.#failures += 1;
  }
}
