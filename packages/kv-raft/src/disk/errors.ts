// What can be wrong with a data directory. Damage and misuse are told apart from a failing disk:
// the first are found at start, the second ends the process at once.
import { CodedError } from '@corral/kit';

export type DiskErrorCode =
  /** Another process uses the directory. */
  | 'E_DATA_DIR_LOCKED'
  /** It cannot be read or written (path and errno in the text). */
  | 'E_DATA_DIR_ACCESS'
  /** Files of another member or cluster. */
  | 'E_WAL_FOREIGN'
  /** Written by a newer format. */
  | 'E_WAL_VERSION'
  /** Damage before the tail, or a hole: acknowledged entries may be gone. */
  | 'E_WAL_DAMAGED'
  /** No valid snapshot though the log does not start at its beginning. */
  | 'E_SNAPSHOT_MISSING';

export class DiskError extends CodedError<DiskErrorCode> {}

/**
 * A write or sync failed. What is on the disk is unknown from here on (a second sync may claim
 * success for data that is gone), so nothing is tried again: the process ends and starts from disk.
 */
export class StorageFailure extends CodedError<'E_STORAGE_FAILED'> {}

/** There is no space left for a snapshot; nothing was lost. */
export class NoSpaceError extends CodedError<'E_NO_SPACE'> {}
