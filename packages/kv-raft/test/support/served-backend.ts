// The client API over a backend whose answers a test gives.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@corral/kit';
import { RecordingLog } from '@corral/kit/testing';
import { Store } from '@corral/store';
import type { Backend } from '../../src/backend.js';
import { createApp } from '../../src/http/app.js';
import type { App } from '../../src/http/app.js';

const follower: Backend = {
  clusterId: 'c1',
  memberId: 'a1',
  store: new Store({ namespaces: ['/0', '/1'] }),
  versions: { server: '2.3.8', cluster: undefined },
  raft: { term: 3, appliedIndex: 7, commitIndex: 7, leaderId: undefined, role: 'follower' },
  caughtUp: true,
  write: () => Promise.resolve({ ok: false, failure: 'E_RAFT_CANCELLED' }),
  readBarrier: () => Promise.resolve({ ok: false, failure: 'E_RAFT_NO_LEADER' }),
  members: () => [],
  leader: () => undefined,
  addMember: () => Promise.resolve({ ok: false, refusal: { kind: 'id-exists' } }),
  removeMember: () => Promise.resolve({ ok: false, refusal: { kind: 'removed' } }),
  updateMember: () => Promise.resolve({ ok: false, refusal: { kind: 'removed' } }),
  isRemoved: () => false,
  selfStats: () => ({
    name: 'n',
    id: 'a1',
    startTime: 0,
    leaderSince: undefined,
    recvAppendRequestCnt: 0,
    sendAppendRequestCnt: 0,
    recvPkgRate: 0,
    recvBandwidthRate: 0,
    sendPkgRate: 1.5,
    sendBandwidthRate: 0,
  }),
  followerStats: () => [],
  counters: () => new Map(),
  raftStatus: () => ({}),
  setLogLevel: () => undefined,
};

/** `afterRequest` runs as soon as a request has been handed to the API. */
export async function serve(
  change: Partial<Backend>,
  afterRequest: (app: App) => void = () => undefined,
): Promise<AsyncDisposable & { readonly url: string; readonly log: RecordingLog }> {
  const log = new RecordingLog();
  const app = createApp({
    backend: { ...follower, ...change },
    clock: systemClock,
    logger: log,
    corsOrigins: [],
    commandLine: [],
  });
  const server = createServer((request, response) => {
    app.handle(request, response);
    afterRequest(app);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
