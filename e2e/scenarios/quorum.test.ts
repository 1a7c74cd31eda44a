// Minorities and majorities: partitions, lost quorum, everything down, five and four members.
import { History } from '@corral/cluster';
import type { ClusterStatus } from '@corral/cluster';
import { describe, expect, it } from 'vitest';
import { World, centralNames, runtimes } from '../support/world.js';

function commitOf(status: ClusterStatus, name: string): number {
  return status.nodes.find((node) => node.name === name)?.raft?.commit ?? Infinity;
}

describe.each(runtimes)('quorum on %s nodes', (runtime) => {
  it('a minority cut off and healed catches up', async () => {
    await using world = await World.boot({ runtime, workers: 0 });
    const [leader = '', first = '', second = ''] = centralNames(await world.cluster.status());
    const history = new History();
    history.start(await world.writers([leader, first]));

    await world.cluster.partition([second], [leader, first]);
    await history.progress(100, 10_000);
    const behind = commitOf(await world.cluster.status(), second);
    const ahead = commitOf(await world.cluster.status(), leader);
    await world.cluster.heal();
    await history.stop();
    const client = await world.client([leader]);
    await client.keys.set('/healed', 'yes');

    await world.everywhere('/healed', 'yes');
    expect(ahead - behind).toBeGreaterThan(50);
    await world.expectNothingLost(history);
  });

  it('without a quorum writes are refused in time with a clear error, local reads go on', async () => {
    await using world = await World.boot({ runtime, workers: 0 });
    const [leader = '', first = '', second = ''] = centralNames(await world.cluster.status());
    const before = await world.client();
    await before.keys.set('/kept', 'value');
    await world.everywhere('/kept', 'value');
    const history = new History();
    history.start(await world.writers([leader, first, second]));
    await history.progress(50, 10_000);

    await world.cluster.kill(leader);
    await world.cluster.kill(first);
    const alone = await world.client([second], 9_000);
    const refused = await alone.keys.set('/refused', 'x').catch((error: unknown) => error as Error);
    const local = await alone.keys.get('/kept');
    const { state } = await world.cluster.status();
    await world.cluster.heal();
    await world.healthy();
    const after = await world.client();
    await after.keys.set('/back', 'yes');
    await history.progress(20, 15_000);
    await history.stop();

    expect(refused).toBeInstanceOf(Error);
    expect((refused as Error).message).toMatch(/no leader|timed out/);
    expect(local.node.value).toBe('value');
    expect(state).toBe('no-quorum');
    await world.expectNothingLost(history);
  });

  it('all nodes killed and started keep every acknowledged write and their identities', async () => {
    await using world = await World.boot({ runtime });
    const before = await world.cluster.status();
    const history = new History();
    history.start(await world.writers(['n1', 'n2', 'n3', 'w1']));
    await history.progress(200, 15_000);

    await Promise.all(before.nodes.map((node) => world.cluster.kill(node.name)));
    await history.stop();
    await world.cluster.heal();
    await world.healthy();

    const after = await world.cluster.status();
    const ids = (status: typeof after): unknown =>
      status.nodes.map((node) => [node.name, node.memberId]);
    expect(ids(after)).toEqual(ids(before));
    await world.expectNothingLost(history);
  });

  it('five members lose two and go on', async () => {
    await using world = await World.boot({ runtime, central: 5, workers: 0 });
    const [leader = '', first = '', ...others] = centralNames(await world.cluster.status());
    const history = new History();
    history.start(await world.writers(others));
    await history.progress(30, 10_000);

    await world.cluster.kill(leader);
    await world.cluster.kill(first);
    await history.progress(60, 10_000);
    await history.stop();

    await world.expectNothingLost(history);
  });

  it('four members split two and two refuse on both sides', async () => {
    await using world = await World.boot({ runtime, central: 4, workers: 0 });
    const names = centralNames(await world.cluster.status());
    const left = names.slice(0, 2);
    const right = names.slice(2);
    const history = new History();
    history.start(await world.writers(names));
    await history.progress(50, 10_000);

    await world.cluster.partition(left, right);
    await world.until(
      (status) => (status.leader === null ? true : undefined),
      'the leader to step down',
    );
    const answers = await Promise.all(
      [left, right].map(async ([name = '']) => {
        const client = await world.client([name], 4_500);
        return client.keys.set(`/split/${name}`, 'x').catch((error: unknown) => error);
      }),
    );
    await world.cluster.heal();
    await world.healthy();

    await history.progress(20, 15_000);
    await history.stop();

    for (const answer of answers) expect(answer).toBeInstanceOf(Error);
    await world.expectNothingLost(history);
  });
});
