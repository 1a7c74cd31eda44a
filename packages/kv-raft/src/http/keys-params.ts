// What a request on a key asks for: parameters of query and form, checked in etcd's order, so that
// of several mistakes the same one is reported. Pure. (etcd 2.3, etcdhttp/client.go parseKeyRequest)
import type { ApiError } from './reply.js';

export type KeyMethod = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';

export type KeyParams = {
  readonly value: string;
  /** Seconds; undefined = not given. */
  readonly ttl: number | undefined;
  readonly dir: boolean;
  readonly prevValue: string | undefined;
  readonly prevIndex: number;
  readonly prevExist: boolean | undefined;
  readonly refresh: boolean;
  readonly recursive: boolean;
  readonly sorted: boolean;
  readonly quorum: boolean;
  readonly wait: boolean;
  readonly waitIndex: number;
  readonly stream: boolean;
  readonly noValueOnSuccess: boolean;
};

export type KeyParamsResult =
  | { readonly ok: true; readonly params: KeyParams }
  | { readonly ok: false; readonly error: ApiError };

const uint64Max = 18_446_744_073_709_551_615n;

class Bad extends Error {
  readonly error: ApiError;

  constructor(code: number, cause: string) {
    super(cause);
    this.error = { code, cause, index: 0 };
  }
}

/** `query` and `form` as parsed; values of the form win. */
export function readKeyParams(
  method: KeyMethod,
  query: ReadonlyMap<string, string>,
  form: ReadonlyMap<string, string>,
): KeyParamsResult {
  const get = (name: string): string | undefined => form.get(name) ?? query.get(name);
  try {
    return { ok: true, params: read(method, get) };
  } catch (error) {
    if (error instanceof Bad) return { ok: false, error: error.error };
    throw error;
  }
}

function read(method: KeyMethod, get: (name: string) => string | undefined): KeyParams {
  const prevIndex = index(get, 'prevIndex');
  const waitIndex = index(get, 'waitIndex');
  const recursive = boolean(get, 'recursive');
  const sorted = boolean(get, 'sorted');
  const wait = boolean(get, 'wait');
  const dir = boolean(get, 'dir');
  const quorum = boolean(get, 'quorum');
  const stream = boolean(get, 'stream');
  if (wait && method !== 'GET') throw new Bad(209, '"wait" can only be used with GET requests');
  const prevValue = get('prevValue');
  if (prevValue === '') throw new Bad(201, '"prevValue" cannot be empty');
  const noValueOnSuccess = boolean(get, 'noValueOnSuccess');
  const ttl = readTtl(get('ttl'));
  const prevExist = optionalBoolean(get, 'prevExist');
  const refresh = optionalBoolean(get, 'refresh') === true;
  const value = get('value') ?? '';
  if (refresh && value !== '') throw new Bad(211, 'A value was provided on a refresh');
  if (refresh && ttl === undefined) throw new Bad(212, 'No TTL value set');
  return {
    value,
    ttl,
    dir,
    prevValue,
    prevIndex,
    prevExist,
    refresh,
    recursive,
    sorted,
    quorum,
    wait,
    waitIndex,
    stream,
    noValueOnSuccess,
  };
}

function index(get: (name: string) => string | undefined, name: string): number {
  const text = get(name);
  if (text === undefined) return 0;
  const value = unsigned(text);
  if (value === undefined) throw new Bad(203, `invalid value for "${name}"`);
  return Number(value);
}

function boolean(get: (name: string) => string | undefined, name: string): boolean {
  const text = get(name);
  if (text === undefined) return false;
  const value = goBoolean(text);
  if (value === undefined) throw new Bad(209, `invalid value for "${name}"`);
  return value;
}

function optionalBoolean(
  get: (name: string) => string | undefined,
  name: string,
): boolean | undefined {
  const text = get(name);
  if (text === undefined) return undefined;
  const value = goBoolean(text);
  if (value === undefined) throw new Bad(209, `invalid value for ${name}`);
  return value;
}

function readTtl(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const value = unsigned(text);
  if (value === undefined) throw new Bad(202, 'invalid value for "ttl"');
  return Number(value);
}

function unsigned(text: string): bigint | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text);
  return value <= uint64Max ? value : undefined;
}

function goBoolean(text: string): boolean | undefined {
  switch (text) {
    case '1':
    case 't':
    case 'T':
    case 'TRUE':
    case 'true':
    case 'True':
      return true;
    case '0':
    case 'f':
    case 'F':
    case 'FALSE':
    case 'false':
    case 'False':
      return false;
    default:
      return undefined;
  }
}
