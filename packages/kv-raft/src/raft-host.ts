// The loop around the core: inputs -> step -> ready -> send, save, apply -> saved. It owns the
// order of these effects and nothing else; what a request means is decided elsewhere.
//
// Inputs only mark the host dirty; one turn per event-loop pass then handles everything that came
// in, so that all proposals of a pass leave as one append and share one disk sync.
import { errorMessage } from '@corral/kit';
import type { Clock, Logger, Timer } from '@corral/kit';
import type { Message, RaftNode, Ready, SnapshotMeta, SoftState } from '@corral/raft';
import type { Applier } from './applier.js';
import { SaveQueue } from './save-queue.js';
import type { Snapshotter } from './snapshotter.js';
import type { Storage } from './storage.js';
import type { Transport } from './transport.js';

/** What the host tells the rest of the server. Called from within a turn; must not throw. */
export interface HostListener {
  /** Inputs are about to be handled: propose and ask for what has gathered. */
  beforeTurn(): void;
  onSoftState(soft: SoftState): void;
  onRead(id: number, index: number): void;
  onReadFailed(id: number): void;
  /** The applied index moved on. */
  onApplied(): void;
  /** The state was replaced by a leader's snapshot. */
  onRestored(): void;
  /** The process cannot go on; it must end and be restarted from disk. */
  onFatal(error: unknown): void;
}

export type RaftHostOptions = {
  readonly core: RaftNode;
  readonly storage: Storage;
  readonly transport: Pick<Transport, 'send'>;
  readonly applier: Applier;
  readonly snapshotter: Snapshotter;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tickMs: number;
  /** Runs a function after the inputs that are already there (setImmediate, or the simulator's). */
  readonly defer: (run: () => void) => void;
  readonly listener: HostListener;
};

/** Readys handled before the loop gets a chance to read its sockets again. */
const readysPerTurnMax = 32;

export class RaftHost {
  readonly #options: RaftHostOptions;
  readonly #saves: SaveQueue;
  #scheduled = false;
  #closed = false;
  /** The snapshot that is being restored; a newer one takes its place. */
  #restoring: SnapshotMeta | undefined;
  /** Readys that wait until a leader's snapshot has been restored. */
  #waitingForRestore: Ready[] = [];
  #tick: Timer | undefined;
  #wake: Timer | undefined;
  #ticks = 0;

  constructor(options: RaftHostOptions) {
    this.#options = options;
    this.#saves = new SaveQueue({
      storage: options.storage,
      onSaved: (number, messages) => this.#onSaved(number, messages),
      onFailure: (error) => this.#fail(error),
    });
  }

  /** Applies what was committed before the last stop, then starts ticking. */
  start(): void {
    this.#turn();
    const { clock, tickMs, defer } = this.#options;
    // A tick acts only after the input that is already in the sockets: after a stall (SIGSTOP, a
    // long collection) a leader's heartbeat that waits there must win over an overdue time-out.
    this.#tick = clock.every(tickMs, () => defer(() => this.#onTick()));
  }

  /** Something came in: have a turn at the end of this pass of the event loop. */
  schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#options.defer(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  /** A message from another member. */
  step(message: Message): void {
    if (this.#closed) return;
    this.#guard(() => this.#options.core.step(message));
    this.schedule();
  }

  /** Stops the loop. Saves that are on their way are waited for by closing the storage. */
  close(): void {
    this.#closed = true;
    this.#tick?.cancel();
    this.#wake?.cancel();
  }

  #onTick(): void {
    if (this.#closed) return;
    this.#guard(() => this.#options.core.tick());
    this.#ticks += 1;
    if (this.#ticks % 10 === 0) this.#saves.flushIdle();
    this.#turn();
  }

  #turn(): void {
    if (this.#closed) return;
    this.#guard(() => {
      this.#options.listener.beforeTurn();
      const { core } = this.#options;
      let handled = 0;
      while (core.hasReady()) {
        this.#handle(core.ready());
        handled += 1;
        if (handled >= readysPerTurnMax) {
          this.schedule();
          break;
        }
      }
      this.#saves.flush();
      this.#options.snapshotter.maybeStart();
    });
  }

  /** The order of the contract in raft's ready.ts. */
  #handle(ready: Ready): void {
    const { transport, listener } = this.#options;
    if (ready.soft !== undefined) listener.onSoftState(ready.soft);
    if (ready.messages.length > 0) transport.send(ready.messages);
    this.#saves.add(ready);
    if (ready.snapshot !== undefined) this.#restore(ready.snapshot);
    if (this.#restoring !== undefined) this.#waitingForRestore.push(ready);
    else this.#applyAndAnswer(ready);
    if (ready.wake !== undefined) this.#setWake(ready.wake.afterMs, ready.wake.token);
  }

  #applyAndAnswer(ready: Ready): void {
    const { applier, listener } = this.#options;
    for (const entry of ready.committed) {
      // What a restored snapshot covers has been waiting for it in vain.
      if (entry.index > applier.appliedIndex) applier.apply(entry);
    }
    for (const read of ready.reads) listener.onRead(read.id, read.index);
    for (const read of ready.failedReads) listener.onReadFailed(read.id);
    if (ready.committed.length > 0) listener.onApplied();
  }

  #onSaved(number: number, messages: readonly Message[]): void {
    if (this.#closed) return;
    this.#guard(() => this.#options.core.saved(number));
    if (messages.length > 0) this.#options.transport.send(messages);
    this.schedule();
    this.#saves.flush();
  }

  #setWake(afterMs: number, token: number): void {
    this.#wake?.cancel();
    this.#wake = this.#options.clock.setTimer(afterMs, () => {
      this.#guard(() => this.#options.core.wake(token));
      this.schedule();
    });
  }

  #restore(meta: SnapshotMeta): void {
    this.#restoring = meta;
    void this.#readAndRestore(meta).catch((error: unknown) => this.#fail(error));
  }

  async #readAndRestore(meta: SnapshotMeta): Promise<void> {
    const { storage, applier, snapshotter, listener, logger } = this.#options;
    const chunks: Uint8Array[] = [];
    for await (const chunk of storage.readSnapshot(meta)) chunks.push(chunk);
    // A newer snapshot came meanwhile: what waits belongs behind that one.
    if (this.#closed || this.#restoring !== meta) return;
    applier.restore(meta, chunks);
    snapshotter.installed(meta.index);
    logger.info('restored snapshot of the leader', { index: meta.index, term: meta.term });
    this.#restoring = undefined;
    listener.onRestored();
    const waiting = this.#waitingForRestore;
    this.#waitingForRestore = [];
    for (const ready of waiting) this.#applyAndAnswer(ready);
    listener.onApplied();
    this.schedule();
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#options.logger.error('the server cannot go on', { error: errorMessage(error) });
    this.#options.listener.onFatal(error);
  }
}
