// The status on one screen: what is said of units.
import { PassThrough } from 'node:stream';
import type { ClusterStatus, NodeStatus } from '@corral/cluster';
import { expect, it } from 'vitest';
import type { Context } from '../../src/context.js';
import { renderStatus } from '../../src/render/status.js';
import { plainTerminal } from '../run.js';

const context: Context = {
  streams: { stdout: () => undefined, stderr: () => undefined },
  terminal: plainTerminal,
  ends: { stdin: undefined, stdout: new PassThrough(), stderr: new PassThrough() },
  folder: '/',
  environment: {},
  home: '/none',
  signal: new AbortController().signal,
  onLeave: () => undefined,
};

const node = (name: string, state: NodeStatus['state']): NodeStatus => ({
  name,
  role: 'central',
  state,
  address: '127.7.0.1',
  clientUrls: [],
  peerUrls: [],
  memberId: null,
  pid: null,
  container: null,
  hostname: name,
  root: null,
  raft: null,
  units: [
    { name: 'once.service', state: 'active', reason: 'ran to its end' },
    { name: 'fleet.service', state: 'skipped', reason: 'not there yet' },
    { name: 'bad.service', state: 'failed', reason: 'exited with 1' },
  ],
  faults: [],
  dev: name === 'n1' ? { etcd2: '0123456789ab' } : {},
});

const status: ClusterStatus = {
  schema: 1,
  name: 'c',
  runtime: 'process',
  state: 'no-quorum',
  tolerates: 0,
  leader: null,
  discovery: { url: 'http://127.0.0.1:1', token: 't', size: 2 },
  nodes: [node('n1', 'running'), node('n2', 'killed')],
  timings: { total: 0, steps: [] },
};

it('what failed or was skipped has its reason, on nodes that run', () => {
  const text = renderStatus({ status, faults: [], wallTime: 0 }, context);

  const lines = text.split('\n').filter((line) => line.includes('.service'));
  expect(lines).toEqual([
    '  n1  fleet.service  skipped: not there yet',
    '  n1  bad.service  failed: exited with 1',
  ]);
});

it('what ran to its end counts as active; code from a working tree is named', () => {
  const text = renderStatus({ status, faults: [], wallTime: 0 }, context, true);

  expect(text).toMatch(/^NODE .* UNITS +DEV +FAULTS\n/m);
  expect(text).toMatch(/^n1 .* 1\/3 +etcd2 0123456789ab +-$/m);
  expect(text).toMatch(/^n2 .* 1\/3 +- +-$/m);
});
