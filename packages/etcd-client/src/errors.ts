// What can go wrong between a client and a cluster. The one question that matters to a caller of a
// write is answered by the class: did the cluster refuse it, was it never sent, or is its fate
// unknown?
import { CodedError } from '@corral/kit';

/** The cluster answered with an error of the v2 API (errorCode 100 to 5xx). Nothing was changed. */
export class EtcdApiError extends CodedError<'E_ETCD_API'> {
  /** etcd's own code, for instance 100 (key not found). */
  readonly errorCode: number;
  readonly reason: string;
  /** etcd's `cause`, usually the key. */
  readonly what: string;
  /** The store index at the time. */
  readonly index: number;
  readonly status: number;

  constructor(answer: {
    readonly errorCode: number;
    readonly message: string;
    readonly cause: string;
    readonly index: number;
    readonly status: number;
  }) {
    super('E_ETCD_API', `${answer.errorCode}: ${answer.message} (${answer.cause})`);
    this.errorCode = answer.errorCode;
    this.reason = answer.message;
    this.what = answer.cause;
    this.index = answer.index;
    this.status = answer.status;
  }
}

export type ClientErrorCode =
  /** No endpoint took the request: nothing was sent, or every server said that it did not take it. */
  | 'E_NO_ENDPOINT'
  /** The request was sent and no answer came: a write may or may not have happened. */
  | 'E_UNKNOWN_OUTCOME'
  /** An answer that is none of etcd's. */
  | 'E_BAD_ANSWER'
  /** The members API refused (status and message in the text). */
  | 'E_MEMBER_REFUSED';

export class ClientError extends CodedError<ClientErrorCode> {}

/** True for an API error with etcd's `errorCode`. */
export function isEtcdError(error: unknown, errorCode: number): error is EtcdApiError {
  return error instanceof EtcdApiError && error.errorCode === errorCode;
}
