// Stories of requests and answers. A line "> METHOD PATH [TYPE] BODY" asks; what follows up to the
// next empty line is the answer with its volatile parts masked. "[TYPE]" is a Content-Type ("[-]":
// none); without it a body is a form. "$index" in a request is the last X-Etcd-Index. A line
// "~ reason" before a request says that etcd 3.4 answers otherwise, and why ours does not.
import { exchange, formType } from '../support/exchange.js';
import type { Answer, Asked } from '../support/exchange.js';

/** Answers whose difference from etcd 3.4 is meant are left out when `skipMarked`. */
export async function tell(
  story: string,
  baseUrl: string,
  options: { readonly skipMarked: boolean },
): Promise<string> {
  const told: string[] = [];
  let index = 0;
  for (const block of story.trim().split('\n\n')) {
    const lines = block.split('\n');
    const asking = lines.findIndex((line) => line.startsWith('> '));
    told.push(...lines.slice(0, asking < 0 ? undefined : asking + 1));
    if (asking >= 0) {
      const answer = await exchange(baseUrl, parseRequest(lines[asking] ?? '', index));
      index = Number(answer.headers['x-etcd-index'] ?? index);
      const marked = lines.slice(0, asking).some((line) => line.startsWith('~ '));
      if (marked && options.skipMarked) told.push('(not compared)');
      else told.push(...show(answer));
    }
    told.push('');
  }
  return told.join('\n');
}

/** The story with the answers that are not compared taken out. */
export function withoutMarked(story: string): string {
  const blocks = story.trim().split('\n\n');
  const kept = blocks.map((block) => {
    const lines = block.split('\n');
    if (!lines.some((line) => line.startsWith('~ '))) return block;
    const asking = lines.findIndex((line) => line.startsWith('> '));
    return [...lines.slice(0, asking + 1), '(not compared)'].join('\n');
  });
  return `${kept.join('\n\n')}\n`;
}

export function requestCount(story: string): number {
  return story.split('\n').filter((line) => line.startsWith('> ')).length;
}

function parseRequest(line: string, index: number): Asked {
  const text = line.replace(/\$index(?:([+-])(\d+))?/g, (_all, sign?: string, by?: string) =>
    String(index + (sign === '-' ? -1 : 1) * Number(by ?? 0)),
  );
  const match = /^> (\S+) (\S+)(?: \[(.*?)\])?(?: (.*))?$/.exec(text);
  if (match === null) throw new Error(`not a request: ${line}`);
  const [, method = '', path = '', type, body] = match;
  if (body === undefined && type === undefined) return { method, path };
  const headers = type === '-' ? {} : { 'Content-Type': type ?? formType };
  return { method, path, headers, ...(body === undefined ? {} : { body }) };
}

/** Headers that tell nothing, or differ between any two servers. */
const volatile = new Set([
  'date',
  'connection',
  'keep-alive',
  'content-length',
  'transfer-encoding',
  'vary',
]);

function show(answer: Answer): string[] {
  const headers = Object.entries(answer.headers)
    .filter(([name]) => !volatile.has(name) && !name.startsWith('access-control-'))
    .map(([name, value]) => `${name}: ${maskHeader(name, value ?? '')}`)
    .sort();
  const body = maskBody(answer.body).replaceAll('\n', '\\n');
  return [
    `${answer.status}`,
    ...headers.map((line) => `  ${line}`),
    ...(body === '' ? [] : [body]),
  ];
}

function maskHeader(name: string, value: string): string {
  return name === 'x-etcd-cluster-id' || name.startsWith('x-raft-') ? '*' : value;
}

function maskBody(body: string): string {
  return body
    .replace(/"expiration":"[^"]*"/g, '"expiration":"*"')
    .replace(/"ttl":(\d+)/g, (_all, ttl: string) => `"ttl":${Math.ceil(Number(ttl) / 100) * 100}`);
}
