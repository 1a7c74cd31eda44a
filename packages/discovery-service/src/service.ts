// The routes of discovery.etcd.io over a backing store. (github.com/coreos/discovery.etcd.io)
import { randomBytes } from 'node:crypto';
import fastify from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '@corral/kit';
import { DiscoveryServiceError } from './backing.js';
import type { BackingStore } from './backing.js';
import { renderTokenPage } from './token-page.js';
import {
  isMemberId,
  isRegistration,
  isSegment,
  isToken,
  parseSize,
  registryPath,
} from './tokens.js';
import type { Seat } from './tokens.js';

export type ServiceOptions = {
  readonly store: BackingStore;
  readonly clock: Clock;
  /** The address in what /new answers; may be worked out later, when the port is known. */
  readonly host: (request: FastifyRequest) => string;
  readonly strict: boolean;
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
};

type TokenParams = { Params: { token: string; machine?: string } };

export function createService(options: ServiceOptions): FastifyInstance {
  const { store, strict } = options;
  const counts = new Map<string, number>();
  const count = (route: string, code: number, method: string): void => {
    const key = `endpoint_${route}_requests_total{code="${code}",method="${method.toLowerCase()}"}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  };
  const app = fastify({
    bodyLimit: 1024 * 1024,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    ...(options.tls === undefined ? {} : { https: options.tls }),
  }) as unknown as FastifyInstance;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.setNotFoundHandler((_request, reply) => notFound(reply));
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    // An etcd tries again after 503; other errors carry a status of their own (413, 400).
    const code = error instanceof DiscoveryServiceError ? 503 : (error.statusCode ?? 500);
    return reply
      .code(code)
      .type('application/json')
      .send(JSON.stringify({ message: error.message }));
  });

  app.all('/', (_request, reply) =>
    reply
      .code(301)
      .header('Location', 'https://coreos.com/docs/cluster-management/setup/cluster-discovery/')
      .send(),
  );
  app.all('/robots.txt', (_request, reply) => reply.send('User-agent: *\nDisallow: /'));
  app.all('/metrics', (_request, reply) => {
    const lines = [...counts].map(([key, value]) => `${key} ${value}`);
    return reply.type('text/plain; version=0.0.4').send(`${lines.join('\n')}\n`);
  });
  app.all('/health', async (request, reply) => {
    const healthy = await checkHealth(store);
    const code = healthy ? 200 : strict ? 400 : 503;
    count('health', code, request.method);
    return reply.code(code).send(healthy ? 'OK' : 'health failed to setupToken\n');
  });
  app.all('/new', async (request, reply) => {
    const answer = await newToken(options, request);
    count('new', answer.code, request.method);
    if (answer.warning !== undefined) reply.header('Warning', `299 - "${answer.warning}"`);
    return reply.code(answer.code).type('text/plain; charset=utf-8').send(answer.text);
  });
  const onToken = async (
    request: FastifyRequest<TokenParams>,
    reply: FastifyReply,
  ): Promise<void> => {
    await handleToken(store, strict, request, reply);
    count('token', reply.raw.statusCode, request.method);
  };
  for (const path of ['/:token', '/:token/']) {
    app.route<TokenParams>({ method: ['GET', 'PUT'], url: path, handler: onToken });
    refuseOthers(app, path, ['POST', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH']);
  }
  app.route<TokenParams>({ method: ['GET'], url: '/:token/_config/size', handler: onToken });
  refuseOthers(app, '/:token/_config/size', ['POST', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'PUT']);
  app.route<TokenParams>({
    method: ['GET', 'PUT', 'DELETE'],
    url: '/:token/:machine',
    handler: onToken,
  });
  refuseOthers(app, '/:token/:machine', ['POST', 'HEAD', 'OPTIONS', 'PATCH']);
  return app;
}

/** Issues a token of a given name; the same again is fine, another size is an error. */
export async function issueNamedToken(
  store: BackingStore,
  token: string,
  size: number,
): Promise<void> {
  const path = `${registryPath}/${token}/_config/size`;
  const put = await store.exchange('PUT', `${path}?prevExist=false`, String(size));
  if (put.status === 201) return;
  if (put.status !== 412) {
    throw new DiscoveryServiceError(
      'E_DISCOVERY_STORE',
      `the store at ${store.url} did not take token ${token}: ${put.status} ${put.body.trim()}. ` +
        'A real etcd 3 needs --enable-v2',
    );
  }
  const known = parseNode((await store.exchange('GET', path)).body)?.value;
  if (known === String(size)) return;
  throw new DiscoveryServiceError(
    'E_DISCOVERY_FLAGS',
    `token ${token} exists with size ${known ?? '?'}; it cannot be issued again with size ${size}. ` +
      'Use another name',
  );
}

async function newToken(
  options: ServiceOptions,
  request: FastifyRequest,
): Promise<{ readonly code: number; readonly text: string; readonly warning?: string }> {
  const { strict, store, host } = options;
  const query = new URLSearchParams(request.url.split('?')[1] ?? '');
  const form = new URLSearchParams(typeof request.body === 'string' ? request.body : '');
  const size = parseSize(form.get('size') ?? query.get('size') ?? undefined, strict);
  if (!size.ok) return { code: 400, text: `${size.message}\n` };
  const token = randomBytes(16).toString('hex');
  const path = `${registryPath}/${token}/_config/size?prevExist=false`;
  const put = await store.exchange('PUT', path, String(size.size)).catch(() => undefined);
  if (put?.status !== 201) {
    return { code: strict ? 400 : 503, text: 'Unable to generate token\n' };
  }
  const text = `${host(request).replace(/\/+$/, '')}/${token}`;
  if (size.size % 2n !== 0n) return { code: 200, text };
  const warning = `an even size tolerates no more failures than ${size.size - 1n}`;
  return { code: 200, text, warning };
}

async function handleToken(
  store: BackingStore,
  strict: boolean,
  request: FastifyRequest<TokenParams>,
  reply: FastifyReply,
): Promise<void> {
  const { token, machine } = request.params;
  if (!isToken(token, strict)) {
    await notFound(reply);
    return;
  }
  if (machine !== undefined && !isSegment(machine)) {
    await notFound(reply);
    return;
  }
  const { method, url } = request;
  const [path = '', query] = url.split(/\?(.*)/s);
  const isSize = machine === undefined && path.endsWith('/_config/size');
  const accepts = request.headers.accept ?? '';
  if (
    !strict &&
    method === 'GET' &&
    machine === undefined &&
    !isSize &&
    accepts.includes('text/html')
  ) {
    await sendPage(store, token, reply);
    return;
  }
  const body = typeof request.body === 'string' ? request.body : undefined;
  let forwarded = { query: query === undefined ? '' : `?${query}`, body };
  if (method !== 'GET' && !strict) {
    const checked = await checkChange(store, { method, token, machine, body });
    if (!checked.ok) {
      await reply.code(checked.code).type('application/json').send(checked.body);
      return;
    }
    forwarded = checked;
  }
  // Put together anew from what was checked: nothing in a request can lead out of its token.
  const below = isSize
    ? '/_config/size'
    : machine === undefined
      ? ''
      : `/${encodeURIComponent(machine)}`;
  reply.hijack();
  const target = `${registryPath}/${token}${below}${forwarded.query}`;
  await store.forward({ method, body: forwarded.body }, target, reply.raw);
}

type Checked =
  | { readonly ok: true; readonly query: string; readonly body: string | undefined }
  | { readonly ok: false; readonly code: number; readonly body: string };

/**
 * A registration needs an issued token, a member id and a value that the others can parse; it never
 * overwrites another. Only registrations can be taken back. (--strict-compat checks nothing.)
 */
async function checkChange(
  store: BackingStore,
  change: {
    readonly method: string;
    readonly token: string;
    readonly machine: string | undefined;
    readonly body: string | undefined;
  },
): Promise<Checked> {
  const { method, token, machine, body } = change;
  const refuse = (code: number, message: string): Checked => ({
    ok: false,
    code,
    body: JSON.stringify({ message }),
  });
  const isMember = machine !== undefined && isMemberId(machine);
  if (method === 'DELETE') {
    if (isMember) return { ok: true, query: '', body: undefined };
    return refuse(403, 'only a registration (/TOKEN/MEMBER-ID) can be deleted');
  }
  const size = await store.exchange('GET', `${registryPath}/${token}/_config/size`);
  if (size.status !== 200) {
    return { ok: false, code: size.status === 404 ? 404 : 503, body: size.body };
  }
  const form = new URLSearchParams(body ?? '');
  const value = form.get('value') ?? '';
  if (!isMember || !isRegistration(value)) {
    return refuse(
      400,
      'a registration is PUT /TOKEN/MEMBER-ID with value=NAME=PEER-URL[,NAME=PEER-URL]',
    );
  }
  const kept = new URLSearchParams({ value });
  const ttl = form.get('ttl');
  if (ttl !== null) kept.set('ttl', ttl);
  return { ok: true, query: '?prevExist=false', body: kept.toString() };
}

async function sendPage(store: BackingStore, token: string, reply: FastifyReply): Promise<void> {
  const size = await store.exchange('GET', `${registryPath}/${token}/_config/size`);
  if (size.status !== 200) {
    const text = `<!doctype html><title>Unknown token</title><p>No token of this name was issued, or it has expired. Ask for one: <a href="/new?size=3">/new?size=3</a></p>`;
    await reply.code(404).type('text/html; charset=utf-8').send(text);
    return;
  }
  const listing = await store.exchange('GET', `${registryPath}/${token}`);
  const nodes = parseNode(listing.body)?.nodes ?? [];
  const registrations: Seat[] = nodes.map(({ key, value, createdIndex }) => ({
    id: key.slice(key.lastIndexOf('/') + 1),
    value: value ?? '',
    createdIndex: createdIndex ?? 0,
  }));
  const html = renderTokenPage({
    token,
    size: Number(parseNode(size.body)?.value ?? 0),
    registrations,
  });
  await reply.code(200).type('text/html; charset=utf-8').send(html);
}

async function checkHealth(store: BackingStore): Promise<boolean> {
  const token = randomBytes(16).toString('hex');
  const path = `${registryPath}/${token}`;
  try {
    const put = await store.exchange('PUT', `${path}/_config/size?prevExist=false`, '0');
    const gone = await store.exchange('DELETE', `${path}?recursive=true`);
    return put.status === 201 && gone.status === 200;
  } catch {
    return false;
  }
}

function refuseOthers(
  app: FastifyInstance,
  url: string,
  method: ('POST' | 'HEAD' | 'OPTIONS' | 'DELETE' | 'PATCH' | 'PUT')[],
): void {
  app.route({ method, url, handler: (_request, reply) => reply.code(405).send() });
}

function notFound(reply: FastifyReply): FastifyReply {
  return reply
    .code(404)
    .header('X-Content-Type-Options', 'nosniff')
    .type('text/plain; charset=utf-8')
    .send('404 page not found\n');
}

type Node = {
  readonly key: string;
  readonly value?: string;
  readonly createdIndex?: number;
  readonly nodes?: readonly Node[];
};

function parseNode(body: string): Node | undefined {
  try {
    return (JSON.parse(body) as { readonly node?: Node }).node;
  } catch {
    return undefined;
  }
}
