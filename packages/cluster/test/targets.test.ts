// What a user may call a node, and how a cluster differs from what is asked for.
import { describe, expect, it } from 'vitest';
import { differences } from '../src/differences.js';
import { makePlan } from '../src/plan.js';
import type { ClusterSpec } from '../src/plan.js';
import { stoppedStatus } from '../src/status.js';
import type { ClusterStatus, NodeStatus } from '../src/status.js';
import { resolveTarget } from '../src/targets.js';

const given = { number: 7, discoveryPort: 4000, token: 't', createdAt: '' };
const spec: ClusterSpec = {
  name: 'demo',
  central: 3,
  workers: 2,
  cloudConfigs: {},
  ignoreUnknown: false,
};
const { plan } = makePlan(spec, given);

function running(leader: string | null): ClusterStatus {
  const raft = { role: 'follower', term: 2, commit: 5, applied: 5 } as const;
  const nodes = stoppedStatus(plan).nodes.map((node): NodeStatus => ({
    ...node,
    state: 'running',
    raft: node.role === 'worker' ? null : raft,
  }));
  return { ...stoppedStatus(plan), nodes, leader };
}

describe('a target', () => {
  it.each([
    ['n2', 'n2'],
    ['leader', 'n1'],
    ['follower', 'n2'],
    ['worker', 'w1'],
    ['any', 'n1'],
    ['w2', 'w2'],
  ])('%s is %s', (target, name) => {
    expect(resolveTarget(running('n1'), target).name).toBe(name);
  });

  it('a unique beginning is enough, an ambiguous one is not', () => {
    const status = running('n1');
    const nodes = status.nodes.map((node) =>
      node.name === 'n3' ? { ...node, name: 'core-01' } : node,
    );

    expect(resolveTarget({ ...status, nodes }, 'core').name).toBe('core-01');
    expect(() => resolveTarget(status, 'n')).toThrow('No node "n" in "demo"');
  });

  it('a role that nobody has now says so', () => {
    expect(() => resolveTarget(running(null), 'leader')).toThrow(
      'There is no leader in "demo" now. Nodes: n1 n2 n3 w1 w2; roles: leader(none)',
    );
  });
});

describe('differences', () => {
  it('none when the same is asked for', () => {
    expect(differences(spec, plan)).toEqual([]);
  });

  it('names numbers and cloud-configs', () => {
    const worker = { file: 'mine.yaml', text: '#cloud-config\n' };

    expect(differences({ ...spec, central: 5, cloudConfigs: { worker } }, plan)).toEqual([
      'central: 3 -> 5',
      'worker cloud-config: built-in worker.yaml -> mine.yaml',
    ]);
  });
});
