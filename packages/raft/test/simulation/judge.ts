// The safety invariants of Raft (figure 3 of the paper, and what a client may rely on), checked
// after each step at the cost of what the step changed. A log prefix is known by its hash, so one
// comparison speaks for everything before it.
import type { Entry, Message, NodeId, RaftNode, Ready } from '../../src/index.js';
import type { Disk } from './disk.js';
import { extend } from './hash.js';

export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.name = 'Violation';
    this.invariant = invariant;
  }
}

/** What the judge knows of one member in its present life. */
export type View = {
  readonly id: NodeId;
  readonly disk: Disk;
  /** Hash of the log up to each index, as far as it was handed out. */
  chain: number[];
  lastIndex: number;
  commit: number;
  applied: number;
  term: number;
  /** Leads in this term since the last look. */
  leads: number | undefined;
  /** Became leader; what was committed then is to be compared with its log. */
  crowned: { readonly term: number; readonly committed: number } | undefined;
  /** Indexes of membership entries beyond the commit index. */
  changes: number[];
  lastChange: number;
};

type Committed = { readonly chain: number; readonly term: number; readonly change: boolean };

export class Judge {
  readonly counts = new Map<string, number>();
  readonly committed: Committed[] = [{ chain: 0, term: 0, change: false }];
  /** The highest index that any member has applied. */
  appliedMax = 0;
  readonly #leaders = new Map<number, NodeId>();
  readonly #prefixes = new Map<number, number>();
  readonly #votes = new Map<string, NodeId>();
  readonly #voters = new Map<number, string>();
  readonly #changeAt = new Set<number>();

  /** The log that every first member starts with is committed by definition. */
  booted(entries: readonly Entry[]): void {
    let chain = 0;
    for (const entry of entries) {
      chain = extend(chain, entry);
      this.committed.push({ chain, term: entry.term, change: entry.change !== undefined });
      this.#changeAt.add(chain);
    }
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** A member has started from what its disk held. */
  started(id: NodeId, disk: Disk, core: RaftNode): View {
    const { hardState, snapshot, entries } = disk;
    const base = (entries[0]?.index ?? (snapshot?.meta.index ?? 0) + 1) - 1;
    const chain: number[] = [];
    chain[base] = this.committed[base]?.chain ?? NaN;
    for (const entry of entries) chain[entry.index] = extend(chain[entry.index - 1]!, entry);
    if (snapshot !== undefined) chain[snapshot.meta.index] = snapshot.state;
    expect(core.term === hardState.term, 'a restart keeps the term', id);
    const { commit } = core;
    expect(
      chain[commit] === this.committed[commit]?.chain,
      'a restart keeps what is committed',
      id,
    );
    const changes = entries.filter((entry) => entry.change !== undefined).map(({ index }) => index);
    return {
      id,
      disk,
      chain,
      lastIndex: disk.lastIndex,
      commit: core.commit,
      applied: snapshot?.meta.index ?? 0,
      term: core.term,
      leads: undefined,
      crowned: undefined,
      changes: changes.filter((index) => index > core.commit),
      lastChange: 0,
    };
  }

  /** After each input: roles, terms and commit indexes. */
  looked(view: View, core: RaftNode): void {
    expect(core.term >= view.term, 'terms only grow', `${view.id}: ${view.term}, ${core.term}`);
    expect(core.commit >= view.commit, 'the commit index only grows', `${view.id}: ${core.commit}`);
    view.term = core.term;
    const leads = core.role === 'leader' ? core.term : undefined;
    if (leads === view.leads) return;
    view.leads = leads;
    if (leads === undefined) return;
    const known = this.#leaders.get(leads);
    expect(known === undefined, 'election safety', `${known} and ${view.id} lead in term ${leads}`);
    this.#leaders.set(leads, view.id);
    view.crowned = { term: leads, committed: this.committed.length - 1 };
    this.count('elections');
  }

  /** The log and commit index that a Ready shows. */
  readied(view: View, core: RaftNode, ready: Ready): void {
    if (ready.snapshot !== undefined) this.#installed(view, ready.snapshot.index);
    for (const entry of ready.entries) this.#appended(view, core, entry);
    if (view.crowned !== undefined) this.#checkCompleteness(view);
    if (core.commit > view.commit) this.#committedUpTo(view, core);
    expect(
      view.changes.length <= 1,
      'one membership change at a time',
      `${view.id} holds uncommitted changes at ${view.changes.join(', ')}`,
    );
  }

  applied(view: View, entry: Entry, state: number): void {
    const { id, disk } = view;
    const { index, term } = entry;
    expect(index === view.applied + 1, 'entries are applied in order', `${id}: ${index}`);
    expect(
      disk.holds(index, term),
      'what is applied is durable',
      `${id} applies ${index} of term ${term}; its disk ends at ${disk.lastIndex}`,
    );
    const expected = this.committed[index]?.chain;
    expect(expected === state, 'state machine safety', `${id} applies another entry at ${index}`);
    view.applied = index;
    if (index > this.appliedMax) this.appliedMax = index;
  }

  /** A message leaves: everything that it promises is on disk. */
  sent(view: View, message: Message): void {
    const { id, disk } = view;
    const { hardState } = disk;
    const rule = 'a promise is durable before it is spoken';
    if (message.kind === 'voteReply' && message.granted && !message.preVote) {
      const key = `${id} ${message.term}`;
      const known = this.#votes.get(key) ?? message.to;
      expect(known === message.to, 'one vote a term', `${id} votes for ${known}, ${message.to}`);
      this.#votes.set(key, message.to);
      const voted = hardState.term === message.term && hardState.vote === message.to;
      expect(hardState.term > message.term || voted, rule, `${id}: vote of ${message.term}`);
    } else if (message.kind === 'voteRequest' && !message.preVote) {
      const voted = hardState.term === message.term && hardState.vote === id;
      expect(hardState.term > message.term || voted, rule, `${id}: asks in ${message.term}`);
    } else if (message.kind === 'append') {
      expect(hardState.term >= message.term, rule, `${id}: leads in ${message.term}`);
    } else if (message.kind === 'appendReply' && message.accepted) {
      const held = hardState.term === message.term && disk.lastIndex >= message.index;
      expect(hardState.term > message.term || held, rule, `${id}: has ${message.index}`);
    } else if (message.kind === 'snapshot') {
      this.count('snapshots sent');
    }
  }

  /** A read that was asked for when `floor` was the highest applied index anywhere. */
  read(id: NodeId, index: number, floor: number): void {
    this.count('reads');
    expect(
      index >= floor,
      'reads are linearizable',
      `${id} answers from ${index}, but ${floor} had been answered before`,
    );
  }

  #installed(view: View, index: number): void {
    const committed = this.committed[index];
    expect(committed !== undefined, 'snapshots hold committed entries', `${view.id}: ${index}`);
    expect(index > view.commit, 'old snapshots are ignored', `${view.id}: ${index}`);
    this.count('snapshots installed');
    view.chain = [];
    view.chain[index] = committed?.chain ?? 0;
    view.lastIndex = index;
    view.commit = index;
    view.applied = index;
    view.changes = [];
  }

  #appended(view: View, core: RaftNode, entry: Entry): void {
    const { id, chain } = view;
    const { index, term } = entry;
    if (index <= view.lastIndex) {
      this.count('overwritten entries');
      expect(index > view.commit, 'committed entries stay', `${id} overwrites ${index}`);
      const ownTerm = view.leads !== undefined && view.crowned === undefined;
      expect(!ownTerm, 'leader append-only', `${id} overwrites ${index} in term ${core.term}`);
      view.changes = view.changes.filter((change) => change < index);
    }
    const before = index === 1 ? 0 : chain[index - 1];
    expect(before !== undefined, 'logs have no gaps', `${id} appends ${index}`);
    const hash = extend(before ?? 0, entry);
    chain[index] = hash;
    view.lastIndex = index;
    if (entry.change !== undefined) {
      view.changes.push(index);
      this.#changeAt.add(hash);
    }
    const key = index * 65_536 + term;
    const known = this.#prefixes.get(key);
    expect(known === undefined || known === hash, 'log matching', `${id}: ${index} of ${term}`);
    this.#prefixes.set(key, hash);
  }

  /** A leader holds every entry that was committed in an earlier term. */
  #checkCompleteness(view: View): void {
    const { term, committed } = view.crowned!;
    view.crowned = undefined;
    let index = committed;
    while (index > 0 && this.committed[index]!.term >= term) index -= 1;
    if (index === 0 || view.chain[index] === undefined) {
      expect(view.lastIndex >= index, 'leader completeness', `${view.id} lacks ${index}`);
      return;
    }
    expect(
      view.chain[index] === this.committed[index]!.chain,
      'leader completeness',
      `${view.id} leads in ${term} with another entry at ${index}`,
    );
  }

  #committedUpTo(view: View, core: RaftNode): void {
    const { id, chain } = view;
    const { commit } = core;
    for (let index = this.committed.length; index <= commit; index += 1) {
      const hash = chain[index];
      expect(hash !== undefined, 'what is committed is held', `${id} lacks ${index}`);
      const change = this.#changeAt.has(hash ?? 0);
      this.committed.push({ chain: hash ?? 0, term: core.term, change });
      this.count('committed entries');
      if (change) this.count('membership changes');
    }
    expect(
      chain[commit] === this.committed[commit]!.chain,
      'state machine safety',
      `${id} commits another entry at ${commit}`,
    );
    view.commit = commit;
    const passed = view.changes.filter((index) => index <= commit);
    if (passed.length === 0) return;
    view.changes = view.changes.filter((index) => index > commit);
    const last = passed.at(-1)!;
    const voters = [...core.voters].sort().join(' ');
    const known = this.#voters.get(last) ?? voters;
    expect(known === voters, 'members agree on the voters', `${id}: ${voters}; others: ${known}`);
    this.#voters.set(last, voters);
  }
}

export function expect(condition: boolean, invariant: string, message: string): void {
  if (!condition) throw new Violation(invariant, message);
}
