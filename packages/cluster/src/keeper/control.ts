// How commands reach the keeper: JSON lines over its control socket. The socket is the cluster's
// lock; a secret from the state folder lets a caller in. Closing the connection cancels a call.
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { errorMessage, systemErrorCode } from '@corral/kit';
import { ClusterError } from '../errors.js';
import type { ClusterErrorCode } from '../errors.js';
import type { ClusterState } from '../state.js';

/** A status of the largest cluster is far below. */
const lineMax = 4 * 1024 * 1024;

export type ControlRequest = {
  readonly secret: string;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
};

type ControlLine =
  | { readonly kind: 'event'; readonly event: unknown }
  | { readonly kind: 'result'; readonly result: unknown }
  | {
      readonly kind: 'error';
      readonly code: string;
      readonly message: string;
      readonly remedies: readonly string[];
      readonly details: Readonly<Record<string, unknown>>;
    };

export type CallContext = {
  readonly signal: AbortSignal;
  emit(event: unknown): void;
};

export type ControlHandler = (request: ControlRequest, context: CallContext) => Promise<unknown>;

/** Rejects with EADDRINUSE when another keeper holds the cluster. */
export function serveControl(
  state: ClusterState,
  handler: ControlHandler,
): Promise<{ close(): void }> {
  const secret = state.secret();
  const server: Server = createServer((socket) => serveOne(socket, secret, handler));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path: state.socketPath() }, () =>
      resolve({ close: () => void server.close() }),
    );
  });
}

function serveOne(socket: Socket, secret: string, handler: ControlHandler): void {
  const gone = new AbortController();
  const write = (line: ControlLine): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(line)}\n`);
  };
  socket.on('error', () => undefined);
  socket.on('close', () => gone.abort(new Error('the caller is gone')));
  readLines(socket, (line) => {
    const request = parseRequest(line);
    if (request?.secret !== secret) {
      // Any local user can reach the socket: who does not know the secret is told nothing.
      socket.destroy();
      return;
    }
    handler(request, {
      signal: gone.signal,
      emit: (event) => write({ kind: 'event', event }),
    }).then(
      (result) => {
        write({ kind: 'result', result: result ?? null });
        socket.end();
      },
      (error: unknown) => {
        const known = error instanceof ClusterError ? error : undefined;
        write({
          kind: 'error',
          code: known?.code ?? 'E_FAILED',
          message: errorMessage(error),
          remedies: known?.remedies ?? [],
          details: known?.details ?? {},
        });
        socket.end();
      },
    );
  });
}

function parseRequest(line: string): ControlRequest | undefined {
  try {
    const { secret, method, params } = JSON.parse(line) as Partial<ControlRequest>;
    if (typeof secret !== 'string' || typeof method !== 'string') return undefined;
    return { secret, method, params: params ?? {} };
  } catch {
    return undefined;
  }
}

/** Asks the keeper; throws ClusterError E_KEEPER_GONE when there is none. */
export function callKeeper(
  state: ClusterState,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  options: {
    readonly onEvent?: (event: unknown) => void;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: state.socketPath() });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(new Error('cancelled'));
    options.signal?.addEventListener('abort', onAbort, { once: true });
    socket.on('connect', () => {
      const request: ControlRequest = { secret: state.secret(), method, params };
      socket.write(`${JSON.stringify(request)}\n`);
    });
    socket.on('error', (error) => {
      const code = systemErrorCode(error);
      const gone = ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE'];
      fail(gone.includes(code ?? '') ? keeperGone(state) : error);
    });
    socket.on('close', () => fail(keeperGone(state)));
    readLines(socket, (text) => {
      const line = JSON.parse(text) as ControlLine;
      if (line.kind === 'event') {
        options.onEvent?.(line.event);
        return;
      }
      options.signal?.removeEventListener('abort', onAbort);
      socket.removeAllListeners('close');
      if (line.kind === 'result') resolve(line.result);
      else {
        const { code, message, remedies, details } = line;
        reject(new ClusterError(code as ClusterErrorCode, message, { remedies, details }));
      }
      socket.end();
    });
  });
}

/** True when a keeper holds the cluster. */
export async function hasKeeper(state: ClusterState): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: state.socketPath() });
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function keeperGone(state: ClusterState): ClusterError {
  return new ClusterError('E_KEEPER_GONE', `no keeper runs for the cluster in ${state.folder}`, {
    details: { log: state.lastKeeperLines(3) },
    remedies: ['corral start brings the same cluster back', 'corral down removes it'],
  });
}

function readLines(socket: Socket, onLine: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > lineMax) socket.destroy();
    for (const line of lines) onLine(line);
  });
}
