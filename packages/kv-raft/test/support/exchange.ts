// One HTTP exchange over a socket of its own, with the request's path and the answer's headers as
// they are on the wire.
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';

export type Asked = {
  readonly method: string;
  /** As it goes out: nothing is encoded or cleaned. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
};

export type Answer = {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
};

export const formType = 'application/x-www-form-urlencoded';

/** Sends and reads to the end. */
export async function exchange(baseUrl: string, asked: Asked): Promise<Answer> {
  const response = await open(baseUrl, asked);
  return finish(response);
}

/** Sends; resolves with the head. The caller reads or destroys the body. */
export function open(baseUrl: string, asked: Asked): Promise<IncomingMessage> {
  const { hostname, port } = new URL(baseUrl);
  const headers: Record<string, string | number> = { ...asked.headers };
  if (asked.body !== undefined) headers['Content-Length'] = Buffer.byteLength(asked.body);
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: hostname,
      port,
      method: asked.method,
      path: asked.path,
      headers,
      agent: false,
    });
    request.on('response', resolve);
    request.on('error', reject);
    request.end(asked.body);
  });
}

export async function finish(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers as Record<string, string | undefined>,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

export function get(baseUrl: string, path: string): Promise<Answer> {
  return exchange(baseUrl, { method: 'GET', path });
}

/** A request with a form as its body. */
export function form(
  baseUrl: string,
  method: string,
  path: string,
  body: string | Buffer,
): Promise<Answer> {
  return exchange(baseUrl, { method, path, headers: { 'Content-Type': formType }, body });
}

/** What the v2 API answers, parsed. */
export function parsed(answer: Answer): V2Answer {
  return JSON.parse(answer.body) as V2Answer;
}

export type V2Node = {
  readonly key?: string;
  readonly value?: string;
  readonly dir?: boolean;
  readonly ttl?: number;
  readonly expiration?: string;
  readonly nodes?: readonly V2Node[];
  readonly modifiedIndex?: number;
  readonly createdIndex?: number;
};

export type V2Answer = {
  readonly action?: string;
  readonly node?: V2Node;
  readonly prevNode?: V2Node;
  readonly errorCode?: number;
  readonly message?: string;
  readonly cause?: string;
  readonly index?: number;
};
