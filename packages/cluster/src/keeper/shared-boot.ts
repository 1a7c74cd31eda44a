// One boot, however many commands ask for it at once: the first one begins it, and calls it off when
// it goes away; the others wait for it and fare as it does.
import { ClusterError } from '../errors.js';
import type { CallContext } from './control.js';

/** What a command is told whose boot is another's. */
export const joinedEvent = { kind: 'joined' } as const;

export class SharedBoot {
  readonly #boot: (context: CallContext) => Promise<void>;
  #running: Promise<void> | undefined;

  /** `boot` settles when the cluster is proven, or when all that it made is undone. */
  constructor(boot: (context: CallContext) => Promise<void>) {
    this.#boot = boot;
  }

  /** Somebody asked for it. */
  get isAskedFor(): boolean {
    return this.#running !== undefined;
  }

  async run(context: CallContext): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#boot(context);
      return this.#running;
    }
    context.emit(joinedEvent);
    return this.#running.catch((error: unknown) => {
      const message = 'another command booted this cluster, and did not get it up';
      throw error instanceof ClusterError
        ? error
        : new ClusterError('E_FAILED', message, { cause: error });
    });
  }
}
