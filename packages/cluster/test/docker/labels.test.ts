// What a cluster's labels say, and that a plan comes back from them.
import { describe, expect, it } from 'vitest';
import { ClusterError } from '../../src/errors.js';
import {
  clusterFilter,
  engineName,
  isOf,
  networkLabels,
  nodeLabels,
  planFromLabels,
} from '../../src/docker/labels.js';
import { makePlan } from '../../src/plan.js';

const spec = { name: 'x', central: 3, workers: 2, cloudConfigs: {}, ignoreUnknown: false };
const given = { number: 7, discoveryPort: 20_000, token: 't', createdAt: '2026-05-01' };
const { plan } = makePlan({ ...spec, runtime: 'docker' }, given);
const key = { home: '/home/ada/.local/state/corral', name: 'x' };

describe('labels', () => {
  it('are the plan, in whatever order the engine lists them', () => {
    const nodes = plan.nodes.map((node) => nodeLabels(key, node)).reverse();

    expect(planFromLabels(networkLabels(key, plan), nodes)).toEqual(plan);
  });

  it('of a thing that is no node do not make it one', () => {
    const discovery = { 'io.corral.cluster': 'x', 'io.corral.home': key.home };

    expect(planFromLabels(networkLabels(key, plan), [discovery]).nodes).toEqual([]);
  });

  it('that cannot be read are an error with the way out', () => {
    const read = (): unknown => planFromLabels({ 'io.corral.cluster': 'x' }, []);

    expect(read).toThrow(ClusterError);
    expect(read).toThrow(/the labels of cluster "x" cannot be read/);
  });

  it('find what is of this cluster and this home only', () => {
    expect(clusterFilter(key)).toEqual({
      label: ['io.corral.cluster=x', 'io.corral.home=/home/ada/.local/state/corral'],
    });
  });
});

describe('names on the engine', () => {
  it('do not meet those of another home', () => {
    const other = { ...key, home: '/home/bob/.local/state/corral' };

    expect(engineName(key, 'n1')).toMatch(/^corral-x-[0-9a-f]{6}-n1$/);
    expect(engineName(key, undefined)).toMatch(/^corral-x-[0-9a-f]{6}$/);
    expect(engineName(other, 'n1')).not.toBe(engineName(key, 'n1'));
    expect(isOf(key, nodeLabels(key, plan.nodes[0]!))).toBe(true);
    expect(isOf(key, nodeLabels(other, plan.nodes[0]!))).toBe(false);
    expect(isOf(key, undefined)).toBe(false);
  });
});
