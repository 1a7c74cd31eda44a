// /v2/keys: a request becomes a command for the log, a read of the store, or a watch.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@corral/kit';
import type { Command, Event } from '@corral/store';
import { keysPrefix } from '../backend.js';
import type { Backend } from '../backend.js';
import { readBody } from './body.js';
import { parseForm } from './form.js';
import { readKeyParams } from './keys-params.js';
import type { KeyMethod, KeyParams } from './keys-params.js';
import { renderEvent } from './render.js';
import {
  failureError,
  fromStoreError,
  sendApiError,
  sendMethodNotAllowed,
  sendText,
  stateHeaders,
} from './reply.js';
import type { Watches } from './watches.js';

export type KeysOptions = {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly watches: Watches;
};

const noForm: ReadonlyMap<string, string> = new Map();
/** Go's limit for forms; there is no other limit on a value. */
const formBytesMax = 10 * 1024 * 1024;

/** `path` is decoded and clean: "/v2/keys" or "/v2/keys/…". */
export async function handleKeys(
  options: KeysOptions,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  query: string,
): Promise<void> {
  const { backend } = options;
  const { method } = request;
  if (!isKeyMethod(method)) {
    sendMethodNotAllowed(response, 'HEAD,GET,PUT,POST,DELETE');
    return;
  }
  const headOnly = method === 'HEAD';
  const parsedQuery = parseForm(query);
  if (!parsedQuery.ok) {
    sendApiError(response, backend, { code: 210, cause: parsedQuery.message, index: 0 }, headOnly);
    return;
  }
  let form = noForm;
  if (method === 'PUT' || method === 'POST') {
    const body = await readForm(request);
    if (!body.ok) {
      sendApiError(response, backend, { code: 210, cause: body.message, index: 0 });
      return;
    }
    form = body.values;
  }
  const read = readKeyParams(method, parsedQuery.values, form);
  if (!read.ok) {
    sendApiError(response, backend, read.error, headOnly);
    return;
  }
  const key = keysPrefix + path.slice('/v2/keys'.length).replace(/\/+$/, '');
  const { params } = read;
  if (method === 'GET' || method === 'HEAD') {
    await answerRead(options, request, response, key, params, method);
  } else {
    await answerWrite(options, response, commandOf(method, key, params, options.clock), params);
  }
}

async function answerRead(
  options: KeysOptions,
  request: IncomingMessage,
  response: ServerResponse,
  key: string,
  params: KeyParams,
  method: 'GET' | 'HEAD',
): Promise<void> {
  const { backend, clock, watches } = options;
  const headOnly = method === 'HEAD';
  if (params.quorum && !headOnly) {
    const barrier = await backend.readBarrier();
    if (!barrier.ok) {
      sendApiError(response, backend, failureError(barrier.failure));
      return;
    }
  } else if (params.wait) {
    watches.open(request, response, key, params);
    return;
  }
  const { recursive, sorted } = params;
  const result = backend.store.get(key, { recursive, sorted });
  if (!result.ok) {
    sendApiError(response, backend, fromStoreError(result.error), headOnly);
    return;
  }
  const body = renderEvent(result.event, clock.wallTime());
  sendText(response, 200, stateHeaders(backend, backend.store.index), body, headOnly);
}

async function answerWrite(
  options: KeysOptions,
  response: ServerResponse,
  command: Command,
  params: KeyParams,
): Promise<void> {
  const { backend, clock } = options;
  const outcome = await backend.write(command);
  if (response.destroyed) return;
  if (!outcome.ok) {
    const error =
      'failure' in outcome ? failureError(outcome.failure) : fromStoreError(outcome.error);
    sendApiError(response, backend, error);
    return;
  }
  const { event } = outcome;
  const quiet = params.noValueOnSuccess && hidesValue(event);
  const body = quiet ? `{"action":"${event.action}"}\n` : renderEvent(event, clock.wallTime());
  const status = event.created && isCreation(event) ? 201 : 200;
  sendText(response, status, stateHeaders(backend, event.storeIndex), body);
}

/** Which operation a request means. (etcd 2.3, etcdserver/server.go applyRequest) */
function commandOf(
  method: 'PUT' | 'POST' | 'DELETE',
  path: string,
  params: KeyParams,
  clock: Clock,
): Command {
  const { prevValue, prevIndex, prevExist, dir, refresh, recursive } = params;
  const compares = prevValue !== undefined || prevIndex > 0;
  if (method === 'DELETE') {
    if (compares) return { kind: 'compareAndDelete', path, prevValue, prevIndex };
    return { kind: 'delete', path, dir, recursive };
  }
  const { value } = params;
  const expiration = expirationOf(params.ttl, clock);
  // A new directory has no value; an update or a swap knows files only, and takes the value.
  const fresh = { path, value: dir ? '' : value, dir, expiration, refresh };
  const content = { path, value, dir, expiration, refresh };
  if (method === 'POST') return { kind: 'create', ...fresh, unique: true };
  if (prevExist === false) return { kind: 'create', ...fresh, unique: false };
  if (compares) return { kind: 'compareAndSwap', ...content, prevValue, prevIndex };
  if (prevExist === true) return { kind: 'update', ...content };
  return { kind: 'set', ...fresh };
}

/**
 * The member that takes the request turns a ttl into a time, by its own clock. In etcd both the ttl
 * and the time are 64-bit nanoseconds and overflow: 99999999999 s makes a permanent key.
 */
function expirationOf(ttl: number | undefined, clock: Clock): number | undefined {
  if (ttl === undefined) return undefined;
  const ttlNs = BigInt.asIntN(64, BigInt(Math.round(ttl)) * 1_000_000_000n);
  const nowNs = BigInt(Math.round(clock.wallTime())) * 1_000_000n;
  const expiration = Number(BigInt.asIntN(64, nowNs + ttlNs) / 1_000_000n);
  // etcd takes times before the year 2000 for "none".
  return expiration < Date.UTC(2000, 0, 1) ? undefined : expiration;
}

async function readForm(
  request: IncomingMessage,
): Promise<
  | { readonly ok: true; readonly values: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly message: string }
> {
  const type = mediaType(request.headers['content-type']);
  const body = await readBody(request, formBytesMax);
  if (typeof type === 'object') return { ok: false, message: type.message };
  // Any other type is no form: etcd then stores the empty string.
  if (type !== 'application/x-www-form-urlencoded') return { ok: true, values: noForm };
  if (body === undefined) return { ok: false, message: 'http: POST too large' };
  return parseForm(body.toString('latin1') === '' ? '' : body.toString('utf8'));
}

function mediaType(header: string | undefined): string | { readonly message: string } {
  if (header === 'application/x-www-form-urlencoded') return header;
  if (header === undefined || header === '') return '';
  const type = (header.split(';')[0] ?? '').trim().toLowerCase();
  const slash = type.indexOf('/');
  const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
  if (type === '') return { message: 'mime: no media type' };
  if (slash >= 0 && !token.test(type.slice(slash + 1))) {
    return { message: 'mime: expected token after slash' };
  }
  return type;
}

function hidesValue(event: Event): boolean {
  const { action } = event;
  return (
    action === 'set' || action === 'create' || action === 'update' || action === 'compareAndSwap'
  );
}

function isCreation(event: Event): boolean {
  return event.action === 'set' || event.action === 'create';
}

function isKeyMethod(method: string | undefined): method is KeyMethod {
  return (
    method === 'GET' ||
    method === 'PUT' ||
    method === 'POST' ||
    method === 'DELETE' ||
    method === 'HEAD'
  );
}
