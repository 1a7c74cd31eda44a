// Dispatch: method and path to a handler. Paths are decoded once, and a path that is not clean is
// answered with a redirect and executes nothing (Go's ServeMux).
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { errorMessage } from '@corral/kit';
import type { Clock, Logger } from '@corral/kit';
import type { Backend } from '../backend.js';
import { unescape } from './form.js';
import { handleKeys } from './keys-routes.js';
import { handleMembers } from './members-routes.js';
import { plainType, sendApiError, sendPlain, sendText } from './reply.js';
import { handleStatus } from './status-routes.js';
import { Watches } from './watches.js';

export type AppOptions = {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly corsOrigins: readonly string[];
  readonly commandLine: readonly string[];
};

export type App = {
  readonly handle: RequestListener;
  /** From now on requests are refused in a way that says they were not taken. */
  drain(): void;
  /** Requests that have no answer yet (watches do not count). */
  readonly pending: number;
  endWatches(): void;
};

export function createApp(options: AppOptions): App {
  const { backend, clock, logger } = options;
  const watches = new Watches(backend, clock);
  const requests = new Map<string, number>();
  const keys = { backend, clock, watches };
  const status = { backend, clock, commandLine: options.commandLine, requests };
  let draining = false;
  const open = new Set<ServerResponse>();

  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = originForm(request.url ?? '/');
    const question = url.indexOf('?');
    const rawPath = question < 0 ? url : url.slice(0, question);
    const query = question < 0 ? '' : url.slice(question + 1);
    const path = unescape(rawPath, false);
    if (typeof path === 'object') {
      response.setHeader('Connection', 'close');
      sendText(response, 400, ['Content-Type', plainType], '400 Bad Request');
      return;
    }
    const clean = cleanUrlPath(path);
    if (clean !== path) {
      redirect(request, response, clean, query);
    } else if (path === '/v2/keys' || path.startsWith('/v2/keys/')) {
      await handleKeys(keys, request, response, path, query);
    } else if (path === '/v2/members' || path.startsWith('/v2/members/')) {
      await handleMembers(backend, request, response, path);
    } else if (!(await handleStatus(status, request, response, path))) {
      sendPlain(response, 404, '404 page not found\n');
    }
  };

  const handle: RequestListener = (request, response) => {
    const { method = '' } = request;
    requests.set(method, (requests.get(method) ?? 0) + 1);
    if (request.httpVersionMajor < 1) {
      // Node takes a line without a version for HTTP/0.9; Go does not.
      response.shouldKeepAlive = false;
      sendText(response, 400, ['Content-Type', plainType], '400 Bad Request');
      return;
    }
    addCors(options.corsOrigins, request, response);
    if (method === 'OPTIONS') {
      response.writeHead(200, ['Content-Length', '0']);
      response.end();
      return;
    }
    if (draining) {
      // Nothing of it was proposed: a client that knows other endpoints goes there.
      response.setHeader('Connection', 'close');
      const stopped = { code: 300, cause: 'etcdserver: server stopped', index: 0 };
      sendApiError(response, backend, stopped, method === 'HEAD', 503);
      return;
    }
    open.add(response);
    route(request, response)
      .catch((error: unknown) => {
        if (request.destroyed && !request.complete) {
          logger.debug('a client went away in the middle of its request', { url: request.url });
          return;
        }
        logger.error('a request failed', { url: request.url, error: errorMessage(error) });
        if (!response.headersSent) sendPlain(response, 500, 'Internal Server Error\n');
        else response.destroy();
      })
      .finally(() => {
        open.delete(response);
      });
  };

  return {
    handle,
    drain() {
      draining = true;
      // Their connections end with the answer: the next request must not race with the end.
      for (const response of open) response.shouldKeepAlive = false;
    },
    get pending() {
      return open.size;
    },
    endWatches: () => watches.close(),
  };
}

/** A request to a proxy names the whole URL; path and query are what counts here. */
function originForm(url: string): string {
  if (url.startsWith('/')) return url;
  const rest = url.replace(/^https?:\/\/[^/?]*/i, '');
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Go's path.Clean with the trailing slash kept. */
export function cleanUrlPath(path: string): string {
  if (!path.includes('//') && !path.includes('/.')) return path === '' ? '/' : path;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  const clean = `/${parts.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

function redirect(
  request: IncomingMessage,
  response: ServerResponse,
  clean: string,
  query: string,
): void {
  const encoded = encodePath(clean);
  const location = query === '' ? encoded : `${encoded}?${query}`;
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const href = location.replaceAll('&', '&amp;').replaceAll('"', '&#34;');
  const body = isRead ? `<a href="${href}">Moved Permanently</a>.\n\n` : '';
  response.statusCode = 301;
  response.setHeader('Location', location);
  if (isRead) response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Go's (*URL).EscapedPath. */
function encodePath(path: string): string {
  return encodeURI(path).replace(/[!*'()?#]/g, (found) => {
    return `%${found.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}

function addCors(
  origins: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (origins.length === 0) return;
  const { origin } = request.headers;
  const allowed = origins.includes('*')
    ? '*'
    : origin !== undefined && origins.includes(origin)
      ? origin
      : undefined;
  if (allowed === undefined) return;
  response.setHeader('Access-Control-Allow-Methods', 'POST, GET, OPTIONS, PUT, DELETE');
  response.setHeader('Access-Control-Allow-Origin', allowed);
  response.setHeader('Access-Control-Allow-Headers', 'accept, content-type, authorization');
}
