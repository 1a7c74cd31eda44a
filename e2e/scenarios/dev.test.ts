// Somebody works on the store: changed code goes into a cluster that serves clients all the while.
import { History } from '@corral/cluster';
import type { RollReport } from '@corral/cluster';
import { buildComponent, findComponent } from '@corral/cluster/dev';
import { describe, expect, it } from 'vitest';
import { TreeCopy } from '../support/tree-copy.js';
import { World, runtimes } from '../support/world.js';

const store = findComponent('kv-raft');

async function versions(world: World): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const { name, clientUrls } of (await world.cluster.status()).nodes) {
    const answer = await fetch(`${clientUrls[0] ?? ''}/version`);
    found[name] = ((await answer.json()) as { readonly etcdserver: string }).etcdserver;
  }
  return found;
}

async function put(
  world: World,
  tree: TreeCopy,
  nodes?: readonly string[],
): Promise<RollReport & { readonly hash: string }> {
  const { text, hash } = await buildComponent(store, tree.folder);
  const report = await world.cluster.dev({ component: 'kv-raft', text, nodes });
  return { ...report, hash };
}

describe.each(runtimes)('hacking on %s nodes', (runtime) => {
  it('a change of the store goes through the cluster, and no client is refused a write', async () => {
    await using world = await World.boot({ workers: 0, runtime });
    using tree = new TreeCopy();
    const history = new History();
    const before = await world.leader();
    // Each of them knows all endpoints.
    history.start([await world.client(), await world.client(), await world.client()]);
    await history.progress(30, 10_000);
    tree.edit('packages/kv-raft/src/version.ts', `'2.3.8'`, `'2.3.77'`);

    const { nodes, hash } = await put(world, tree);
    await history.progress(30, 10_000);
    await history.stop();

    expect(nodes.at(-1)?.node).toBe(before.name);
    expect(await versions(world)).toEqual({ n1: '2.3.77', n2: '2.3.77', n3: '2.3.77' });
    const status = await world.cluster.status();
    expect(status.state).toBe('healthy');
    expect(status.nodes.map(({ dev }) => dev)).toEqual(Array(3).fill({ etcd2: hash }));
    const check = await world.expectNothingLost(history);
    expect([check.refused, check.unknown], history.refusals.join('\n')).toEqual([0, 0]);
  });

  it('code that does not start is taken back from the one node that had it', async () => {
    await using world = await World.boot({ workers: 1, runtime });
    using tree = new TreeCopy();
    const history = new History();
    history.start([await world.client(['n1', 'n2', 'n3'])]);
    tree.edit(
      'packages/kv-raft/src/version.ts',
      `export const serverVersion = '2.3.8';`,
      `export const serverVersion: string = JSON.parse('broken on purpose');`,
    );

    const failure = await put(world, tree).catch((error: unknown) => error);
    await history.progress(30, 10_000);
    await history.stop();

    expect(failure).toMatchObject({ code: 'E_DEV_WORSE', details: { node: 'w1' } });
    expect(JSON.stringify((failure as { details: unknown }).details)).toMatch(/JSON/);
    expect(new Set(Object.values(await versions(world)))).toEqual(new Set(['2.3.8']));
    const status = await world.cluster.status();
    expect(status.state).toBe('healthy');
    expect(status.nodes.map(({ dev }) => dev)).toEqual(Array(4).fill({}));
    const check = await world.expectNothingLost(history);
    expect([check.refused, check.unknown], history.refusals.join('\n')).toEqual([0, 0]);
  });

  it('one node runs other code than its cluster, over a restart, until it is taken away', async () => {
    await using world = await World.boot({ workers: 1, runtime });
    using tree = new TreeCopy();
    tree.edit('packages/kv-raft/src/version.ts', `'2.3.8'`, `'2.3.77'`);
    const follower = (await world.cluster.resolve('follower')).name;

    await put(world, tree, [follower]);
    const mixed = await versions(world);
    await world.cluster.act(follower, 'restart');
    await world.healthy();
    const restarted = await versions(world);
    await world.cluster.dev({ component: 'kv-raft', text: undefined });

    const others = ['n1', 'n2', 'n3'].filter((name) => name !== follower);
    for (const seen of [mixed, restarted]) {
      expect(seen[follower]).toBe('2.3.77');
      expect(others.map((name) => seen[name])).toEqual(['2.3.8', '2.3.8']);
    }
    expect(new Set(Object.values(await versions(world)))).toEqual(new Set(['2.3.8']));
  });
});
