// The core's errors. An expected refusal is a value (ready.ts); these two mean that somebody made a
// mistake the node cannot live with.

export type RaftErrorCode = 'E_RAFT_CONFIG' | 'E_RAFT_INVARIANT';

/** E_RAFT_CONFIG: settings that make no sense. E_RAFT_INVARIANT: state that must not be. */
export class RaftError extends Error {
  readonly code: RaftErrorCode;

  constructor(code: RaftErrorCode, message: string) {
    super(message);
    this.name = 'RaftError';
    this.code = code;
  }
}

/** Throws when `condition` is false: the process has to end and be restarted from disk. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new RaftError('E_RAFT_INVARIANT', message);
}
