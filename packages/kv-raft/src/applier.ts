// The replicated state and its only writer: committed entries in, answers out. What happens here
// depends on log content alone (no clock, no configuration), so every member ends up the same.
import { CodedError } from '@corral/kit';
import type { Entry, MembershipChange } from '@corral/raft';
import { Store } from '@corral/store';
import type { CommandResult } from '@corral/store';
import { clusterPrefix, keysPrefix } from './backend.js';
import { Members } from './members.js';
import { decodeRequest, readRequestId } from './request-codec.js';
import type { RequestId } from './request-codec.js';
import { Sessions } from './sessions.js';
import type { SessionsData } from './sessions.js';

/** Told about every entry that took effect. Must not throw. */
export interface ApplyListener {
  /** A command ran; `result` is undefined for barriers and expiries. */
  onRequest(id: RequestId, result: CommandResult | undefined): void;
  onMembership(change: MembershipChange): void;
  /** Something below etcd's own prefix changed (names, client URLs, version). */
  onClusterData(): void;
}

export class SnapshotContentError extends CodedError<'E_SNAPSHOT_CONTENT'> {}

type SnapshotHead = {
  readonly format: number;
  readonly index: number;
  readonly sessions: SessionsData;
};

export class Applier {
  readonly store: Store;
  readonly members: Members;
  readonly #sessions = new Sessions();
  readonly #listener: ApplyListener;
  #appliedIndex = 0;
  #appliedBytes = 0;
  #appliedTerm = 0;

  constructor(listener: ApplyListener, options: { readonly historyMax?: number } = {}) {
    this.store = new Store({ namespaces: [clusterPrefix, keysPrefix], ...options });
    this.members = new Members(this.store);
    this.#listener = listener;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Bytes of all commands applied in this life. */
  get appliedBytes(): number {
    return this.#appliedBytes;
  }

  get appliedTerm(): number {
    return this.#appliedTerm;
  }

  apply(entry: Entry): void {
    if (entry.index !== this.#appliedIndex + 1) {
      throw new SnapshotContentError(
        'E_SNAPSHOT_CONTENT',
        `entry ${entry.index} cannot follow ${this.#appliedIndex}: the log has a hole`,
      );
    }
    this.#appliedIndex = entry.index;
    this.#appliedTerm = entry.term;
    this.#appliedBytes += entry.data.length;
    if (entry.kind === 'command') this.#applyRequest(entry);
    else if (entry.change !== undefined) this.#applyChange(entry.change);
  }

  /** A consistent picture of now as chunks; see Store.beginSnapshot. */
  beginSnapshot(): { next(maxBytes: number): Uint8Array | undefined; cancel(): void } {
    const head: SnapshotHead = {
      format: 1,
      index: this.#appliedIndex,
      sessions: this.#sessions.toData(),
    };
    let headChunk: Uint8Array | undefined = Buffer.from(JSON.stringify(head));
    const tree = this.store.beginSnapshot();
    return {
      next(maxBytes) {
        if (headChunk === undefined) return tree.next(maxBytes);
        const chunk = headChunk;
        headChunk = undefined;
        return chunk;
      },
      cancel: () => tree.cancel(),
    };
  }

  /** Replaces everything by a snapshot taken at `index` and `term`. */
  restore(
    meta: { readonly index: number; readonly term: number },
    chunks: Iterable<Uint8Array>,
  ): void {
    const iterator = chunks[Symbol.iterator]();
    const head = parseHead(iterator.next());
    if (head.index !== meta.index) {
      throw new SnapshotContentError(
        'E_SNAPSHOT_CONTENT',
        `the snapshot of index ${meta.index} holds the state of index ${head.index}`,
      );
    }
    this.store.restore({ [Symbol.iterator]: () => iterator });
    this.#sessions.restore(head.sessions);
    this.#appliedIndex = meta.index;
    this.#appliedTerm = meta.term;
    this.members.reload();
    this.#listener.onClusterData();
  }

  #applyRequest(entry: Entry): void {
    const id = readRequestId(entry.data);
    if (!this.#sessions.admit(id, entry.index)) return;
    const request = decodeRequest(entry.data);
    if (request.kind === 'barrier') {
      this.#listener.onRequest(id, undefined);
      return;
    }
    if (request.kind === 'expire') {
      this.store.expire(request.now);
      this.#listener.onRequest(id, undefined);
      return;
    }
    const result = this.store.apply(request);
    if (request.path.startsWith(`${clusterPrefix}/`)) {
      this.members.reload();
      this.#listener.onClusterData();
    }
    this.#listener.onRequest(id, result);
  }

  #applyChange(change: MembershipChange): void {
    this.members.applyChange(change);
    this.#listener.onMembership(change);
  }
}

function parseHead(first: IteratorResult<Uint8Array>): SnapshotHead {
  try {
    if (first.done === true) throw new Error('empty');
    const head = JSON.parse(Buffer.from(first.value).toString('utf8')) as SnapshotHead;
    if (head.format !== 1) throw new Error(`format ${String(head.format)}`);
    return head;
  } catch (error) {
    throw new SnapshotContentError('E_SNAPSHOT_CONTENT', 'the snapshot has no readable head', {
      cause: error,
    });
  }
}
