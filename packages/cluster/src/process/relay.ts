// One directed pair of nodes: what node S dials for node D arrives here, at 127.C.S.D, and goes on to
// 127.C.0.D. The relay knows both ends, so this pair can be cut, delayed, throttled, reset or refused
// alone. A cut stalls bytes and holds closes back; it never swallows anything, so the stream is whole
// after healing.
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { systemErrorCode } from '@corral/kit';
import type { Clock, Prng } from '@corral/kit';
import { passRule } from '../runtime.js';
import type { LinkProbe, LinkRule } from '../runtime.js';
import { Direction } from './direction.js';

/** A store on the same machine answers in a few milliseconds. */
const probeLimitMs = 150;

export type RelayOptions = {
  readonly listenHost: string;
  readonly targetHost: string;
  readonly ports: readonly number[];
  readonly clock: Clock;
  readonly prng: Prng;
};

export class LinkRelay {
  readonly #options: RelayOptions;
  readonly #pairs = new Set<RelayedPair>();
  /** Accepted during a cut: silence, until healing resets them. */
  readonly #silent = new Set<Socket>();
  #servers: Server[] = [];
  #forward: LinkRule = passRule;
  #backward: LinkRule = passRule;
  /** The target serves. */
  #up = false;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** The target serves: dials are taken, unless they are to be refused. */
  async open(): Promise<void> {
    this.#up = true;
    await this.#listen();
  }

  /** The target is gone: dials are refused, as they would be without a relay. */
  shut(): void {
    this.#up = false;
    this.#close();
  }

  /** What is in force on the bytes of the dialling node, and on those of the dialled one. */
  async setRules(forward: LinkRule, backward: LinkRule): Promise<void> {
    this.#forward = forward;
    this.#backward = backward;
    for (const pair of this.#pairs) pair.setRules(forward, backward);
    if (!this.#isCut) {
      for (const socket of this.#silent) socket.resetAndDestroy();
      this.#silent.clear();
    }
    if (this.#isRefused) this.#close();
    else if (this.#up) await this.#listen();
  }

  /** Both ends of every connection see a reset. */
  reset(): void {
    for (const pair of this.#pairs) pair.reset();
    for (const socket of this.#silent) socket.resetAndDestroy();
    this.#silent.clear();
  }

  /** Asks the store at the far end for its version, the way a node's own dial goes. */
  probe(): Promise<LinkProbe> {
    const { listenHost, ports, clock } = this.#options;
    return new Promise((resolve) => {
      const socket = connect({ host: listenHost, port: ports[0] ?? 0 });
      const end = (result: LinkProbe): void => {
        timer.cancel();
        socket.destroy();
        resolve(result);
      };
      const timer = clock.setTimer(probeLimitMs, () => end('silent'));
      socket.on('error', (error) =>
        end(systemErrorCode(error) === 'ECONNREFUSED' ? 'refused' : 'silent'),
      );
      socket.on('end', () => end('silent'));
      socket.on('data', () => end('passes'));
      socket.write('GET /version HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n');
    });
  }

  close(): void {
    this.shut();
    for (const pair of this.#pairs) pair.destroy();
    for (const socket of this.#silent) socket.destroy();
  }

  /** A handshake needs both directions. */
  get #isCut(): boolean {
    return this.#forward.cut || this.#backward.cut;
  }

  get #isRefused(): boolean {
    return this.#forward.refuse || this.#backward.refuse;
  }

  async #listen(): Promise<void> {
    if (this.#servers.length > 0 || this.#isRefused) return;
    const { listenHost, ports } = this.#options;
    this.#servers = ports.map((port) => this.#serve(port));
    await Promise.all(
      this.#servers.map(
        (server, i) =>
          new Promise<void>((resolve, reject) => {
            server.once('error', reject);
            // A relay that is shut before it listens does not come up, and nobody waits for it.
            server.once('close', resolve);
            server.listen({ host: listenHost, port: ports[i] ?? 0 }, resolve);
          }),
      ),
    ).catch((error: unknown) => {
      this.#close();
      throw error;
    });
  }

  #close(): void {
    for (const server of this.#servers) server.close();
    this.#servers = [];
  }

  #serve(port: number): Server {
    return createServer(
      { allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
      (accepted) => {
        if (this.#isCut) {
          // As a stopped process: the connection is there, and nothing ever comes.
          this.#silent.add(accepted);
          accepted.on('error', () => undefined);
          accepted.on('close', () => this.#silent.delete(accepted));
          return;
        }
        const { targetHost, clock, prng } = this.#options;
        const target = connect({ host: targetHost, port, allowHalfOpen: true, noDelay: true });
        accepted.on('error', () => target.destroy());
        target.once('error', () => accepted.resetAndDestroy());
        target.once('connect', () => {
          target.removeAllListeners('error');
          accepted.removeAllListeners('error');
          const pair = new RelayedPair({ accepted, target, clock, prng }, () =>
            this.#pairs.delete(pair),
          );
          this.#pairs.add(pair);
          pair.setRules(this.#forward, this.#backward);
          pair.start();
        });
      },
    );
  }
}

class RelayedPair {
  readonly #forward: Direction;
  readonly #backward: Direction;
  readonly #sockets: readonly [Socket, Socket];
  readonly #onGone: () => void;
  #gone = false;

  constructor(
    ends: { accepted: Socket; target: Socket; clock: Clock; prng: Prng },
    onGone: () => void,
  ) {
    const { accepted, target, clock, prng } = ends;
    this.#sockets = [accepted, target];
    this.#onGone = onGone;
    this.#forward = new Direction({ from: accepted, to: target, clock, prng });
    this.#backward = new Direction({ from: target, to: accepted, clock, prng });
    for (const socket of this.#sockets) {
      // An error at one end is a reset at the other.
      socket.on('error', () => this.reset());
      socket.on('close', () => this.#onSocketClosed());
    }
  }

  start(): void {
    this.#forward.start();
    this.#backward.start();
  }

  setRules(forward: LinkRule, backward: LinkRule): void {
    this.#forward.setRule(forward);
    this.#backward.setRule(backward);
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  reset(): void {
    for (const socket of this.#sockets) if (!socket.destroyed) socket.resetAndDestroy();
  }

  #onSocketClosed(): void {
    if (this.#gone || !this.#sockets.every((socket) => socket.destroyed)) return;
    this.#gone = true;
    this.#forward.stop();
    this.#backward.stop();
    this.#onGone();
  }
}
