// Refuses settings that make no sense, with what to do about it.
import type { RaftConfig } from './config.js';
import { RaftError } from './errors.js';

/** Throws RaftError E_RAFT_CONFIG naming the field. */
export function validateConfig(config: RaftConfig): void {
  if (config.id === '') throw new RaftError('E_RAFT_CONFIG', 'id must not be empty');
  positive('electionTicks', config.electionTicks);
  positive('heartbeatTicks', config.heartbeatTicks);
  positive('maxAppendBytes', config.maxAppendBytes);
  positive('maxInflightMessages', config.maxInflightMessages);
  positive('maxInflightBytes', config.maxInflightBytes);
  positive('maxUncommittedBytes', config.maxUncommittedBytes);
  positive('maxCommittedBytes', config.maxCommittedBytes);
  if (config.electionTicks <= config.heartbeatTicks) {
    throw new RaftError(
      'E_RAFT_CONFIG',
      `electionTicks (${config.electionTicks}) must be above heartbeatTicks (${config.heartbeatTicks})`,
    );
  }
}

function positive(name: string, value: number): void {
  if (Number.isFinite(value) && value >= 1) return;
  throw new RaftError('E_RAFT_CONFIG', `${name} must be at least 1, not ${value}`);
}
