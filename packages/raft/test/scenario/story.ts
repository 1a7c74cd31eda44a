// The stage of a story: a few members, a network that delivers when it is told to, disks that can be
// held back, and a trace of everything that the cores want done. Nothing happens by itself.
import { RaftNode, defaultConfig } from '../../src/index.js';
import type {
  Entry,
  HardState,
  Message,
  NodeId,
  RaftConfig,
  Ready,
  SnapshotMeta,
  Term,
} from '../../src/index.js';
import { showEntry, showMessage, showReady } from './show.js';

type Actor = {
  core: RaftNode | undefined;
  hardState: HardState;
  snapshot: SnapshotMeta | undefined;
  entries: Entry[];
  /** Readys that the disk has not answered. */
  unsaved: Ready[];
  held: boolean;
  token: number;
};

export type ActorOptions = { readonly log: readonly Term[]; readonly term: Term | undefined };

const noBytes = new Uint8Array(0);
const stepsMax = 2_000;

export class Story {
  readonly #actors = new Map<NodeId, Actor>();
  readonly #cuts = new Set<string>();
  #config: Partial<RaftConfig> = {};
  /** Messages on their way, in the order in which they left. */
  queue: Message[] = [];
  lines: string[] = [];

  say(line: string): void {
    this.lines.push(line);
  }

  configure(config: Partial<RaftConfig>): void {
    this.#config = config;
  }

  /** A member whose log goes on after entry 1, of term 1, which stands for the first membership. */
  add(id: NodeId, voters: readonly NodeId[], { log, term }: ActorOptions): void {
    const snapshot = voters.length === 0 ? undefined : { index: 1, term: 1, voters };
    const entries = log.map((entryTerm, i): Entry => {
      const index = i + 2;
      return { index, term: entryTerm, kind: 'command', data: noBytes, change: undefined };
    });
    const own = term ?? log.at(-1) ?? (voters.length === 0 ? 0 : 1);
    const hardState = { term: own, vote: undefined, commit: snapshot?.index ?? 0 };
    const rest = { unsaved: [], held: false, token: 0 };
    this.#actors.set(id, { core: undefined, hardState, snapshot, entries, ...rest });
    this.start(id);
  }

  start(id: NodeId): void {
    const actor = this.#actor(id);
    const { hardState, snapshot, entries } = actor;
    actor.core = new RaftNode(
      // The shortest time-out, always: stories count ticks.
      { ...defaultConfig, ...this.#config, id, random: { next: () => 0 } },
      { hardState, snapshot, entries: [...entries] },
    );
    this.pump(id);
  }

  /** Ends the process: what the disk has not answered is lost. */
  crash(id: NodeId): void {
    const actor = this.#actor(id);
    actor.core = undefined;
    actor.unsaved = [];
    this.queue = this.queue.filter(({ to }) => to !== id);
  }

  core(id: NodeId): RaftNode {
    const { core } = this.#actor(id);
    if (core === undefined) throw new Error(`${id} does not run`);
    return core;
  }

  get ids(): readonly NodeId[] {
    return [...this.#actors.keys()];
  }

  cut(a: NodeId, b: NodeId): void {
    this.#cuts.add(`${a} ${b}`).add(`${b} ${a}`);
  }

  join(): void {
    this.#cuts.clear();
  }

  /** Does what the core wants done, and shows it. */
  pump(id: NodeId): void {
    const actor = this.#actor(id);
    while (actor.core?.hasReady() === true) {
      const ready = actor.core.ready();
      for (const line of showReady(ready)) this.say(`${id} ${line}`);
      this.#send(ready.messages);
      actor.token = ready.wake?.token ?? actor.token;
      actor.unsaved.push(ready);
      if (!actor.held) this.#save(id);
    }
  }

  hold(id: NodeId): void {
    this.#actor(id).held = true;
  }

  /** The disk answers everything that it was given. */
  release(id: NodeId): void {
    this.#actor(id).held = false;
    this.#save(id);
    this.pump(id);
  }

  wake(id: NodeId): void {
    this.core(id).wake(this.#actor(id).token);
    this.pump(id);
  }

  compact(id: NodeId, index: number, keepFrom: number): void {
    const actor = this.#actor(id);
    const core = this.core(id);
    const entry = actor.entries.find((one) => one.index === index)!;
    actor.snapshot = { index, term: entry.term, voters: [...core.voters].sort() };
    actor.entries = actor.entries.filter((one) => one.index >= keepFrom);
    core.compact(actor.snapshot, keepFrom);
  }

  /** Delivers one message; a member that does not run does not hear it. */
  deliver(message: Message): void {
    const { core } = this.#actor(message.to);
    if (core === undefined) return;
    core.step(message);
    this.pump(message.to);
    if (message.kind !== 'snapshot') return;
    this.#actor(message.from).core?.reportSnapshot(message.to, true);
    this.pump(message.from);
  }

  /** Delivers everything, and what comes of it, until nothing is on its way. */
  run(): void {
    for (let steps = 0; ; steps += 1) {
      const message = this.queue.shift();
      if (message === undefined) return;
      if (steps > stepsMax) throw new Error('the members do not come to rest');
      this.deliver(message);
    }
  }

  showLog(id: NodeId): string {
    const { snapshot, entries } = this.#actor(id);
    const base = snapshot === undefined ? 'nothing' : `${snapshot.index}/${snapshot.term}`;
    return [`after ${base}:`, ...entries.map(showEntry)].join(' ');
  }

  #actor(id: NodeId): Actor {
    const actor = this.#actors.get(id);
    if (actor === undefined) throw new Error(`there is no member ${id}`);
    return actor;
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) {
      const lost = this.#cuts.has(`${message.from} ${message.to}`) || !this.#actors.has(message.to);
      this.say(`${showMessage(message)}${lost ? ' (lost)' : ''}`);
      if (!lost) this.queue.push(message);
    }
  }

  #save(id: NodeId): void {
    const actor = this.#actor(id);
    const unsaved = actor.unsaved.splice(0);
    for (const { hardState, snapshot, entries } of unsaved) {
      actor.hardState = hardState ?? actor.hardState;
      if (snapshot !== undefined) Object.assign(actor, { snapshot, entries: [] });
      const first = entries[0];
      if (first === undefined) continue;
      actor.entries = [...actor.entries.filter(({ index }) => index < first.index), ...entries];
    }
    const last = unsaved.at(-1);
    if (last === undefined) return;
    actor.core?.saved(last.number);
    for (const { messagesAfterSave } of unsaved) this.#send(messagesAfterSave);
  }
}
