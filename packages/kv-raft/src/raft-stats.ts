// Statistics of the Raft traffic for /v2/stats: append messages sent and received with their rates
// over the last 200 (as etcd's statsQueue), and how long each follower takes to answer an append.
import type { Clock } from '@corral/kit';
import type { Message } from '@corral/raft';
import type { FollowerStats } from './backend.js';

const windowSize = 200;
/** Older samples say nothing about the present rate. */
const windowMs = 10_000;
/** etcd prints 2^63 - 1 nanoseconds for a follower that has not answered yet. */
const noMinimumYet = 9_223_372_036_854_776_000;

export class RaftStats {
  readonly #clock: Clock;
  readonly sent: RateWindow;
  readonly received: RateWindow;
  readonly #followers = new Map<string, FollowerLatency>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.sent = new RateWindow(clock);
    this.received = new RateWindow(clock);
  }

  onSend(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.kind !== 'append') continue;
      this.sent.add(appendBytes(message));
      const last = message.entries.at(-1);
      if (last !== undefined) this.#follower(message.to).sentUpTo(last.index, this.#clock.now());
    }
  }

  onReceive(message: Message): void {
    if (message.kind === 'append') this.received.add(appendBytes(message));
    if (message.kind !== 'appendReply') return;
    const follower = this.#follower(message.from);
    if (message.accepted) follower.answered(message.index, this.#clock.now());
    else follower.failed();
  }

  onUnreachable(id: string): void {
    this.#follower(id).failed();
  }

  /** Forgets followers that are no members any more; called when this member starts to lead. */
  reset(): void {
    this.#followers.clear();
  }

  followers(ids: readonly string[]): readonly FollowerStats[] {
    return ids.map((id) => this.#follower(id).view(id));
  }

  #follower(id: string): FollowerLatency {
    let follower = this.#followers.get(id);
    if (follower === undefined) {
      follower = new FollowerLatency();
      this.#followers.set(id, follower);
    }
    return follower;
  }
}

/** Messages and bytes per second over a sliding window, and the count of all. */
export class RateWindow {
  readonly #clock: Clock;
  readonly #times = new Float64Array(windowSize);
  readonly #bytes = new Float64Array(windowSize);
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#count;
  }

  add(bytes: number): void {
    const slot = this.#count % windowSize;
    this.#times[slot] = this.#clock.now();
    this.#bytes[slot] = bytes;
    this.#count += 1;
  }

  /** Per second; zeros when there was no traffic lately. */
  rates(): { readonly messages: number; readonly bytes: number } {
    const now = this.#clock.now();
    const held = Math.min(this.#count, windowSize);
    let messages = 0;
    let bytes = 0;
    let first = now;
    for (let i = 0; i < held; i += 1) {
      const at = this.#times[i] ?? 0;
      if (now - at > windowMs) continue;
      messages += 1;
      bytes += this.#bytes[i] ?? 0;
      first = Math.min(first, at);
    }
    const seconds = (now - first) / 1000;
    if (messages === 0 || seconds <= 0) return { messages: 0, bytes: 0 };
    return { messages: messages / seconds, bytes: bytes / seconds };
  }
}

class FollowerLatency {
  #sentIndex = 0;
  #sentAt = 0;
  #current = 0;
  #sum = 0;
  #sumOfSquares = 0;
  #minimum = Infinity;
  #maximum = 0;
  #samples = 0;
  #success = 0;
  #fail = 0;

  sentUpTo(index: number, now: number): void {
    if (this.#sentIndex !== 0) return;
    this.#sentIndex = index;
    this.#sentAt = now;
  }

  answered(index: number, now: number): void {
    this.#success += 1;
    if (this.#sentIndex === 0 || index < this.#sentIndex) return;
    this.#sentIndex = 0;
    this.#current = now - this.#sentAt;
    this.#sum += this.#current;
    this.#sumOfSquares += this.#current * this.#current;
    this.#minimum = Math.min(this.#minimum, this.#current);
    this.#maximum = Math.max(this.#maximum, this.#current);
    this.#samples += 1;
  }

  failed(): void {
    this.#fail += 1;
    this.#sentIndex = 0;
  }

  view(id: string): FollowerStats {
    const average = this.#samples === 0 ? 0 : this.#sum / this.#samples;
    const variance = this.#samples === 0 ? 0 : this.#sumOfSquares / this.#samples - average ** 2;
    return {
      id,
      latency: {
        current: this.#current,
        average,
        standardDeviation: Math.sqrt(Math.max(0, variance)),
        minimum: this.#samples === 0 ? noMinimumYet : this.#minimum,
        maximum: this.#maximum,
      },
      counts: { fail: this.#fail, success: this.#success },
    };
  }
}

function appendBytes(message: Message & { readonly kind: 'append' }): number {
  let bytes = 64;
  for (const entry of message.entries) bytes += 13 + entry.data.length;
  return bytes;
}
