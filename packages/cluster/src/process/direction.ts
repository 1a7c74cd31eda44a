// The bytes of one connection, one way: one queue and one timer, so that jitter never reorders the
// stream. What waits here is bounded; beyond that, and during a cut, the kernel pushes back.
import type { Socket } from 'node:net';
import type { Clock, Prng, Timer } from '@corral/kit';
import { passRule } from '../runtime.js';
import type { LinkRule } from '../runtime.js';

/** About what a kernel holds for a connection that is not read. */
const queuedBytesMax = 4 * 1024 * 1024;

export class Direction {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #clock: Clock;
  readonly #prng: Prng;
  #rule: LinkRule = passRule;
  /** Undefined is the end of the stream. */
  #queue: { readonly due: number; readonly chunk: Buffer | undefined }[] = [];
  #queuedBytes = 0;
  /** When the last byte so far has passed a throttled link. */
  #throttledUntil = 0;
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
      this.#flush();
    });
    this.#adjust();
  }

  setRule(rule: LinkRule): void {
    this.#rule = rule;
    this.#flush();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #adjust(): void {
    const full = this.#queuedBytes >= queuedBytesMax;
    if (this.#rule.cut || this.#blocked || full) this.#from.pause();
    else this.#from.resume();
  }

  #push(chunk: Buffer | undefined): void {
    const { delayMs, jitterMs, bytesPerSecond } = this.#rule;
    const now = this.#clock.now();
    const bytes = chunk?.length ?? 0;
    if (bytesPerSecond !== undefined) {
      const takesMs = (bytes / bytesPerSecond) * 1000;
      this.#throttledUntil = Math.max(now, this.#throttledUntil) + takesMs;
    }
    const delay = delayMs + (jitterMs === 0 ? 0 : this.#prng.next() * jitterMs);
    const passed = bytesPerSecond === undefined ? now : this.#throttledUntil;
    const last = this.#queue.at(-1)?.due ?? 0;
    this.#queue.push({ due: Math.max(last, passed + delay), chunk });
    this.#queuedBytes += bytes;
    this.#flush();
  }

  #flush(): void {
    this.#timer?.cancel();
    while (!this.#rule.cut && !this.#blocked) {
      const [next] = this.#queue;
      if (next === undefined) break;
      const waitMs = next.due - this.#clock.now();
      if (waitMs > 0.5) {
        this.#timer = this.#clock.setTimer(Math.ceil(waitMs), () => this.#flush());
        break;
      }
      this.#queue.shift();
      this.#queuedBytes -= next.chunk?.length ?? 0;
      if (next.chunk === undefined) this.#to.end();
      else this.#blocked = !this.#to.write(next.chunk);
    }
    this.#adjust();
  }
}
