// What is done when the members API does not answer as it should.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { dismissMember } from '../src/membership.js';
import { makePlan } from '../src/plan.js';
import { stoppedStatus } from '../src/status.js';

const spec = { name: 'm', central: 3, workers: 0, cloudConfigs: {}, ignoreUnknown: false };
const given = { number: 7, discoveryPort: 4000, token: 't', createdAt: '' };
const { plan } = makePlan(spec, given);

describe('a member that is to leave', () => {
  it('stays a node when the members cannot be listed: nobody knows that it is none', async () => {
    const server = createServer((_request, response) => response.writeHead(503).end('busy'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const raft = { role: 'leader', term: 2, commit: 1, applied: 1 } as const;
    const stopped = stoppedStatus(plan);
    const nodes = stopped.nodes.map((node) => ({
      ...node,
      state: 'running' as const,
      clientUrls: [url],
      raft,
    }));
    const status = { ...stopped, state: 'healthy' as const, nodes, leader: 'n1' };

    await expect(
      dismissMember(plan.nodes[2]!, { status, faults: [], wallTime: 0 }),
    ).rejects.toMatchObject({
      code: 'E_FAILED',
      message: 'the members cannot be listed to remove n3: busy',
    });
  });
});
