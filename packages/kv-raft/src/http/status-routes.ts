// What the server says of itself: machines, stats, version, health, variables, metrics, log level.
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@corral/kit';
import type { Backend } from '../backend.js';
import { readBody } from './body.js';
import { goField, goJson } from './json.js';
import { renderTime } from './render.js';
import { plainType, sendMessage, sendMethodNotAllowed, sendPlain, sendText } from './reply.js';

export type StatusOptions = {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly commandLine: readonly string[];
  /** Requests by method, for /metrics. */
  readonly requests: ReadonlyMap<string, number>;
};

const healthLimitMs = 1_000;
const json = ['Content-Type', 'application/json'];

/** True when `path` was one of ours. */
export async function handleStatus(
  options: StatusOptions,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<boolean> {
  const { backend } = options;
  switch (path) {
    case '/v2/machines':
      if (!allows(request, response, ['GET', 'HEAD'])) return true;
      sendText(response, 200, ['Content-Type', plainType], machines(backend));
      return true;
    case '/v2/stats/self':
      if (allows(request, response, ['GET']))
        sendText(response, 200, [...json], selfStats(options));
      return true;
    case '/v2/stats/leader':
      if (allows(request, response, ['GET'])) answerLeaderStats(backend, response);
      return true;
    case '/v2/stats/store':
      if (allows(request, response, ['GET'])) {
        sendText(response, 200, [...json], goJson(backend.store.stats()));
      }
      return true;
    case '/version':
      if (allows(request, response, ['GET'])) answerVersion(backend, response);
      return true;
    case '/health':
      if (allows(request, response, ['GET'])) await answerHealth(options, response);
      return true;
    case '/debug/vars': {
      const headers = ['Content-Type', 'application/json; charset=utf-8'];
      sendText(response, 200, headers, await variables(options));
      return true;
    }
    case '/metrics':
      if (allows(request, response, ['GET', 'HEAD'])) {
        sendText(response, 200, ['Content-Type', 'text/plain; version=0.0.4'], metrics(options));
      }
      return true;
    case '/config/local/log':
      await answerLogLevel(backend, request, response);
      return true;
    default:
      return false;
  }
}

export function answerVersion(backend: Backend, response: ServerResponse): void {
  const { server, cluster } = backend.versions;
  const body = goJson({ etcdserver: server, etcdcluster: cluster ?? 'not_decided' });
  sendText(response, 200, [...json], body);
}

function machines(backend: Backend): string {
  const urls = backend.members().flatMap((member) => member.clientUrls);
  return urls.sort().join(', ');
}

function allows(
  request: IncomingMessage,
  response: ServerResponse,
  methods: readonly string[],
): boolean {
  if (methods.includes(request.method ?? '')) return true;
  sendMethodNotAllowed(response, methods.join(','));
  return false;
}

function selfStats({ backend, clock }: StatusOptions): string {
  const stats = backend.selfStats();
  const { leaderId, role } = backend.raft;
  const { leaderSince } = stats;
  const info =
    leaderId === undefined || leaderSince === undefined
      ? { leader: '', uptime: '0s', startTime: '0001-01-01T00:00:00Z' }
      : {
          leader: leaderId,
          uptime: goDuration(clock.wallTime() - leaderSince),
          startTime: renderTime(leaderSince),
        };
  const rate = (value: number): number | undefined => (value === 0 ? undefined : value);
  return goJson({
    name: stats.name,
    id: stats.id,
    state:
      role === 'leader' ? 'StateLeader' : role === 'candidate' ? 'StateCandidate' : 'StateFollower',
    startTime: renderTime(stats.startTime),
    leaderInfo: info,
    recvAppendRequestCnt: stats.recvAppendRequestCnt,
    recvPkgRate: rate(stats.recvPkgRate),
    recvBandwidthRate: rate(stats.recvBandwidthRate),
    sendAppendRequestCnt: stats.sendAppendRequestCnt,
    sendPkgRate: rate(stats.sendPkgRate),
    sendBandwidthRate: rate(stats.sendBandwidthRate),
  });
}

function answerLeaderStats(backend: Backend, response: ServerResponse): void {
  if (backend.raft.role !== 'leader') {
    sendMessage(response, undefined, 403, 'not current leader');
    return;
  }
  const followers = backend
    .followerStats()
    .map(({ id, latency, counts }) => [id, { latency, counts }]);
  const body = goJson({
    leader: backend.memberId,
    followers: Object.fromEntries(followers) as Record<string, unknown>,
  });
  sendText(response, 200, [...json], body);
}

async function answerHealth(options: StatusOptions, response: ServerResponse): Promise<void> {
  const { backend, clock } = options;
  const limit = new AbortController();
  const late = clock
    .sleep(healthLimitMs, { signal: limit.signal })
    .then(() => false)
    .catch(() => false);
  const barrier = backend.readBarrier().then((outcome) => outcome.ok);
  const healthy = await Promise.race([barrier, late]);
  limit.abort();
  if (healthy) sendText(response, 200, ['Content-Type', plainType], '{"health":"true"}');
  else sendPlain(response, 503, '{"health":"false"}\n');
}

async function variables({ backend, commandLine }: StatusOptions): Promise<string> {
  const lines = [
    `"cmdline": ${goJson(commandLine)}`,
    `"file_descriptor_limit": ${await fileDescriptorLimit()}`,
    `"memstats": ${goJson(process.memoryUsage())}`,
    `"raft.status": ${goJson(backend.raftStatus())}`,
  ];
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** 0 where the system does not tell (proc(5)). */
async function fileDescriptorLimit(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
}

function metrics({ backend, requests }: StatusOptions): string {
  const lines: string[] = [];
  for (const [name, value] of backend.counters()) {
    lines.push(
      `# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}`,
      `${name} ${value}`,
    );
  }
  lines.push('# TYPE etcd_http_received_total counter');
  for (const [method, count] of requests) {
    lines.push(`etcd_http_received_total{method="${method}"} ${count}`);
  }
  const stats = backend.store.stats();
  lines.push('# TYPE etcd_store_expires_total counter');
  lines.push(`etcd_store_expires_total ${stats.expireCount}`);
  lines.push('# TYPE etcd_store_watchers gauge', `etcd_store_watchers ${stats.watchers}`);
  return `${lines.join('\n')}\n`;
}

async function answerLogLevel(
  backend: Backend,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!allows(request, response, ['PUT'])) return;
  const body = await readBody(request, 64 * 1024);
  let level: unknown;
  try {
    level = goField(JSON.parse(body?.toString('utf8') ?? ''), 'Level');
  } catch {
    sendMessage(response, undefined, 400, 'Invalid json body');
    return;
  }
  const name = typeof level === 'string' ? level.toUpperCase() : '';
  const known = levels.get(name);
  if (known === undefined) {
    const asked = typeof level === 'string' ? level : '';
    sendMessage(response, undefined, 400, `Invalid log level ${asked}`);
    return;
  }
  backend.setLogLevel(known);
  response.writeHead(204);
  response.end();
}

const levels: ReadonlyMap<string, 'debug' | 'info' | 'warn' | 'error'> = new Map([
  ['CRITICAL', 'error'],
  ['ERROR', 'error'],
  ['WARNING', 'warn'],
  ['NOTICE', 'info'],
  ['INFO', 'info'],
  ['DEBUG', 'debug'],
  ['TRACE', 'debug'],
]);

/** Go's form of a duration: 919.052304ms, 1m50.75s, 2h0m3s. */
export function goDuration(milliseconds: number): string {
  if (milliseconds <= 0) return '0s';
  if (milliseconds < 1000) return `${milliseconds}ms`;
  const seconds = milliseconds / 1000;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = Number((seconds % 60).toFixed(3));
  const head = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : '';
  return `${head}${rest}s`;
}
