// The JSON of the v2 API as typed data.
import { ClientError } from './errors.js';
import type { HttpAnswer } from './request.js';

export type EtcdNode = {
  readonly key: string;
  readonly value: string | undefined;
  readonly dir: boolean;
  /** RFC 3339, as the server wrote it. */
  readonly expiration: string | undefined;
  /** Seconds left, as the server reckoned. */
  readonly ttl: number | undefined;
  readonly nodes: readonly EtcdNode[];
  readonly createdIndex: number;
  readonly modifiedIndex: number;
};

export type KeyResponse = {
  readonly action: string;
  readonly node: EtcdNode;
  readonly prevNode: EtcdNode | undefined;
  /** True for 201 (nothing was there before). */
  readonly created: boolean;
  readonly etcdIndex: number;
  readonly raftIndex: number;
  readonly raftTerm: number;
  readonly endpoint: string;
};

type Json = Readonly<Record<string, unknown>>;

/** A key answer or watch event. Throws ClientError with `code` when it is none. */
export function parseKeyResponse(
  answer: HttpAnswer & { readonly endpoint: string },
  code: 'E_BAD_ANSWER' | 'E_UNKNOWN_OUTCOME' = 'E_BAD_ANSWER',
): KeyResponse {
  const json = parseJson(answer.body);
  if (json === undefined || typeof json['action'] !== 'string') {
    throw new ClientError(
      code,
      `${answer.endpoint} answered ${answer.status} with something that is no etcd event: ` +
        answer.body.slice(0, 200),
    );
  }
  const header = (name: string): number => Number(answer.headers[name] ?? 0);
  return {
    action: json['action'],
    node: parseNode(json['node']),
    prevNode: json['prevNode'] === undefined ? undefined : parseNode(json['prevNode']),
    created: answer.status === 201,
    etcdIndex: header('x-etcd-index'),
    raftIndex: header('x-raft-index'),
    raftTerm: header('x-raft-term'),
    endpoint: answer.endpoint,
  };
}

/** The error body of the v2 API, or undefined when it is none. */
export function parseError(
  answer: HttpAnswer,
): { errorCode: number; message: string; cause: string; index: number } | undefined {
  const json = parseJson(answer.body);
  if (json === undefined || typeof json['errorCode'] !== 'number') return undefined;
  return {
    errorCode: json['errorCode'],
    message: text(json['message']),
    cause: text(json['cause']),
    index: Number(json['index'] ?? 0),
  };
}

/** An object, or undefined when the text is none. */
export function parseJson(body: string): Json | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Json) : undefined;
  } catch {
    return undefined;
  }
}

function parseNode(value: unknown): EtcdNode {
  const json = (value ?? {}) as Json;
  const nodes = Array.isArray(json['nodes']) ? json['nodes'].map(parseNode) : [];
  return {
    key: typeof json['key'] === 'string' ? json['key'] : '',
    value: typeof json['value'] === 'string' ? json['value'] : undefined,
    dir: json['dir'] === true,
    expiration: typeof json['expiration'] === 'string' ? json['expiration'] : undefined,
    ttl: typeof json['ttl'] === 'number' ? json['ttl'] : undefined,
    nodes,
    createdIndex: Number(json['createdIndex'] ?? 0),
    modifiedIndex: Number(json['modifiedIndex'] ?? 0),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
