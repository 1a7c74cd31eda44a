import { describe, expect, it } from 'vitest';
import { planNewCluster } from '../../src/bootstrap/plan.js';

const own = { name: 'a', initialAdvertisePeerUrls: ['http://127.0.0.1:23480'] };
const three = new Map([
  ['a', ['http://127.0.0.1:23480']],
  ['b', ['http://127.0.0.1:23580']],
  ['c', ['http://127.0.0.1:23680']],
]);

describe('the plan of a new cluster', () => {
  it('has etcd’s ids, and its members by numeric id', () => {
    const plan = planNewCluster(own, three, 'tok1');

    expect(plan).toEqual({
      kind: 'new',
      clusterId: 'cae4294677cabe07',
      memberId: '3eb62a060376dacc',
      members: [
        { id: 'cf6ab4148ad210d', name: 'c', peerUrls: ['http://127.0.0.1:23680'] },
        { id: '3eb62a060376dacc', name: 'a', peerUrls: ['http://127.0.0.1:23480'] },
        { id: 'ce8089838476e6cc', name: 'b', peerUrls: ['http://127.0.0.1:23580'] },
      ],
    });
  });

  it.each([
    [
      'the own name is missing',
      { ...own, name: 'x' },
      three,
      'couldn\'t find local name "x" in the initial cluster configuration',
    ],
    [
      'the own URLs differ',
      { ...own, initialAdvertisePeerUrls: ['http://127.0.0.1:1'] },
      three,
      '--initial-cluster must include a=http://127.0.0.1:1 given --initial-advertise-peer-urls=http://127.0.0.1:1. Forgot to set --initial-cluster or --initial-advertise-peer-urls? If you want to use discovery service, please set --discovery flag',
    ],
    [
      'two members share a URL',
      own,
      new Map([...three, ['d', ['http://127.0.0.1:23480']]]),
      'initial cluster a=http://127.0.0.1:23480,b=http://127.0.0.1:23580,c=http://127.0.0.1:23680,d=http://127.0.0.1:23480 has duplicate url',
    ],
  ])('is refused when %s: E_BOOTSTRAP_FLAGS', (_when, config, cluster, message) => {
    const attempt = (): unknown => planNewCluster(config, cluster, 'tok1');

    expect(attempt).toThrow(expect.objectContaining({ code: 'E_BOOTSTRAP_FLAGS', message }));
  });
});
