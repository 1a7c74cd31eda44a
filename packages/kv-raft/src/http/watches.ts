// Watches over HTTP: the head goes out at once, events follow. An event is rendered once for all
// who wait, and handed out in slices, so that heartbeats pass between thousands of watchers.
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
};

/** `event` undefined: what follows is lost to this watch; it ends, and its client comes back. */
type Delivery = { readonly to: Open; readonly event: Event | undefined };

/** Watchers served before the loop gets a chance to do other things. */
const sliceSize = 256;
/** A stream whose reader lags by more than this is ended: it can come back by index. */
const backlogBytesMax = 4 * 1024 * 1024;

export class Watches {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #open = new Set<Open>();
  readonly #rendered = new WeakMap<Event, Buffer>();
  #queue: Delivery[] = [];
  #draining = false;

  constructor(backend: Backend, clock: Clock) {
    this.#backend = backend;
    this.#clock = clock;
  }

  open(request: IncomingMessage, response: ServerResponse, path: string, params: KeyParams): void {
    const { recursive, stream, waitIndex: sinceIndex } = params;
    const backend = this.#backend;
    const open: Open = { response, stream, watcher: undefined, ended: false };
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
    for (const delivery of this.#queue.splice(0)) this.#write(delivery);
    for (const open of [...this.#open]) this.#finish(open);
  }

  #deliver(to: Open, event: Event | undefined): void {
    this.#queue.push({ to, event });
    if (this.#draining) return;
    this.#draining = true;
    setImmediate(() => this.#drain());
  }

  #drain(): void {
    const slice = this.#queue.splice(0, sliceSize);
    for (const delivery of slice) this.#write(delivery);
    if (this.#queue.length > 0) setImmediate(() => this.#drain());
    else this.#draining = false;
  }

  #write({ to, event }: Delivery): void {
    if (to.ended) return;
    if (event === undefined) {
      this.#finish(to);
      return;
    }
    const bytes = this.#render(event);
    if (!to.stream) {
      this.#end(to);
      to.response.end(bytes);
      return;
    }
    to.response.write(bytes);
    if (to.response.writableLength <= backlogBytesMax) return;
    this.#end(to);
    to.response.destroy();
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
