// /v2/members: list, add, remove, update. (etcd 2.3 documentation, members_api.md)
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorMessage } from '@corral/kit';
import type { Backend, Member, MemberOutcome, MemberRefusal } from '../backend.js';
import { parseUrl } from '../config/urls.js';
import { readBody } from './body.js';
import { goField, goJson } from './json.js';
import { failureText, sendMessage, sendMethodNotAllowed, sendText } from './reply.js';

const jsonBytesMax = 1024 * 1024;

/** `path` begins with /v2/members. */
export async function handleMembers(
  backend: Backend,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const { method } = request;
  const tail = path.slice('/v2/members'.length).replace(/^\//, '');
  switch (method) {
    case 'GET':
      answerGet(backend, response, tail);
      break;
    case 'POST': {
      const urls = await readPeerUrls(backend, request, response);
      if (urls === undefined) return;
      const outcome = await backend.addMember(urls);
      if (outcome.ok) sendJson(response, backend, 201, `${renderMember(outcome.member)}\n`);
      else sendRefusal(response, backend, outcome.refusal, '');
      break;
    }
    case 'PUT': {
      if (tail === '') {
        sendMethodNotAllowed(response, undefined, ['X-Etcd-Cluster-Id', backend.clusterId]);
        return;
      }
      const urls = await readPeerUrls(backend, request, response);
      if (urls === undefined) return;
      const id = normalizeId(tail);
      if (id === undefined)
        sendMessage(response, backend.clusterId, 404, `No such member: ${tail}`);
      else answerChange(response, backend, await backend.updateMember(id, urls), tail, 'update');
      break;
    }
    case 'DELETE': {
      if (tail === '') {
        sendMethodNotAllowed(response, undefined, ['X-Etcd-Cluster-Id', backend.clusterId]);
        return;
      }
      const id = normalizeId(tail);
      if (id === undefined)
        sendMessage(response, backend.clusterId, 404, `No such member: ${tail}`);
      else answerChange(response, backend, await backend.removeMember(id), tail, 'remove');
      break;
    }
    default:
      sendMethodNotAllowed(response, 'GET,POST,DELETE,PUT');
  }
}

export function renderMember(member: Member): string {
  return goJson({
    id: member.id,
    name: member.name,
    peerURLs: member.peerUrls,
    clientURLs: member.clientUrls,
  });
}

function answerGet(backend: Backend, response: ServerResponse, tail: string): void {
  if (tail === '') {
    const members = backend.members().map(renderMember);
    sendJson(response, backend, 200, `{"members":[${members.join(',')}]}\n`);
  } else if (tail === 'leader') {
    const leader = backend.leader();
    if (leader === undefined) sendMessage(response, backend.clusterId, 503, 'During election');
    else sendJson(response, backend, 200, `${renderMember(leader)}\n`);
  } else {
    sendMessage(response, backend.clusterId, 404, 'Not found');
  }
}

function answerChange(
  response: ServerResponse,
  backend: Backend,
  outcome: MemberOutcome,
  asked: string,
  change: 'update' | 'remove',
): void {
  if (!outcome.ok) {
    sendRefusal(response, backend, outcome.refusal, asked, change);
    return;
  }
  response.writeHead(204, ['X-Etcd-Cluster-Id', backend.clusterId]);
  response.end();
}

/** Undefined when an answer has been sent. */
async function readPeerUrls(
  backend: Backend,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<readonly string[] | undefined> {
  const type = request.headers['content-type'] ?? '';
  const plain = (type.split(';')[0] ?? '').trim();
  const body = await readBody(request, jsonBytesMax);
  if (plain !== 'application/json') {
    const message = `Bad Content-Type ${type}, accept application/json`;
    sendMessage(response, backend.clusterId, 415, message);
    return undefined;
  }
  if (body === undefined) {
    sendMessage(response, backend.clusterId, 413, `the body is larger than ${jsonBytesMax} bytes`);
    return undefined;
  }
  try {
    return readPeerUrlsField(parseJson(body.toString('utf8')));
  } catch (error) {
    sendMessage(response, backend.clusterId, 400, errorMessage(error));
    return undefined;
  }
}

/** JSON, or an error in the words of Go's decoder where they tell the most common mistakes. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const first = text.trim().slice(0, 1);
    if (first === '') throw new Error('unexpected end of JSON input', { cause: error });
    if (/[[{"0-9tfn-]/.test(first)) throw error;
    const why = `invalid character '${first}' looking for beginning of value`;
    throw new Error(why, { cause: error });
  }
}

function readPeerUrlsField(parsed: unknown): readonly string[] {
  const peerURLs = goField(parsed, 'peerURLs') ?? [];
  if (!Array.isArray(peerURLs) || !peerURLs.every((url) => typeof url === 'string')) {
    throw new Error(
      'json: "peerURLs" must be a list of strings: {"peerURLs":["http://host:port"]}',
    );
  }
  if (peerURLs.length === 0) throw new Error('no valid URLs given');
  return peerURLs.map((url) => parseUrl(url.trim())).sort();
}

function sendRefusal(
  response: ServerResponse,
  backend: Backend,
  refusal: MemberRefusal,
  asked: string,
  change?: 'update' | 'remove',
): void {
  switch (refusal.kind) {
    case 'id-exists':
      sendMessage(response, backend.clusterId, 409, 'etcdserver: ID exists');
      break;
    case 'peer-url-exists':
      sendMessage(response, backend.clusterId, 409, 'etcdserver: peerURL exists');
      break;
    case 'not-found':
      sendMessage(response, backend.clusterId, 404, `No such member: ${asked}`);
      break;
    case 'removed':
      if (change === 'remove') {
        sendMessage(response, backend.clusterId, 410, `Member permanently removed: ${asked}`);
      } else {
        sendMessage(response, backend.clusterId, 500, `Member permanently removed: ${asked}`);
      }
      break;
    case 'unsafe':
      sendMessage(response, backend.clusterId, 500, refusal.reason);
      break;
    case 'failed':
      sendMessage(response, backend.clusterId, 500, failureText(refusal.failure));
      break;
    default:
      refusal satisfies never;
  }
}

function sendJson(response: ServerResponse, backend: Backend, status: number, body: string): void {
  const headers = ['Content-Type', 'application/json', 'X-Etcd-Cluster-Id', backend.clusterId];
  sendText(response, status, headers, body);
}

/** Hex without leading zeros, or undefined. */
function normalizeId(text: string): string | undefined {
  if (!/^[0-9a-fA-F]{1,16}$/.test(text)) return undefined;
  return text.toLowerCase().replace(/^0+(?=.)/, '');
}
