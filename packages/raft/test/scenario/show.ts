// How a story writes things down: an entry as index/term, a message as "from > to: what".
import type { Entry, Message, Ready } from '../../src/index.js';

export function showEntry({ index, term, kind, data, change }: Entry): string {
  const place = `${index}/${term}`;
  if (change !== undefined) return `${place}(${change.kind} ${change.node})`;
  if (kind === 'empty') return `${place}()`;
  return data.length === 0 ? place : `${place}"${String.fromCharCode(...data)}"`;
}

export function showMessage(message: Message): string {
  return `${message.from} > ${message.to}: ${showBody(message)}`;
}

function showBody(message: Message): string {
  const { term } = message;
  switch (message.kind) {
    case 'voteRequest': {
      const kind = message.preVote ? 'pre-vote' : 'vote';
      const transfer = message.transfer ? ' transfer' : '';
      return `${kind}? term ${term} last ${message.lastIndex}/${message.lastTerm}${transfer}`;
    }
    case 'voteReply':
      return `${message.preVote ? 'pre-vote' : 'vote'} ${message.granted ? 'yes' : 'no'} term ${term}`;
    case 'append': {
      const { prevIndex, prevTerm, entries, commit } = message;
      const list = entries.map(showEntry).join(' ');
      return `append term ${term} after ${prevIndex}/${prevTerm} [${list}] commit ${commit}`;
    }
    case 'appendReply':
      return message.accepted
        ? `accepted term ${term} up to ${message.index}`
        : `refused term ${term} at ${message.index}, look at ${message.hintIndex}/${message.hintTerm}`;
    case 'heartbeat':
      return `heartbeat term ${term} commit ${message.commit}${showRound(message.readRound)}`;
    case 'heartbeatReply':
      return `heartbeat reply term ${term}${showRound(message.readRound)}`;
    case 'snapshot':
      return `snapshot term ${term} of ${message.meta.index}/${message.meta.term}`;
    case 'timeoutNow':
      return `lead now term ${term}`;
    default:
      return message satisfies never;
  }
}

function showRound(round: number): string {
  return round === 0 ? '' : ` round ${round}`;
}

/** What a Ready wants done, messages aside. */
export function showReady(ready: Ready): readonly string[] {
  const { hardState, entries, snapshot, soft, wake, committed } = ready;
  const lines: string[] = [];
  if (soft !== undefined) {
    const leader = soft.leader === undefined ? 'nobody leads' : `${soft.leader} leads`;
    lines.push(`is ${soft.role} in term ${soft.term}, ${leader}`);
  }
  const saves: string[] = [];
  if (hardState !== undefined) {
    const { term, vote, commit } = hardState;
    saves.push(`term ${term} vote ${vote ?? '-'} commit ${commit}`);
  }
  if (snapshot !== undefined) {
    saves.push(`snapshot ${snapshot.index}/${snapshot.term} of ${snapshot.voters.join(' ')}`);
  }
  if (entries.length > 0) saves.push(entries.map(showEntry).join(' '));
  if (saves.length > 0) lines.push(`${ready.mustSync ? 'saves' : 'notes'} ${saves.join(', ')}`);
  if (committed.length > 0) lines.push(`applies ${committed.map(showEntry).join(' ')}`);
  for (const { id, index } of ready.reads) lines.push(`answers read ${id} at ${index}`);
  for (const { id } of ready.failedReads) lines.push(`fails read ${id}`);
  if (wake !== undefined) lines.push(`wants to be woken in ${wake.afterMs} ms`);
  return lines;
}
