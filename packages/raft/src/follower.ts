// What a member does with the messages of its leader.
import type { Core } from './core.js';
import { invariant } from './errors.js';
import type { Append, AppendReply, Heartbeat, InstallSnapshot } from './messages.js';

export function onAppend(core: Core, message: Append): void {
  const { prevIndex, prevTerm, entries, commit } = message;
  if (prevIndex < core.commit) {
    // An old message: everything it speaks of is known to match up to the commit index.
    reply(core, message.from, { accepted: true, index: core.commit, hintIndex: 0, hintTerm: 0 });
    return;
  }
  if (core.log.term(prevIndex) !== prevTerm) {
    const hintIndex = core.log.lastIndexWithTermAtMost(prevIndex, prevTerm);
    const hintTerm = core.log.term(hintIndex) ?? 0;
    reply(core, message.from, { accepted: false, index: prevIndex, hintIndex, hintTerm });
    return;
  }
  for (const entry of entries) {
    const known = core.log.term(entry.index);
    if (known === entry.term) continue;
    // Only a real conflict cuts the log: a delayed, shorter message must not.
    if (known !== undefined) core.log.truncateFrom(entry.index, core.commit);
    core.log.push(entry);
  }
  const lastVerified = prevIndex + entries.length;
  core.advanceCommit(Math.min(commit, lastVerified));
  reply(core, message.from, { accepted: true, index: lastVerified, hintIndex: 0, hintTerm: 0 });
}

export function onHeartbeat(core: Core, message: Heartbeat): void {
  invariant(
    message.commit <= core.log.lastIndex,
    `the leader says that this member holds entry ${message.commit}, but its log ends at ` +
      `${core.log.lastIndex}: entries that it had acknowledged are gone. Remove this member from ` +
      'the cluster and add it again with an empty data directory',
  );
  core.advanceCommit(message.commit);
  core.sendAfterSave({
    kind: 'heartbeatReply',
    from: core.id,
    to: message.from,
    term: core.term,
    readRound: message.readRound,
  });
}

/** The bytes of the snapshot are here already; this decides whether it is needed. */
export function onSnapshot(core: Core, message: InstallSnapshot): void {
  const { meta } = message;
  const known = { accepted: true, index: core.commit, hintIndex: 0, hintTerm: 0 };
  if (meta.index <= core.commit) {
    reply(core, message.from, known);
    return;
  }
  if (core.log.term(meta.index) === meta.term) {
    // The log holds it: keep the entries after it, and only learn that it is committed.
    core.advanceCommit(meta.index);
    reply(core, message.from, { ...known, index: meta.index });
    return;
  }
  core.log.restore(meta);
  core.commit = meta.index;
  core.applied = meta.index;
  core.voters = new Set(meta.voters);
  core.unsavedChanges = [];
  core.snapshotToInstall = meta;
  reply(core, message.from, { ...known, index: meta.index });
}

function reply(
  core: Core,
  to: AppendReply['to'],
  answer: Pick<AppendReply, 'accepted' | 'index' | 'hintIndex' | 'hintTerm'>,
): void {
  core.sendAfterSave({ kind: 'appendReply', from: core.id, to, term: core.term, ...answer });
}
