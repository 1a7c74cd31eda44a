// Refusals of the store: etcd v2 error codes (etcd 2.3 documentation, errorcode.md). They are
// values, not exceptions: a failed compare is an ordinary answer. Only a damaged snapshot throws.

export type StoreErrorCode = 100 | 101 | 102 | 104 | 105 | 107 | 108 | 401;

export type StoreError = {
  readonly code: StoreErrorCode;
  /** A full store path or an explanation; the server trims its prefix from paths. */
  readonly cause: string;
  /** The store index at the time. */
  readonly index: number;
};

/** The `message` of an etcd v2 error body for each code that the store gives. */
export const storeErrorMessages: Readonly<Record<StoreErrorCode, string>> = {
  100: 'Key not found',
  101: 'Compare failed',
  102: 'Not a file',
  104: 'Not a directory',
  105: 'Key already exists',
  107: 'Root is read only',
  108: 'Directory not empty',
  401: 'The event in requested index is outdated and cleared',
};

/**
 * `E_SNAPSHOT_DAMAGED`: the bytes are not a whole snapshot of a version that this code reads.
 * `E_SNAPSHOT_BUSY`: a snapshot was begun while another one was still being written.
 */
export type StoreSnapshotErrorCode = 'E_SNAPSHOT_DAMAGED' | 'E_SNAPSHOT_BUSY';

export class StoreSnapshotError extends Error {
  readonly code: StoreSnapshotErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: StoreSnapshotErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = 'StoreSnapshotError';
    this.code = code;
    this.details = details;
  }
}
