// One directed link: what node S dials for node D arrives here, at 127.C.S.D, and goes on to
// 127.C.0.D. The relay knows both ends, so this one link can be cut, delayed or refused alone. A cut
// stalls bytes and holds closes back; it never swallows anything, so the stream is whole after healing.
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { Clock, Prng, Timer } from '@corral/kit';

export type LinkRule = {
  /** Bytes from the dialling node to the dialled one do not pass. */
  readonly cutForward: boolean;
  readonly cutBackward: boolean;
  readonly delayMs: number;
  readonly jitterMs: number;
};

export const passRule: LinkRule = {
  cutForward: false,
  cutBackward: false,
  delayMs: 0,
  jitterMs: 0,
};

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
  #rule: LinkRule = passRule;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  get rule(): LinkRule {
    return this.#rule;
  }

  /** The target serves: dials are taken. */
  async open(): Promise<void> {
    if (this.#servers.length > 0) return;
    const { listenHost, ports } = this.#options;
    this.#servers = ports.map((port) => this.#serve(port));
    await Promise.all(
      this.#servers.map(
        (server, i) =>
          new Promise<void>((resolve, reject) => {
            server.once('error', reject);
            server.listen({ host: listenHost, port: ports[i] ?? 0 }, resolve);
          }),
      ),
    );
  }

  /** The target is gone: dials are refused, as they would be without a relay. */
  shut(): void {
    for (const server of this.#servers) server.close();
    this.#servers = [];
  }

  setRule(rule: LinkRule): void {
    this.#rule = rule;
    for (const pair of this.#pairs) pair.setRule(rule);
    if (rule.cutForward || rule.cutBackward) return;
    for (const socket of this.#silent) socket.resetAndDestroy();
    this.#silent.clear();
  }

  close(): void {
    this.shut();
    for (const pair of this.#pairs) pair.destroy();
    for (const socket of this.#silent) socket.destroy();
  }

  #serve(port: number): Server {
    return createServer(
      { allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
      (accepted) => {
        if (this.#rule.cutForward || this.#rule.cutBackward) {
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
          pair.setRule(this.#rule);
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
      socket.on('error', () => this.#reset());
      socket.on('close', () => this.#onSocketClosed());
    }
  }

  start(): void {
    this.#forward.start();
    this.#backward.start();
  }

  setRule(rule: LinkRule): void {
    this.#forward.set(rule.cutForward, rule.delayMs, rule.jitterMs);
    this.#backward.set(rule.cutBackward, rule.delayMs, rule.jitterMs);
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #reset(): void {
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

/** Bytes one way, in order: one queue and one timer, so that jitter never reorders the stream. */
class Direction {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #clock: Clock;
  readonly #prng: Prng;
  #cut = false;
  #delayMs = 0;
  #jitterMs = 0;
  #queue: { readonly due: number; readonly chunk: Buffer | undefined }[] = [];
  #timer: Timer | undefined;
  #blocked = false;

  constructor(ends: { from: Socket; to: Socket; clock: Clock; prng: Prng }) {
    this.#from = ends.from;
    this.#to = ends.to;
    this.#clock = ends.clock;
    this.#prng = ends.prng;
  }

  start(): void {
    this.#from.on('data', (chunk: Buffer) => this.#push(chunk));
    this.#from.on('end', () => this.#push(undefined));
    this.#to.on('drain', () => {
      this.#blocked = false;
      this.#adjust();
    });
    this.#adjust();
  }

  set(cut: boolean, delayMs: number, jitterMs: number): void {
    this.#cut = cut;
    this.#delayMs = delayMs;
    this.#jitterMs = jitterMs;
    this.#adjust();
    if (!cut) this.#flush();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Reading stops while the link is cut or the other end is full: the kernel pushes back. */
  #adjust(): void {
    if (this.#cut || this.#blocked) this.#from.pause();
    else this.#from.resume();
  }

  #push(chunk: Buffer | undefined): void {
    const { length } = this.#queue;
    const delay = this.#delayMs + (this.#jitterMs === 0 ? 0 : this.#prng.next() * this.#jitterMs);
    const last = this.#queue[length - 1]?.due ?? 0;
    this.#queue.push({ due: Math.max(last, this.#clock.now() + delay), chunk });
    this.#flush();
  }

  #flush(): void {
    this.#timer?.cancel();
    while (!this.#cut) {
      const [next] = this.#queue;
      if (next === undefined) return;
      const waitMs = next.due - this.#clock.now();
      if (waitMs > 0.5) {
        this.#timer = this.#clock.setTimer(Math.ceil(waitMs), () => this.#flush());
        return;
      }
      this.#queue.shift();
      if (next.chunk === undefined) this.#to.end();
      else if (!this.#to.write(next.chunk)) {
        this.#blocked = true;
        this.#adjust();
      }
    }
  }
}
