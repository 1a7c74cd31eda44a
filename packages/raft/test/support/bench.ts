// One core on a bench: everything that it says is shown, and its disk answers when the test says so.
import { seededPrng } from '@corral/kit';
import { RaftNode, defaultConfig } from '../../src/index.js';
import type {
  Append,
  Entry,
  FailedRead,
  MembershipChange,
  Message,
  NodeId,
  RaftConfig,
  ReadState,
  Ready,
  SnapshotMeta,
  Term,
} from '../../src/index.js';

const noBytes = new Uint8Array(0);

export type BenchOptions = {
  readonly voters?: readonly NodeId[];
  /** The term of each entry of the log, from index 1 on. */
  readonly log?: readonly Term[];
  readonly term?: Term;
  readonly vote?: NodeId;
  readonly commit?: number;
  readonly snapshot?: SnapshotMeta;
  readonly config?: Partial<RaftConfig>;
};

export function entry(index: number, term: Term, data: Uint8Array = noBytes): Entry {
  return { index, term, kind: 'command', data, change: undefined };
}

export function change(kind: MembershipChange['kind'], node: NodeId): MembershipChange {
  return { kind, node, context: noBytes };
}

/** Member "a", by default of a, b and c, with a log of the given terms. */
export class Bench {
  readonly core: RaftNode;
  readonly reads: ReadState[] = [];
  readonly failedReads: FailedRead[] = [];
  readonly applied: number[] = [];
  readonly appliedTerms: Term[] = [];
  readonly readys: Ready[] = [];

  constructor(options: BenchOptions = {}) {
    const { voters = ['a', 'b', 'c'], log = [], vote, config = {} } = options;
    const snapshot = options.snapshot ?? { index: 0, term: 0, voters };
    const entries = log.map((term, i) => entry(snapshot.index + 1 + i, term));
    const term = options.term ?? log.at(-1) ?? snapshot.term;
    const commit = options.commit ?? 0;
    this.core = new RaftNode(
      { ...defaultConfig, preVote: false, id: 'a', random: seededPrng(1), ...config },
      { hardState: { term, vote, commit }, snapshot, entries },
    );
  }

  /** Takes one Ready and leaves it unsaved. */
  take(): Ready {
    const ready = this.core.ready();
    this.readys.push(ready);
    this.reads.push(...ready.reads);
    this.failedReads.push(...ready.failedReads);
    this.applied.push(...ready.committed.map(({ index }) => index));
    this.appliedTerms.push(...ready.committed.map(({ term }) => term));
    return ready;
  }

  /** Does all that is to be done, with a disk that answers at once; gives what was sent. */
  settle(): Message[] {
    const sent: Message[] = [];
    while (this.core.hasReady()) {
      const ready = this.take();
      sent.push(...ready.messages);
      this.core.saved(ready.number);
      sent.push(...ready.messagesAfterSave);
    }
    return sent;
  }

  /** A message comes in; gives what was sent because of it. */
  step(message: Message): Message[] {
    this.core.step(message);
    return this.settle();
  }

  /** Ticks until `done`, at the most `limit` times; gives the number of ticks. */
  tickUntil(done: () => boolean, limit = 100): number {
    for (let ticks = 0; ticks <= limit; ticks += 1) {
      if (done()) return ticks;
      this.core.tick();
    }
    throw new Error(`nothing came of ${limit} ticks`);
  }

  tick(count: number): Message[] {
    for (let i = 0; i < count; i += 1) this.core.tick();
    return this.settle();
  }

  /** Becomes leader of a new term by the votes of `voters`. */
  lead(...voters: readonly NodeId[]): Message[] {
    this.core.campaign();
    const sent = this.settle();
    const { term } = this.core;
    for (const from of voters) sent.push(...this.step(grant(from, term)));
    return sent;
  }

  /** All that `from` acknowledges of this leader's log. */
  acknowledge(from: NodeId, index: number): Message[] {
    return this.step(accept(from, this.core.term, index));
  }
}

export function grant(from: NodeId, term: Term, granted = true): Message {
  return { kind: 'voteReply', from, to: 'a', term, preVote: false, granted };
}

export function preGrant(from: NodeId, term: Term, granted = true): Message {
  return { kind: 'voteReply', from, to: 'a', term, preVote: true, granted };
}

export function accept(from: NodeId, term: Term, index: number): Message {
  const kind = 'appendReply';
  return { kind, from, to: 'a', term, accepted: true, index, hintIndex: 0, hintTerm: 0 };
}

export function append(
  from: NodeId,
  term: Term,
  prev: readonly [index: number, term: Term],
  terms: readonly Term[],
  commit = 0,
): Append {
  const [prevIndex, prevTerm] = prev;
  const entries = terms.map((entryTerm, i) => entry(prevIndex + 1 + i, entryTerm));
  return { kind: 'append', from, to: 'a', term, prevIndex, prevTerm, entries, commit };
}

export function askVote(
  from: NodeId,
  term: Term,
  last: readonly [index: number, term: Term],
  more: { readonly preVote?: boolean; readonly transfer?: boolean } = {},
): Message {
  const { preVote = false, transfer = false } = more;
  const [lastIndex, lastTerm] = last;
  return { kind: 'voteRequest', from, to: 'a', term, preVote, lastIndex, lastTerm, transfer };
}

export function heartbeat(from: NodeId, term: Term, commit = 0, readRound = 0): Message {
  return { kind: 'heartbeat', from, to: 'a', term, commit, readRound };
}

export function heartbeatReply(from: NodeId, term: Term, readRound: number): Message {
  return { kind: 'heartbeatReply', from, to: 'a', term, readRound };
}

/** What was sent, by kind. */
export function ofKind<Kind extends Message['kind']>(
  messages: readonly Message[],
  kind: Kind,
): Extract<Message, { kind: Kind }>[] {
  return messages.filter(
    (message): message is Extract<Message, { kind: Kind }> => message.kind === kind,
  );
}
