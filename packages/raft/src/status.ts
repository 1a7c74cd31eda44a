// A frozen picture of a node, for people and for tests.
import type { Core } from './core.js';
import type { Status } from './ready.js';

export function statusOf(core: Core): Status {
  const progress = [...core.progress].map(([id, one]) => [id, one.status()] as const);
  return {
    id: core.id,
    role: core.role,
    term: core.term,
    vote: core.vote,
    leader: core.leader,
    commit: core.commit,
    applied: core.applied,
    firstIndex: core.log.firstIndex,
    lastIndex: core.log.lastIndex,
    stableIndex: core.log.stableIndex,
    voters: [...core.voters].sort(),
    progress: new Map(progress),
    transferee: core.transferee,
    pendingChange: core.pendingChange,
  };
}
