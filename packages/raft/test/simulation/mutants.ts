// Cores with one planted fault each: a copy of the sources with one piece of text replaced,
// translated and loaded from a temporary directory. What ships is never touched.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { faultKinds } from './options.js';
import type { FaultKind, SimOptions } from './options.js';
import type { Core } from './world.js';

export type Mutant = {
  /** What the faulty core does. */
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** A leader that looks for the last common entry one by one: slow, right, and it shows more. */
  readonly stepsBack?: true;
  /** Faults and settings that bring the rare schedule about more often. */
  readonly aim?: (drawn: SimOptions) => SimOptions;
  /** The invariants of which one must be violated. */
  readonly violates: RegExp;
};

const stepBack = {
  file: 'leader.ts',
  from: 'progress.refused(message.index, nextProbe)',
  to: 'progress.refused(message.index, Math.max(0, nextProbe - 4))',
};

const noFaults = Object.fromEntries(faultKinds.map((kind) => [kind, Infinity])) as Record<
  FaultKind,
  number
>;

const wideWindow = {
  maxInflightMessages: 64,
  maxInflightBytes: 1_000_000,
  maxUncommittedBytes: 1_000_000,
};

/** Old leaders that go on alone, with clients that believe them. */
function aimAtOldLeaders(drawn: SimOptions): SimOptions {
  return {
    ...drawn,
    voters: 3,
    spares: 0,
    faultyMs: 1_600,
    core: { ...drawn.core, ...wideWindow, checkQuorum: false, maxAppendBytes: 1_000_000 },
    network: { ...drawn.network, loss: 0 },
    everyMs: { ...noFaults, isolateLeader: 150 },
    proposeEveryMs: 3,
    readEveryMs: 3,
    snapshotEvery: Infinity,
  };
}

/** The same, entry by entry, so that what an old leader left is not replaced in one step. */
function aimAtLeftovers(drawn: SimOptions): SimOptions {
  const aimed = aimAtOldLeaders(drawn);
  return {
    ...aimed,
    core: { ...aimed.core, maxAppendBytes: 1 },
    disk: { ...aimed.disk, syncMs: 1 },
    turnDelayMs: 0,
    proposeEveryMs: 6,
    readEveryMs: 100,
  };
}

/** Two voters, of which the leader is removed and may crash at that moment. */
function aimAtLeavingLeaders(drawn: SimOptions): SimOptions {
  return {
    ...drawn,
    voters: 2,
    spares: 1,
    everyMs: { ...noFaults, membership: 60, crash: 120, partition: 200 },
    proposeEveryMs: 3,
    stopsRemoved: false,
  };
}

const source = join(import.meta.dirname, '../../src');

/** Loads the core with `mutant` planted. Throws when the text to replace is not there once. */
export async function loadMutant(mutant: Mutant, folder: string): Promise<Core> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const edits = mutant.stepsBack === true ? [mutant, stepBack] : [mutant];
  let planted = 0;
  for (const name of readdirSync(source)) {
    let text = readFileSync(join(source, name), 'utf8');
    for (const { file, from, to } of edits) {
      if (name !== file) continue;
      if (text.split(from).length !== 2) {
        throw new Error(`mutant "${mutant.name}": its text is not once in ${name}; adapt it`);
      }
      text = text.replace(from, () => to);
      planted += 1;
    }
    writeFileSync(join(folder, name.replace(/\.ts$/, '.js')), translate(text));
  }
  if (planted < edits.length) throw new Error(`mutant "${mutant.name}": a file is missing`);
  const url = pathToFileURL(join(folder, 'index.js')).href;
  const module = (await import(/* @vite-ignore */ url)) as { RaftNode: Core };
  return module.RaftNode;
}

const translated = new Map<string, string>();

function translate(text: string): string {
  const known = translated.get(text);
  if (known !== undefined) return known;
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  translated.set(text, outputText);
  return outputText;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'answers a vote request before the vote is saved',
    file: 'election.ts',
    from: 'else core.sendAfterSave(reply);',
    to: 'else core.send(reply);',
    violates: /durable before it is spoken|one vote a term/,
  },
  {
    name: 'asks for votes before its own is saved',
    file: 'election.ts',
    from: 'else core.sendAfterSave(request);',
    to: 'else core.send(request);',
    violates: /durable before it is spoken/,
  },
  {
    name: 'acknowledges entries before they are saved',
    file: 'follower.ts',
    from: "core.sendAfterSave({ kind: 'appendReply'",
    to: "core.send({ kind: 'appendReply'",
    violates: /durable before it is spoken/,
  },
  {
    name: 'votes for everybody whose log is good enough',
    file: 'election.ts',
    from: 'const granted = free && core.log',
    to: 'const granted = core.log',
    violates: /one vote a term|election safety/,
  },
  {
    name: 'votes without looking at the log',
    file: 'election.ts',
    from: 'free && core.log.isUpToDate(message.lastIndex, message.lastTerm)',
    to: 'free',
    violates: /leader completeness|committed|state machine safety|E_RAFT_INVARIANT|entries/,
  },
  {
    name: 'compares logs by length before it compares terms',
    file: 'log.ts',
    from: 'return term > this.lastTerm || (term === this.lastTerm && index >= this.lastIndex);',
    to: 'return index >= this.lastIndex;',
    aim: aimAtOldLeaders,
    violates: /leader completeness|committed|state machine safety/,
  },
  {
    name: 'takes half of the voters for a majority',
    file: 'quorum.ts',
    from: 'return Math.floor(size / 2) + 1;',
    to: 'return Math.ceil(size / 2);',
    violates: /durable before it is spoken|election safety|state machine safety/,
  },
  {
    name: 'commits entries of older terms by counting (figure 8)',
    file: 'leader.ts',
    from: 'if (index <= core.commit || core.log.term(index) !== core.term) return;',
    to: 'if (index <= core.commit) return;',
    aim: aimAtLeftovers,
    violates: /leader completeness|state machine safety|committed|linearizable/,
  },
  {
    name: 'commits up to its own last entry instead of the last verified one',
    file: 'follower.ts',
    from: 'core.advanceCommit(Math.min(commit, lastVerified));',
    to: 'core.advanceCommit(Math.min(commit, core.log.lastIndex));',
    stepsBack: true,
    aim: aimAtLeftovers,
    violates: /state machine safety|committed/,
  },
  {
    name: 'acknowledges its whole log instead of what the message verified',
    file: 'follower.ts',
    from: '{ accepted: true, index: lastVerified, hintIndex',
    to: '{ accepted: true, index: core.log.lastIndex, hintIndex',
    stepsBack: true,
    aim: aimAtLeftovers,
    violates: /state machine safety|committed|leader completeness|entries/,
  },
  {
    name: 'cuts the log after every append',
    file: 'follower.ts',
    from: 'const lastVerified = prevIndex + entries.length;',
    to:
      'const lastVerified = prevIndex + entries.length;\n' +
      '  if (core.log.lastIndex > lastVerified) core.log.truncateFrom(lastVerified + 1, 0);',
    violates: /committed|completeness|state machine|entries|durable/,
  },
  {
    name: 'takes appends without comparing the entry before',
    file: 'follower.ts',
    from: 'if (core.log.term(prevIndex) !== prevTerm) {',
    to: 'if (prevIndex > core.log.lastIndex) {',
    violates: /log matching/,
  },
  {
    name: 'counts its own entries before they are durable',
    file: 'leader.ts',
    from: 'matches.push(core.log.stableIndex)',
    to: 'matches.push(core.log.lastIndex)',
    violates: /completeness|state machine safety|committed|acknowledged/,
  },
  {
    name: 'applies entries before they are durable',
    file: 'node.ts',
    from: 'return Math.min(commit, log.stableIndex, (',
    to: 'return Math.min(commit, log.lastIndex, (',
    violates: /applied is durable/,
  },
  {
    name: 'takes a late save for the entries that replaced it',
    file: 'node.ts',
    from: 'unsaved.index = Math.min(unsaved.index, first - 1);',
    to: 'unsaved.index = Math.max(unsaved.index, first - 1);',
    violates: /applied is durable/,
  },
  {
    name: 'answers reads before an entry of its term is committed',
    file: 'leader.ts',
    from: 'if (core.log.term(core.commit) !== core.term) core.reads.addEarly(id);\n  else if',
    to: 'if',
    violates: /linearizable/,
  },
  {
    name: 'lets any heartbeat reply confirm any round of reads',
    file: 'read-index.ts',
    from: 'if (open.number > round) break;',
    to: 'if (open.number > round + 1_000_000) break;',
    aim: aimAtOldLeaders,
    violates: /linearizable/,
  },
  {
    name: 'answers reads without asking anybody',
    file: 'leader.ts',
    from: 'else if (isAlone(core)) core.confirmedReads',
    to: 'else core.confirmedReads',
    violates: /linearizable|reads|read ends/,
  },
  {
    name: 'proposes a membership change while one is on its way',
    file: 'leader.ts',
    from: "if (core.pendingChange !== undefined) return refuse(core, 'change-pending');",
    to: '',
    violates: /one membership change|agree on the voters|entries/,
  },
  {
    name: 'saves entries with a commit index of some time ago',
    file: 'node.ts',
    from: 'const { term, vote, commit } = this.#core;\n    this.#hard = { term, vote, commit };',
    to:
      'const { term, vote, commit } = this.#core;\n' +
      '    this.#hard = { term, vote, commit };\n' +
      '    const old = Math.min(commit, Math.max(5, commit - 6));\n' +
      '    if (this.#core.voters.size > 1) return { term, vote, commit: old };',
    violates: /one membership change|safety|completeness|durable|liveness|commit/,
  },
  {
    name: 'tells a follower the raw commit index',
    file: 'leader.ts',
    from: 'const commit = Math.min(core.commit, progress.match);\n  progress.commitSent',
    to: 'const commit = core.commit;\n  progress.commitSent',
    violates: /leader says that this member holds|state machine safety|committed/,
  },
  {
    name: 'installs old snapshots',
    file: 'follower.ts',
    from: 'if (meta.index <= core.commit) {',
    to: 'if (meta.index <= 0) {',
    violates: /old snapshots|commit index only grows|stays|entries/,
  },
  {
    name: 'keeps its vote from one term to the next',
    file: 'core.ts',
    from: 'this.vote = undefined;\n    }\n    this.role',
    to: '}\n    this.role',
    violates: /liveness|durable|one vote/,
  },
  {
    name: 'never answers a leader of an older term',
    file: 'node.ts',
    from: "if (message.kind === 'heartbeatReply' || message.kind === 'timeoutNow') return;",
    to: 'return;',
    violates: /liveness/,
  },
  {
    name: 'never gives up a leadership transfer',
    file: 'leader.ts',
    from: 'if (core.transferElapsed >= config.electionTicks) core.transferee = undefined;',
    to: '',
    violates: /liveness/,
  },
  {
    name: 'never probes again after a lost probe',
    file: 'progress.ts',
    from: 'this.recentlyActive = true;\n    this.#probeSent = false;',
    to: 'this.recentlyActive = true;',
    violates: /liveness/,
  },
  {
    name: 'never leaves the snapshot state when sending failed',
    file: 'progress.ts',
    from: "if (this.state !== 'snapshot') return;",
    to: 'return;',
    violates: /liveness/,
  },
  {
    name: 'takes proposals behind its own removal',
    file: 'leader.ts',
    from: "return change?.kind === 'remove' && change.node === core.id;",
    to: 'return false;',
    aim: aimAtLeavingLeaders,
    violates: /liveness/,
  },
  {
    name: 'forgets reads that are out when the last other voter goes',
    file: 'leader.ts',
    from: 'if (isAlone(core) && (core.reads.hasWaiting || core.reads.openRound > 0))',
    to: 'if (isAlone(core) && core.reads.hasWaiting)',
    violates: /liveness/,
  },
];
