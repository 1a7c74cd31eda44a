// Is a message well formed? Peers are trusted to follow the protocol, but a bug or a damaged frame
// must cost no more than the message.
import type { Entry, Message } from './messages.js';

export function isWellFormed(message: Message): boolean {
  if (!isCount(message.term) || message.term < 1) return false;
  switch (message.kind) {
    case 'voteRequest':
      return isCount(message.lastIndex) && isCount(message.lastTerm);
    case 'append':
      return (
        isCount(message.prevIndex) &&
        isCount(message.prevTerm) &&
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
      return message.meta.index >= 1 && isCount(message.meta.index) && isCount(message.meta.term);
    case 'voteReply':
    case 'timeoutNow':
      return true;
    default:
      return false;
  }
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
    if (!(entry.term >= term && entry.term <= messageTerm)) return false;
    term = entry.term;
  }
  return true;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
