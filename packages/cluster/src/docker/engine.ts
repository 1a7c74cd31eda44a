// The Docker engine: where it is looked for, whether it answers and may be used, and its errors in
// our words. The only place that makes a connection; dockerode is loaded when one is asked for.
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { errorMessage, systemErrorCode } from '@corral/kit';
import { ClusterError } from '../errors.js';

export type Engine = {
  readonly docker: Docker;
  /** How it was reached: unix:///var/run/docker.sock, tcp://HOST:PORT. */
  readonly address: string;
  readonly version: string;
  readonly apiVersion: string;
  /** On this machine: its folders are ours, and its bridges can be reached. */
  readonly isLocal: boolean;
};

type Environment = Readonly<Record<string, string | undefined>>;

type Place = {
  /** Which rule names it: DOCKER_HOST, "context x", "rootless socket", ... */
  readonly rule: string;
  readonly address: string;
};

type Attempt = Place & { readonly error: Error };

/** The first API with private cgroup namespaces (engine 20.10). */
const apiMin = '1.41';
const answerMs = 5_000;

/**
 * Tries DOCKER_HOST alone if it is set, else the socket, the rootless socket and the current
 * context. Throws ClusterError E_NO_DOCKER, E_DOCKER_PERMISSION or E_DOCKER_OLD.
 */
export async function connectEngine(environment: Environment): Promise<Engine> {
  const places = placesToTry(environment);
  const attempts: Attempt[] = [];
  for (const place of places) {
    try {
      return await connectTo(place);
    } catch (error) {
      if (error instanceof ClusterError) throw error;
      attempts.push({ ...place, error: error as Error });
    }
  }
  throw noEngine(attempts, environment);
}

/** As `connectEngine`; undefined where none can be used. For `--runtime auto`, `ls` and `gc`. */
export async function findEngine(
  environment: Environment,
): Promise<
  | { readonly engine: Engine; readonly error?: undefined }
  | { readonly engine?: undefined; readonly error: ClusterError }
> {
  try {
    return { engine: await connectEngine(environment) };
  } catch (error) {
    if (error instanceof ClusterError) return { error };
    throw error;
  }
}

/** The status of an answer of the engine (404, 409, ...); undefined when it gave none. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { readonly statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** The engine's own sentence, without the client's prefix. */
export function engineMessage(error: unknown): string {
  const { json } = (error ?? {}) as { readonly json?: { readonly message?: string } };
  // Where the answer is a stream the client puts the sentence behind words of its own.
  return (
    json?.message ??
    errorMessage(error)
      .replace(/^\(HTTP code \d+\) [a-z ]+ - /, '')
      .trim()
  );
}

async function connectTo({ address }: Place): Promise<Engine> {
  // Where there is no socket nothing has to be loaded to know it.
  if (address.startsWith('unix://')) {
    accessSync(address.slice('unix://'.length), constants.R_OK | constants.W_OK);
  }
  const { default: DockerClient } = await import('dockerode');
  // The first question may not hang; later ones take as long as they take.
  const asking = new DockerClient({ ...connectionOf(address), timeout: answerMs });
  const { Version: version, ApiVersion: apiVersion } = await asking.version();
  if (compareVersions(apiVersion, apiMin) < 0) {
    throw new ClusterError(
      'E_DOCKER_OLD',
      `the Docker engine at ${address} is ${version} (API ${apiVersion}): 20.10 (API ${apiMin}) ` +
        'is needed, for private cgroup namespaces',
      { remedies: ['upgrade the engine', 'drop --runtime docker'] },
    );
  }
  const docker = new DockerClient(connectionOf(address));
  return {
    docker,
    address,
    version,
    apiVersion,
    isLocal: isLocalAddress(address),
  };
}

/** A socket, or a loopback address. */
function isLocalAddress(address: string): boolean {
  if (address.startsWith('unix:')) return true;
  return /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(new URL(address).hostname);
}

function connectionOf(address: string): Docker.DockerOptions {
  if (address.startsWith('unix://')) return { socketPath: address.slice('unix://'.length) };
  const url = new URL(address.replace(/^tcp:/, 'http:'));
  const port = url.port === '' ? 2375 : Number(url.port);
  return { protocol: 'http', host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

/** Exported for its test. */
export function placesToTry(environment: Environment, home: string = homedir()): readonly Place[] {
  const given = environment['DOCKER_HOST'] ?? '';
  if (given !== '') {
    if (/^(unix:\/\/\/|tcp:\/\/[^/]|http:\/\/[^/])/.test(given)) {
      return [{ rule: 'DOCKER_HOST', address: given }];
    }
    throw new ClusterError(
      'E_NO_DOCKER',
      `DOCKER_HOST=${given}: only unix:// and tcp:// are known`,
      {
        remedies: ['unset DOCKER_HOST, or set it to unix:///var/run/docker.sock'],
      },
    );
  }
  const runtimeFolder = environment['XDG_RUNTIME_DIR'] ?? `/run/user/${userInfo().uid}`;
  const places = [
    { rule: 'socket', address: 'unix:///var/run/docker.sock' },
    { rule: 'rootless socket', address: `unix://${join(runtimeFolder, 'docker.sock')}` },
    ...contextPlace(environment, home),
  ];
  const addresses = places.map(({ address }) => address);
  return places.filter(({ address }, i) => addresses.indexOf(address) === i);
}

/** The endpoint of the context that `docker context use` chose. */
function contextPlace(environment: Environment, home: string): readonly Place[] {
  const folder = environment['DOCKER_CONFIG'] ?? join(home, '.docker');
  try {
    const named = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as {
      readonly currentContext?: string;
    };
    const context = environment['DOCKER_CONTEXT'] ?? named.currentContext ?? 'default';
    if (context === 'default') return [];
    const id = createHash('sha256').update(context).digest('hex');
    const meta = JSON.parse(
      readFileSync(join(folder, 'contexts', 'meta', id, 'meta.json'), 'utf8'),
    ) as { readonly Endpoints?: { readonly docker?: { readonly Host?: string } } };
    const host = meta.Endpoints?.docker?.Host ?? '';
    return /^(unix|tcp):/.test(host) ? [{ rule: `context "${context}"`, address: host }] : [];
  } catch {
    return [];
  }
}

function noEngine(attempts: readonly Attempt[], environment: Environment): ClusterError {
  const tried = [
    ...((environment['DOCKER_HOST'] ?? '') === '' ? ['DOCKER_HOST (unset)'] : []),
    ...attempts.map(({ rule, address, error }) => `${rule} ${address} (${reasonOf(error)})`),
  ].join(' · ');
  const forbidden = attempts.find(({ error }) => systemErrorCode(error) === 'EACCES');
  if (forbidden !== undefined) {
    const path = forbidden.address.replace(/^unix:\/\//, '');
    const user = environment['USER'] ?? String(userInfo().uid);
    return new ClusterError(
      'E_DOCKER_PERMISSION',
      `${path} exists (${describeOwner(path)}) and ${user} may not use it (EACCES)`,
      {
        details: { tried },
        remedies: [
          `sudo usermod -aG docker ${user}, then a new login`,
          'use a rootless Docker',
          'drop --runtime docker: the same cluster boots as plain processes',
        ],
      },
    );
  }
  return new ClusterError('E_NO_DOCKER', `no Docker engine answers. Tried: ${tried}`, {
    details: { tried },
    remedies: ['start Docker', 'drop --runtime docker: the same cluster boots as plain processes'],
  });
}

function reasonOf(error: Error): string {
  const code = systemErrorCode(error) ?? errorMessage(error);
  return code === 'ECONNRESET' ? `no answer within ${answerMs / 1000} s` : code;
}

function describeOwner(path: string): string {
  if (!existsSync(path)) return 'unseen';
  const { uid, gid, mode } = statSync(path);
  return `owner ${uid}:${gid}, mode 0${(mode & 0o777).toString(8)}`;
}

/** Versions of the form 1.41, as numbers: 1.9 is before 1.41. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number));
  for (let i = 0; i < 2; i += 1) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
