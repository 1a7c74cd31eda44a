// Code that goes from node to node: order, health between the steps, and the way back.
import { describe, expect, it } from 'vitest';
import { listCode, stampCode } from '../../src/dev/code-files.js';
import { FakeCluster } from './fake-cluster.js';

const good = stampCode('good');

function codes(cluster: FakeCluster, ...names: readonly string[]): readonly (string | undefined)[] {
  return names.map((name) => listCode(cluster.node(name).devFolder)['etcd2']);
}

describe('new code', () => {
  it('goes to workers, then to followers, and to the leader last', async () => {
    const cluster = await FakeCluster.start();

    const report = await cluster.roll('good');

    expect(cluster.events).toEqual([
      'restart etcd2.service w1',
      'restart etcd2.service w2',
      'restart etcd2.service n2',
      'restart etcd2.service n3',
      'restart etcd2.service n1',
    ]);
    expect(report.nodes.map(({ node, was, now }) => [node, was, now])).toEqual(
      ['w1', 'w2', 'n2', 'n3', 'n1'].map((name) => [name, null, good.hash]),
    );
    expect(cluster.node('n2').code).toBe(good.text);
  });

  it('is told step by step, with what it took the place of', async () => {
    const cluster = await FakeCluster.start(3, 0);
    await cluster.give('n2', 'before');

    await cluster.roll('good', ['n2', 'n3']);

    const before = stampCode('before').hash;
    expect(cluster.told.map((event) => ('text' in event ? event.text : event.name))).toEqual([
      'n2',
      `${before} → ${good.hash} · follower, term 2, applied 40`,
      'n3',
      `installed code → ${good.hash} · follower, term 2, applied 40`,
    ]);
  });

  it('goes to the nodes that are named and no others', async () => {
    const cluster = await FakeCluster.start();

    await cluster.roll('good', ['n1', 'w1']);

    expect(cluster.events).toEqual(['restart etcd2.service w1', 'restart etcd2.service n1']);
    expect(codes(cluster, 'w1', 'n1', 'n2')).toEqual([good.hash, good.hash, undefined]);
  });

  it('does not restart what runs it already', async () => {
    const cluster = await FakeCluster.start(3, 0);
    await cluster.give('n3', 'good');

    const { nodes } = await cluster.roll('good');

    expect(cluster.events).toEqual(['restart etcd2.service n2', 'restart etcd2.service n1']);
    expect(nodes.find(({ node }) => node === 'n3')).toEqual({
      node: 'n3',
      was: good.hash,
      now: good.hash,
      ms: 0,
    });
  });

  it('leaves out nodes that are down, and says so; one that was named is refused', async () => {
    const cluster = await FakeCluster.start(3, 0);
    await cluster.node('n3').kill();

    const report = await cluster.roll('good');
    const named = cluster.roll('other', ['n2', 'n3']);

    expect(report.skipped).toEqual([{ node: 'n3', why: 'is killed' }]);
    expect(cluster.told).toContainEqual({ kind: 'warning', text: 'n3 is killed: left out' });
    await expect(named).rejects.toMatchObject({
      code: 'E_FAILED',
      message: 'n3 is killed; no node was touched',
      remedies: ['corral node start n3'],
    });
    expect(codes(cluster, 'n2', 'n3')).toEqual([good.hash, undefined]);
  });

  it('does not go to a cluster without a quorum', async () => {
    const cluster = await FakeCluster.start(3, 0);
    await cluster.node('n3').kill();
    await cluster.node('n2').kill();

    await expect(cluster.roll('good')).rejects.toMatchObject({ code: 'E_NO_QUORUM' });
    expect(codes(cluster, 'n1')).toEqual([undefined]);
  });

  it('tells beforehand that writes wait where no member can be missed', async () => {
    const cluster = await FakeCluster.start(1, 0);

    await cluster.roll('good');

    expect(cluster.told[0]).toEqual({
      kind: 'warning',
      text: '1 central nodes: writes wait while one of them restarts',
    });
  });

  it('an interrupted roll ends with the node under way', async () => {
    const cluster = await FakeCluster.start(3, 0);
    cluster.node('n2').onEvent = () => cluster.interrupt();

    const { nodes } = await cluster.roll('good');

    expect(nodes.map(({ node }) => node)).toEqual(['n2']);
    expect(codes(cluster, 'n2', 'n3')).toEqual([good.hash, undefined]);
  });

  it('of what a node boots with makes the node boot; of a mere client restarts nothing', async () => {
    const cluster = await FakeCluster.start(3, 0);

    await cluster.roll('x', ['n2'], 'cloudinit');
    await cluster.roll('y', ['n2'], 'etcdctl');

    expect(cluster.events).toEqual(['stop n2', 'start n2']);
    expect(Object.keys(listCode(cluster.node('n2').devFolder))).toEqual([
      'coreos-cloudinit',
      'etcdctl',
    ]);
  });
});

describe('code that makes it worse', () => {
  it.each([
    ['does not come up', "console.error('boom'); process.exit(1)", /does not come up/],
    ['ends again', '// dies', /its store ended again/],
    ['never catches up', '// lags', /it has applied 3 of 40 after 10 s/],
    ['finds no leader', '// splits', /it sees no leader after 10 s/],
  ])(
    '%s: the node gets back what it had, and no other node is touched',
    async (_name, code, why) => {
      const cluster = await FakeCluster.start(3, 0);
      await cluster.give('n2', 'before');

      const failure = await cluster.roll(code).catch((error: unknown) => error);

      const before = stampCode('before');
      expect(failure).toMatchObject({ code: 'E_DEV_WORSE', exitCode: 1 });
      expect(String(failure)).toMatch(why);
      expect(String(failure)).toContain(`n2 has ${before.hash} again`);
      expect(cluster.events).toEqual(['restart etcd2.service n2', 'restart etcd2.service n2']);
      expect(cluster.node('n2').code).toBe(before.text);
      expect(codes(cluster, 'n1', 'n3')).toEqual([undefined, undefined]);
      expect((await cluster.status()).state).toBe('healthy');
    },
  );

  it('tells the last lines of the new code, not of the old one', async () => {
    const cluster = await FakeCluster.start(3, 0);

    const failure = await cluster
      .roll("console.error('boom'); process.exit(1)")
      .catch((error: unknown) => error);

    expect(failure).toMatchObject({ details: { node: 'n2', log: ['boom'] } });
    expect(String(failure)).toContain('n2 has the installed code again');
  });

  it('on a worker is found by a read through it', async () => {
    const cluster = await FakeCluster.start();
    cluster.silent.add('w1');

    const failure = await cluster.roll('good').catch((error: unknown) => error);

    expect(String(failure)).toContain('makes w1 worse: its store does not answer after 10 s');
    expect(String(failure)).toContain('w1 has the installed code again, but is not well');
    expect(codes(cluster, 'w1', 'w2')).toEqual([undefined, undefined]);
  });

  it('a node before it that went down meanwhile gets back its code, too; others keep theirs', async () => {
    const cluster = await FakeCluster.start(5, 0);
    const { onEvent } = cluster.node('n4');
    cluster.node('n4').onEvent = (event) => {
      onEvent(event);
      // By what it runs since the first step.
      if (cluster.events.length === 3) cluster.node('n2').crashed = true;
    };

    const failure = await cluster.roll('good').catch((error: unknown) => error);

    expect(String(failure)).toMatch(/makes n4 worse: the cluster is degraded, can lose 1 \(it was/);
    expect(String(failure)).toMatch(/n2 has the installed code again, n4 has the installed code/);
    expect(String(failure)).toContain('n3 kept the new code');
    expect(cluster.events.slice(3)).toEqual([
      'restart etcd2.service n2',
      'restart etcd2.service n4',
    ]);
    expect(codes(cluster, 'n2', 'n3', 'n4', 'n5')).toEqual([
      undefined,
      good.hash,
      undefined,
      undefined,
    ]);
  });

  it('counts also where a node was missing before: one more may not be', async () => {
    const cluster = await FakeCluster.start(5, 0);
    await cluster.node('n5').kill();
    const { onEvent } = cluster.node('n3');
    cluster.node('n3').onEvent = (event) => {
      onEvent(event);
      if (cluster.events.length === 2) cluster.node('n2').crashed = true;
    };

    const failure = await cluster.roll('good').catch((error: unknown) => error);

    expect(String(failure)).toContain(
      'makes n3 worse: the cluster is degraded, can lose 0 (it was degraded, can lose 1)',
    );
    expect(codes(cluster, 'n1', 'n2', 'n3', 'n4')).toEqual(Array(4).fill(undefined));
  });
});

describe('taking code away', () => {
  it('restarts the nodes that had it, one at a time, and no others', async () => {
    const cluster = await FakeCluster.start();
    await cluster.give('n1', 'good');
    await cluster.give('w2', 'good');

    const { nodes } = await cluster.roll(undefined);

    expect(cluster.events).toEqual(['restart etcd2.service w2', 'restart etcd2.service n1']);
    expect(nodes.filter(({ was }) => was !== null).map(({ node }) => node)).toEqual(['w2', 'n1']);
    expect(cluster.node('n1').code).toBeUndefined();
  });

  it('works on nodes that are down, and without a quorum', async () => {
    const cluster = await FakeCluster.start(3, 0);
    await cluster.roll('good');
    await cluster.node('n2').kill();
    await cluster.node('n3').kill();
    cluster.events.length = 0;

    await cluster.roll(undefined);

    expect(codes(cluster, 'n1', 'n2', 'n3')).toEqual([undefined, undefined, undefined]);
    expect(cluster.events).toEqual(['restart etcd2.service n1']);
    expect((await cluster.node('n2').inspect()).state).toBe('killed');
  });
});
