// Errors that a user of the harness can meet: a stable id, one cause, at most three remedies, and
// the exit code that belongs to the id.
import { CodedError } from '@corral/kit';

export const exitCodes = {
  E_FAILED: 1,
  E_USAGE: 2,
  E_UNKNOWN_CLUSTER: 3,
  E_UNKNOWN_NODE: 3,
  E_CLUSTER_EXISTS: 4,
  E_PORT_TAKEN: 5,
  E_DISK_LOW: 5,
  E_NO_DOCKER: 5,
  E_DOCKER_PERMISSION: 5,
  E_DOCKER_OLD: 5,
  E_IMAGE_MISSING: 5,
  E_IMAGE_BUILD: 5,
  E_FAULT_UNAVAILABLE: 5,
  E_NODE_LACKS: 5,
  E_UNSUPPORTED_SYSTEM: 5,
  E_TIMEOUT: 6,
  E_NO_QUORUM: 7,
  E_CLOUD_CONFIG: 8,
  E_CONFIG: 8,
  E_KEEPER_GONE: 1,
  E_PROGRAM_UNFIT: 126,
  E_PROGRAM_MISSING: 127,
  E_DEV_BUILD: 1,
  E_DEV_WORSE: 1,
  E_DEV_TREE: 5,
} as const;

export type ClusterErrorCode = keyof typeof exitCodes;

export class ClusterError extends CodedError<ClusterErrorCode> {
  /** What to do, most likely first. */
  readonly remedies: readonly string[];

  constructor(
    code: ClusterErrorCode,
    message: string,
    options: {
      readonly cause?: unknown;
      readonly details?: Readonly<Record<string, unknown>>;
      readonly remedies?: readonly string[];
    } = {},
  ) {
    super(code, message, options);
    this.remedies = options.remedies ?? [];
  }

  get exitCode(): number {
    return exitCodes[this.code];
  }
}
