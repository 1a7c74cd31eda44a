// Which ports of a node are published, and where.
import { createServer } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  portsOfPlan,
  portsToPublish,
  publishPorts,
  runsInnerEngine,
} from '../../src/docker/published.js';
import { makePlan } from '../../src/plan.js';
import type { NodePlan } from '../../src/plan.js';

const given = { number: 7, discoveryPort: 20_000, token: 't', createdAt: '' };
const article = (file: string): { file: string; text: string } => ({
  file,
  text: readFileSync(join(import.meta.dirname, '../../../../examples/article', file), 'utf8'),
});

function nodesOf(file: string | undefined, central = 1): readonly NodePlan[] {
  const cloudConfigs = file === undefined ? {} : { central: article(file) };
  const spec = { name: 'x', central, workers: 0, cloudConfigs, ignoreUnknown: true };
  return makePlan({ ...spec, runtime: 'docker' }, given).plan.nodes;
}

describe('ports to publish', () => {
  it("are the store's client ports, sshd's, and those that socket units open", () => {
    const [plain, legacy, core] = [undefined, 'central.yaml', 'core-01.yaml'].map((file) =>
      portsToPublish(nodesOf(file)[0]!),
    );

    expect(plain).toEqual([2379, 22]);
    expect(legacy).toEqual([2379, 4001, 22]);
    expect(core).toEqual([2379, 4001, 2375, 22]);
  });

  it('of an engine inside make the node one that runs an engine', () => {
    expect(runsInnerEngine(nodesOf('core-01.yaml')[0]!)).toBe(true);
    expect(runsInnerEngine(nodesOf('central.yaml')[0]!)).toBe(false);
  });
});

describe('published ports', () => {
  it('are the same ones each time, below the range of outgoing connections, none twice', async () => {
    const nodes = nodesOf(undefined, 3);

    const first = await publishPorts(nodes, new Set());
    const again = await publishPorts(nodes, new Set());

    const ports = first.flatMap((node) => Object.values(node.published ?? {}));
    expect(again).toEqual(first);
    expect(new Set(ports).size).toBe(6);
    for (const port of ports) expect([port >= 20_000, port < 32_000]).toEqual([true, true]);
  });

  it('pass over what another cluster has, and what somebody listens on', async () => {
    const [node] = nodesOf(undefined);
    const [before] = await publishPorts([node!], new Set());
    const { '2379': taken = 0, '22': held = 0 } = before?.published ?? {};
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: held }, resolve));

    const [after] = await publishPorts([node!], new Set([taken])).finally(() => server.close());

    expect(after?.published?.['2379']).not.toBe(taken);
    expect(after?.published?.['22']).not.toBe(held);
  });

  it('of a plan are kept for it, with that of its discovery service', async () => {
    const { plan } = makePlan(
      {
        name: 'x',
        runtime: 'docker',
        central: 1,
        workers: 0,
        cloudConfigs: {},
        ignoreUnknown: false,
      },
      given,
    );
    const nodes = await publishPorts(plan.nodes, new Set());

    const ports = portsOfPlan({ ...plan, nodes });

    expect(ports).toContain(20_000);
    expect(ports.size).toBe(3);
  });
});
