// Group commit without a timer: while a batch is being synced, everything that arrives becomes the
// next one. Two batches may be out. A Ready that needs no sync rides with whatever is outstanding;
// a commit index alone waits for the next batch that has to be written anyway.
import type { Entry, HardState, Message, Ready } from '@corral/raft';
import type { SaveBatch, Storage } from './storage.js';

type Batch = {
  readonly runs: (readonly Entry[])[];
  installed: SaveBatch['installed'];
  lastNumber: number;
  readonly messages: Message[];
};

export type SaveQueueOptions = {
  readonly storage: Storage;
  /** Everything up to Ready `number` is durable; `messages` may leave now. */
  readonly onSaved: (number: number, messages: readonly Message[]) => void;
  readonly onFailure: (error: unknown) => void;
};

const batchesInFlightMax = 2;

export class SaveQueue {
  readonly #options: SaveQueueOptions;
  #next: Batch | undefined;
  readonly #inFlight: Batch[] = [];
  #hardState: HardState | undefined;
  #hardStateUnsaved = false;

  constructor(options: SaveQueueOptions) {
    this.#options = options;
  }

  /** Takes what `ready` wants saved. */
  add(ready: Ready): void {
    if (ready.hardState !== undefined) {
      this.#hardState = ready.hardState;
      this.#hardStateUnsaved = true;
    }
    if (ready.mustSync || ready.entries.length > 0 || ready.snapshot !== undefined) {
      this.#next ??= emptyBatch();
      if (ready.entries.length > 0) this.#next.runs.push(ready.entries);
      if (ready.snapshot !== undefined) {
        this.#next.installed = ready.snapshot;
        this.#next.runs.length = 0;
        if (ready.entries.length > 0) this.#next.runs.push(ready.entries);
      }
      attach(this.#next, ready);
      return;
    }
    const outstanding = this.#next ?? this.#inFlight.at(-1);
    if (outstanding === undefined) this.#options.onSaved(ready.number, ready.messagesAfterSave);
    else attach(outstanding, ready);
  }

  /** Starts the next batch if the disk has room for it. */
  flush(): void {
    const batch = this.#next;
    if (batch === undefined || this.#inFlight.length >= batchesInFlightMax) return;
    this.#next = undefined;
    this.#inFlight.push(batch);
    this.#hardStateUnsaved = false;
    // The newest commit index rides along: everything that it speaks of is in this batch or before it.
    const { runs, installed } = batch;
    const hardState = this.#hardState;
    this.#options.storage.save({ runs, hardState, installed, sync: true }).then(
      () => {
        this.#inFlight.shift();
        this.#options.onSaved(batch.lastNumber, batch.messages);
      },
      (error: unknown) => this.#options.onFailure(error),
    );
  }

  /** Writes a commit index that nothing else has carried along; called now and then. */
  flushIdle(): void {
    if (!this.#hardStateUnsaved || this.#next !== undefined || this.#inFlight.length > 0) return;
    this.#hardStateUnsaved = false;
    this.#options.storage
      .save({ runs: [], hardState: this.#hardState, installed: undefined, sync: false })
      .catch((error: unknown) => this.#options.onFailure(error));
  }
}

function emptyBatch(): Batch {
  return { runs: [], installed: undefined, lastNumber: 0, messages: [] };
}

function attach(batch: Batch, ready: Ready): void {
  batch.lastNumber = ready.number;
  for (const message of ready.messagesAfterSave) batch.messages.push(message);
}
