// Is a message well formed? Peers are trusted to follow the protocol, but a bug or a damaged frame
// must cost no more than the message.
import type { Entry, Message, SnapshotMeta } from './messages.js';

export function isWellFormed(message: Message): boolean {
  if (!isCount(message.term) || message.term < 1) return false;
  switch (message.kind) {
    case 'voteRequest':
      return isCount(message.lastIndex) && isCount(message.lastTerm);
    case 'append':
      return (
        isCount(message.prevIndex) &&
        isCount(message.prevTerm) &&
        message.prevTerm <= message.term &&
        isCount(message.commit) &&
        follows(message.entries, message.prevIndex, message.prevTerm, message.term)
      );
    case 'appendReply':
      return isCount(message.index) && isCount(message.hintIndex) && isCount(message.hintTerm);
    case 'heartbeat':
      return isCount(message.commit) && isCount(message.readRound);
    case 'heartbeatReply':
      return isCount(message.readRound);
    case 'snapshot':
      return isSnapshot(message.meta, message.term);
    case 'voteReply':
    case 'timeoutNow':
      return true;
    default:
      return false;
  }
}

function isSnapshot({ index, term, voters }: SnapshotMeta, messageTerm: number): boolean {
  if (!isCount(index) || !isCount(term) || voters.length === 0) return false;
  return index >= 1 && term >= 1 && term <= messageTerm;
}

function follows(
  entries: readonly Entry[],
  prevIndex: number,
  prevTerm: number,
  messageTerm: number,
): boolean {
  let term = prevTerm;
  for (const [i, entry] of entries.entries()) {
    if (entry.index !== prevIndex + 1 + i) return false;
    if (!isCount(entry.term) || entry.term < Math.max(1, term)) return false;
    if (entry.term > messageTerm) return false;
    term = entry.term;
  }
  return true;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
