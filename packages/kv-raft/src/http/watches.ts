// Watches over HTTP: the head goes out at once, events follow. An event is rendered once for all
// who wait, and handed out in slices, so that heartbeats pass between thousands of watchers. What
// gathers for a watch until its turn goes out in one piece: the more there is, the less each costs.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@corral/kit';
import type { Event, Watcher } from '@corral/store';
import type { Backend } from '../backend.js';
import type { KeyParams } from './keys-params.js';
import { renderEvent } from './render.js';
import { fromStoreError, sendApiError, stateHeaders } from './reply.js';

type Open = {
  readonly response: ServerResponse;
  readonly stream: boolean;
  watcher: Watcher | undefined;
  ended: boolean;
  /** What it has not been told yet. Undefined: the rest is lost; it ends, and its client returns. */
  pending: (Event | undefined)[];
};

/** Watchers served before the loop gets a chance to do other things. */
const sliceSize = 256;
/** A stream whose reader lags by more than this is ended: it can come back by index. */
const backlogBytesMax = 4 * 1024 * 1024;

export class Watches {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #open = new Set<Open>();
  readonly #rendered = new WeakMap<Event, Buffer>();
  /** Watches with something pending, in the order of their turns. */
  readonly #due = new Set<Open>();
  #draining = false;

  constructor(backend: Backend, clock: Clock) {
    this.#backend = backend;
    this.#clock = clock;
  }

  open(request: IncomingMessage, response: ServerResponse, path: string, params: KeyParams): void {
    const { recursive, stream, waitIndex: sinceIndex } = params;
    const backend = this.#backend;
    const open: Open = { response, stream, watcher: undefined, ended: false, pending: [] };
    const startIndex = backend.store.index;
    const headers = stateHeaders(backend, startIndex);
    const result = backend.store.watch(
      { path, recursive, stream, sinceIndex },
      (event) => this.#deliver(open, event),
      () => this.#deliver(open, undefined),
    );
    if (!result.ok) {
      sendApiError(response, backend, fromStoreError(result.error));
      return;
    }
    open.watcher = result.watcher;
    this.#open.add(open);
    response.writeHead(200, headers);
    response.flushHeaders();
    response.on('close', () => this.#end(open));
    request.on('error', () => this.#end(open));
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Ends every watch; clients come back by index. An empty answer says that there was nothing up to
   * the index in its head, so whatever has been found by now goes out first.
   */
  close(): void {
    for (const open of this.#due) this.#write(open);
    this.#due.clear();
    for (const open of [...this.#open]) this.#finish(open);
  }

  #deliver(to: Open, event: Event | undefined): void {
    to.pending.push(event);
    this.#due.add(to);
    if (this.#draining) return;
    this.#draining = true;
    setImmediate(() => this.#drain());
  }

  #drain(): void {
    let served = 0;
    for (const open of this.#due) {
      this.#due.delete(open);
      this.#write(open);
      served += 1;
      if (served >= sliceSize) break;
    }
    if (this.#due.size > 0) setImmediate(() => this.#drain());
    else this.#draining = false;
  }

  #write(to: Open): void {
    const { pending, response, stream } = to;
    to.pending = [];
    if (to.ended) return;
    const pieces = pending.flatMap((event) => (event === undefined ? [] : [this.#render(event)]));
    if (!stream && pieces[0] !== undefined) {
      this.#end(to);
      response.end(pieces[0]);
      return;
    }
    if (pieces.length > 0) response.write(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
    if (pieces.length < pending.length) {
      this.#finish(to);
    } else if (response.writableLength > backlogBytesMax) {
      this.#end(to);
      response.destroy();
    }
  }

  #render(event: Event): Buffer {
    let bytes = this.#rendered.get(event);
    if (bytes === undefined) {
      bytes = Buffer.from(renderEvent(event, this.#clock.wallTime()));
      this.#rendered.set(event, bytes);
    }
    return bytes;
  }

  #finish(open: Open): void {
    this.#end(open);
    open.response.end();
  }

  #end(open: Open): void {
    if (open.ended) return;
    open.ended = true;
    open.watcher?.close();
    this.#open.delete(open);
  }
}
