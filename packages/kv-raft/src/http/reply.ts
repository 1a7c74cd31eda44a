// Answers: one table of error codes, one function per kind of answer.
import type { ServerResponse } from 'node:http';
import type { StoreError } from '@corral/store';
import { storeErrorMessages } from '@corral/store';
import type { Backend, RequestFailure } from '../backend.js';
import { goString } from './json.js';
import { trimKey } from './render.js';

/** An error of the v2 API. `index` 0 is what etcd sends for errors before the store is asked. */
export type ApiError = {
  readonly code: number;
  readonly cause: string;
  readonly index: number;
};

/** Messages of the codes that the server itself sends; the store's are the store's. */
const ownMessages: Readonly<Record<number, string>> = {
  110: 'The request requires user authentication',
  201: 'PrevValue is Required in POST form',
  202: 'The given TTL in POST form is not a number',
  203: 'The given index in POST form is not a number',
  209: 'Invalid field',
  210: 'Invalid POST form',
  211: 'Value provided on refresh',
  212: 'A TTL must be provided on refresh',
  300: 'Raft Internal Error',
};

const statuses: Readonly<Record<number, number>> = {
  100: 404,
  101: 412,
  102: 403,
  105: 412,
  108: 403,
  110: 401,
  300: 500,
};

const failureCauses: Readonly<Record<RequestFailure, string>> = {
  E_RAFT_TIMEOUT: 'etcdserver: request timed out',
  E_RAFT_TIMEOUT_LEADER_FAILED:
    'etcdserver: request timed out, possibly due to previous leader failure',
  E_RAFT_TIMEOUT_CONNECTION_LOST: 'etcdserver: request timed out, possibly due to connection lost',
  E_RAFT_NO_LEADER: 'etcdserver: no leader',
  E_RAFT_STOPPED: 'etcdserver: server stopped',
  E_RAFT_CANCELLED: 'etcdserver: request cancelled',
  E_RAFT_TOO_MANY_REQUESTS: 'etcdserver: too many requests',
  E_DISK_FULL: 'etcdserver: no space',
};

/** The media type of texts. */
export const plainType = 'text/plain; charset=utf-8';

export function failureError(failure: RequestFailure): ApiError {
  return { code: 300, cause: failureCauses[failure], index: 0 };
}

/** What a failure is called in a message. */
export function failureText(failure: RequestFailure): string {
  return failureCauses[failure];
}

export function fromStoreError(error: StoreError): ApiError {
  return { code: error.code, cause: trimCause(error.cause), index: error.index };
}

/** The headers that every answer about keys carries, as a flat list. */
export function stateHeaders(backend: Backend, storeIndex: number): string[] {
  const { appliedIndex, term } = backend.raft;
  return [
    'Content-Type',
    'application/json',
    'X-Etcd-Cluster-Id',
    backend.clusterId,
    'X-Etcd-Index',
    String(storeIndex),
    'X-Raft-Index',
    String(appliedIndex),
    'X-Raft-Term',
    String(term),
  ];
}

export function sendApiError(
  response: ServerResponse,
  backend: Backend,
  error: ApiError,
  headOnly = false,
  status = statuses[error.code] ?? 400,
): void {
  const { code, cause, index } = error;
  const message = ownMessages[code] ?? storeMessage(code);
  const causeField = cause === '' ? '' : `"cause":${goString(cause)},`;
  const body = `{"errorCode":${code},"message":${goString(message)},${causeField}"index":${index}}\n`;
  const headers = [
    'Content-Type',
    'application/json',
    'X-Etcd-Cluster-Id',
    backend.clusterId,
    'X-Etcd-Index',
    String(index),
  ];
  sendText(response, status, headers, body, headOnly);
}

/** Bodies above 2 KiB go out chunked, as Go's do. */
export function sendText(
  response: ServerResponse,
  status: number,
  headers: string[],
  body: string,
  headOnly = false,
): void {
  const length = Buffer.byteLength(body);
  if (length <= 2048 || headOnly) headers.push('Content-Length', String(length));
  response.writeHead(status, headers);
  response.end(headOnly ? undefined : body);
}

/** An error as text; Go's http.Error forbids to guess another type. */
export function sendPlain(response: ServerResponse, status: number, text: string): void {
  const headers = ['Content-Type', plainType, 'X-Content-Type-Options', 'nosniff'];
  sendText(response, status, headers, text);
}

/** 405; `more` are further headers as a flat list. */
export function sendMethodNotAllowed(
  response: ServerResponse,
  allowed: string | undefined,
  more: readonly string[] = [],
): void {
  const headers = ['Content-Type', plainType, 'X-Content-Type-Options', 'nosniff', ...more];
  if (allowed !== undefined) headers.push('Allow', allowed);
  sendText(response, 405, headers, 'Method Not Allowed\n');
}

/** `{"message":"…"}` without a newline. Only the members API names the cluster. */
export function sendMessage(
  response: ServerResponse,
  clusterId: string | undefined,
  status: number,
  message: string,
): void {
  const headers = ['Content-Type', 'application/json'];
  if (clusterId !== undefined) headers.push('X-Etcd-Cluster-Id', clusterId);
  sendText(response, status, headers, `{"message":${goString(message)}}`);
}

function storeMessage(code: number): string {
  return (storeErrorMessages as Readonly<Record<number, string>>)[code] ?? 'Unknown error';
}

/** A cause is a path or an explanation; only paths lose the prefix. */
function trimCause(cause: string): string {
  return cause.startsWith('/') ? trimKey(cause) : cause;
}
