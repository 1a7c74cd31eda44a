import { describe, expect, it } from 'vitest';
import { ClusterError } from '../src/errors.js';
import { addressed, firstNumber, makePlan, planAddedNode } from '../src/plan.js';
import type { ClusterSpec } from '../src/plan.js';

const given = { number: 7, discoveryPort: 4000, token: 'tok', createdAt: '2026-01-01T00:00:00Z' };
const spec = (change: Partial<ClusterSpec> = {}): ClusterSpec => ({
  name: 'demo',
  central: 3,
  workers: 2,
  cloudConfigs: {},
  ignoreUnknown: false,
  ...change,
});
const config = (text: string): { file: string; text: string } => ({
  file: 'mine.yaml',
  text: `#cloud-config\n${text}`,
});

function refusal(change: Partial<ClusterSpec>): ClusterError {
  try {
    makePlan(spec(change), given);
  } catch (error) {
    if (error instanceof ClusterError) return error;
  }
  throw new Error('the plan was made');
}

describe('a plan', () => {
  it('names and numbers nodes by role, each with an address of its own', () => {
    const { plan, warnings } = makePlan(spec(), given);

    expect(plan.nodes.map(({ name, address }) => `${name} ${address}`)).toEqual([
      'n1 127.7.0.1',
      'n2 127.7.0.2',
      'n3 127.7.0.3',
      'w1 127.7.0.101',
      'w2 127.7.0.102',
    ]);
    expect(new Set(plan.nodes.map((node) => node.machineId)).size).toBe(5);
    expect(plan.size).toBe(3);
    expect(warnings).toEqual([]);
  });

  it('is the same for the same question, and keeps machine ids over plans', () => {
    expect(makePlan(spec(), given)).toEqual(makePlan(spec(), given));
  });

  it('puts the own discovery service into the built-in cloud-configs, and the address of the node', () => {
    const [node] = makePlan(spec(), given).plan.nodes;

    const text = addressed(node!);
    expect(text).toContain('discovery: http://127.0.0.1:4000/tok');
    expect(text).toContain('advertise-client-urls: http://127.7.0.1:2379');
    expect(text).not.toContain('$private_ipv4');
  });

  it('collects the public tokens that the cloud-configs name, once each', () => {
    const central = config('coreos:\n  etcd2:\n    discovery: https://discovery.etcd.io/abc123\n');
    const { plan } = makePlan(spec({ cloudConfigs: { central, worker: central } }), given);

    expect(plan.publicTokens).toEqual(['abc123']);
  });

  it.each([2, 4])('warns that %i central nodes tolerate no more than one fewer', (central) => {
    const { warnings } = makePlan(spec({ central }), given);

    expect(warnings.map(({ text }) => text)).toEqual([
      `${central} central nodes tolerate no more failures than ${central - 1}: an even number adds none`,
    ]);
  });

  it('takes the host name of the file as the name of the one node', () => {
    const central = config('hostname: core-01\n');
    const { plan } = makePlan(spec({ central: 1, workers: 0, cloudConfigs: { central } }), given);

    expect(plan.nodes.map(({ name, hostname }) => [name, hostname])).toEqual([
      ['core-01', 'core-01'],
    ]);
  });

  it('adds the next free name of a role with its cloud-config', () => {
    const worker = config('coreos:\n  etcd2:\n    proxy: on\n');
    const { plan } = makePlan(spec({ cloudConfigs: { worker } }), given);
    const without = { ...plan, nodes: plan.nodes.filter((node) => node.name !== 'w1') };

    expect(planAddedNode(plan, 'worker', {}).name).toBe('w3');
    expect(planAddedNode(without, 'worker', {})).toMatchObject({
      name: 'w1',
      address: '127.7.0.101',
      cloudConfig: worker,
    });
    expect(planAddedNode(plan, 'central', { A: 'b' })).toMatchObject({
      name: 'n4',
      environment: { A: 'b' },
    });
  });

  it('begins to look for addresses at a number that depends on the name, from 2 to 250', () => {
    const numbers = Array.from({ length: 500 }, (_, i) => firstNumber(`cluster-${i}`));

    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...numbers)).toBeLessThanOrEqual(250);
    expect(new Set(numbers).size).toBeGreaterThan(150);
  });
});

describe('a plan that cannot be', () => {
  it.each([
    [{ name: 'Not OK' }, 'E_CONFIG', /"Not OK" is no name for a cluster/],
    [{ central: 0 }, 'E_CONFIG', /--central 0: between 1 and 99/],
    [{ central: 100 }, 'E_CONFIG', /--central 100/],
    [{ workers: 141 }, 'E_CONFIG', /--workers 141: between 0 and 140/],
  ] as const)('%j is refused', (change, code, message) => {
    const error = refusal(change);

    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.exitCode).toBe(8);
  });

  it('names file, line and column of what is wrong in a cloud-config, and what was meant', () => {
    const central = config('coreos:\n  etcd2:\n    advertise-client-url: http://x:1\n');
    const error = refusal({ cloudConfigs: { central } });

    expect(error.code).toBe('E_CLOUD_CONFIG');
    expect(error.message).toContain('mine.yaml:4:5');
    expect(error.message).toContain('advertise-client-urls');
    expect(error.remedies.join()).toContain('--ignore-unknown');
  });

  it('turns unknown keys into warnings on request', () => {
    const central = config('coreos:\n  etcd2:\n    advertise-client-url: http://x:1\n');
    const { warnings } = makePlan(spec({ cloudConfigs: { central }, ignoreUnknown: true }), given);

    expect(warnings.map(({ text }) => text).join()).toContain('mine.yaml:4:5');
  });

  it.each([
    '../../../../evil',
    'a/b',
    '..',
    '.hidden',
    'leader',
    'discovery',
    '12',
    'x'.repeat(64),
  ])(
    'refuses the host name %s: it would be the name of the node, and of its folder',
    (hostname) => {
      const central = config(`hostname: "${hostname}"\n`);
      const error = refusal({ central: 1, cloudConfigs: { central } });

      expect(error.code).toBe('E_CLOUD_CONFIG');
      expect(error.message).toContain(`mine.yaml sets hostname: ${hostname}`);
    },
  );

  it('refuses two nodes of the same name', () => {
    const named = config('hostname: same\n');
    const twice = refusal({
      central: 1,
      workers: 1,
      cloudConfigs: { central: named, worker: named },
    });
    const taken = refusal({ central: 1, cloudConfigs: { central: config('hostname: w2\n') } });

    expect([twice.code, taken.code]).toEqual(['E_CONFIG', 'E_CONFIG']);
    expect(twice.message).toContain('two nodes are called same');
    expect(taken.message).toContain('two nodes are called w2');
  });

  it('refuses a second node of a file that names its one node', () => {
    const central = config('hostname: core-01\n');
    const { plan } = makePlan(spec({ central: 1, workers: 0, cloudConfigs: { central } }), given);

    expect(() => planAddedNode(plan, 'central', {})).toThrow(
      'mine.yaml sets hostname: core-01 and serves 2 nodes',
    );
  });

  it('refuses a host name for several nodes, and a script', () => {
    const named = refusal({ cloudConfigs: { central: config('hostname: one\n') } });
    const script = refusal({
      cloudConfigs: { worker: { file: 'run.sh', text: '#!/bin/sh\necho hi\n' } },
    });

    expect(named.message).toContain('sets hostname: one and serves 3 nodes');
    expect(script.message).toContain('run.sh is a script');
  });
});
