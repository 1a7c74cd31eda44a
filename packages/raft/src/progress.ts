// The leader's idea of one other member. Transitions are methods, so that the rules stand in one
// place: "probe" sends one message at a time until the member's position is known, "replicate"
// pipelines within a window, "snapshot" waits until a snapshot has arrived.
import type { Index } from './messages.js';
import type { ProgressStatus } from './ready.js';

type Sent = { readonly lastIndex: Index; readonly bytes: number };

export type Window = { readonly messages: number; readonly bytes: number };

export class Progress {
  /** Everything up to here is known to be on the member's disk. */
  match: Index = 0;
  /** The next entry to send; always above match. */
  next: Index;
  state: ProgressStatus['state'] = 'probe';
  /** Heard from since the last check-quorum. */
  recentlyActive = false;
  /** The commit index that it was last told of. */
  commitSent: Index = 0;
  #probeSent = false;
  #pendingSnapshot: Index = 0;
  #inflight: Sent[] = [];
  #inflightBytes = 0;
  readonly #window: Window;

  constructor(next: Index, window: Window) {
    this.next = next;
    this.#window = window;
  }

  /** True when nothing may be sent until the member answers. */
  get paused(): boolean {
    switch (this.state) {
      case 'probe':
        return this.#probeSent;
      case 'replicate':
        return (
          this.#inflight.length >= this.#window.messages ||
          this.#inflightBytes >= this.#window.bytes
        );
      case 'snapshot':
        return true;
      default:
        return this.state satisfies never;
    }
  }

  /** Entries up to `lastIndex` left. */
  sent(lastIndex: Index, bytes: number): void {
    if (this.state === 'probe') {
      this.#probeSent = true;
      return;
    }
    this.next = lastIndex + 1;
    this.#inflight.push({ lastIndex, bytes });
    this.#inflightBytes += bytes;
  }

  /** A message without entries left while probing. */
  probed(): void {
    if (this.state === 'probe') this.#probeSent = true;
  }

  /** Accepted up to `index`; true when that is news. */
  accepted(index: Index): boolean {
    const news = index > this.match;
    if (news) this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.#probeSent = false;
    while ((this.#inflight[0]?.lastIndex ?? Infinity) <= index) {
      this.#inflightBytes -= this.#inflight.shift()?.bytes ?? 0;
    }
    const arrived = this.state === 'snapshot' && this.match >= this.#pendingSnapshot;
    if (this.state === 'probe' || arrived) this.#become('replicate');
    return news;
  }

  /**
   * Refused at `index` with the advice to look at `nextProbe`. False when the refusal is stale.
   */
  refused(index: Index, nextProbe: Index): boolean {
    if (this.state === 'snapshot') return false;
    if (this.state === 'replicate') {
      if (index <= this.match) return false;
      this.#become('probe');
      this.next = Math.max(this.match + 1, Math.min(index, nextProbe + 1));
      return true;
    }
    if (this.next - 1 !== index) return false;
    this.next = Math.max(this.match + 1, Math.min(index, nextProbe + 1));
    this.#probeSent = false;
    return true;
  }

  /** It answered a heartbeat: a paused probe or a full window gets another chance. */
  heardFrom(): void {
    this.recentlyActive = true;
    this.#probeSent = false;
    if (this.state === 'replicate' && this.paused) {
      this.#inflightBytes -= this.#inflight.shift()?.bytes ?? 0;
    }
  }

  snapshotSent(index: Index): void {
    this.#become('snapshot');
    this.#pendingSnapshot = index;
  }

  /** How sending the snapshot ended. It counts only when the member itself confirms. */
  snapshotEnded(arrived: boolean): void {
    if (this.state !== 'snapshot') return;
    const next = arrived ? Math.max(this.match, this.#pendingSnapshot) + 1 : this.match + 1;
    this.#become('probe');
    this.next = next;
    // The member's own answer, or the next heartbeat's, decides what follows: a snapshot that fails
    // at once must not be sent again at once.
    this.#probeSent = true;
  }

  /** The connection is gone: what was on its way may be lost. */
  unreachable(): void {
    if (this.state !== 'replicate') return;
    this.#become('probe');
    this.next = this.match + 1;
  }

  status(): ProgressStatus {
    const { match, next, state, recentlyActive } = this;
    return { match, next, state, inflight: this.#inflight.length, recentlyActive };
  }

  #become(state: ProgressStatus['state']): void {
    this.state = state;
    this.#probeSent = false;
    this.#pendingSnapshot = 0;
    this.#inflight = [];
    this.#inflightBytes = 0;
    if (state === 'replicate') this.next = this.match + 1;
  }
}
