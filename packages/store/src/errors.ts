// Refusals of the store: etcd v2 error codes (etcd 2.3 documentation, errorcode.md). They are
// values, not exceptions: a failed compare is an ordinary answer.

export type StoreErrorCode = 100 | 101 | 102 | 104 | 105 | 107 | 108 | 401;

export type StoreError = {
  readonly code: StoreErrorCode;
  /** A full store path or an explanation; the server trims its prefix from paths. */
  readonly cause: string;
  /** The store index at the time. */
  readonly index: number;
};
