// The leader is killed, paused, cut off. Clients write all the time; what was acknowledged stays.
import { History } from '@corral/cluster';
import { describe, expect, it } from 'vitest';
import { World, centralNames, runtimes } from '../support/world.js';

describe.each(runtimes)('loss of the leader on %s nodes', (runtime) => {
  it('killed with SIGKILL: followers go on, nothing acknowledged is lost', async () => {
    await using world = await World.boot({ runtime });
    const [leader = '', ...followers] = centralNames(await world.cluster.status());
    const history = new History();
    history.start(await world.writers([...followers, 'w1', 'w2']));
    await history.progress(50, 10_000);

    await world.cluster.kill(leader);
    await history.progress(100, 10_000);
    const next = await world.leader({ not: leader });
    await world.cluster.heal();
    await world.healthy();
    await history.progress(20, 10_000);
    await history.stop();

    expect(next.name).not.toBe(leader);
    await world.expectNothingLost(history);
  });

  it('kill -9 of its store alone: followers go on, and its unit is started again', async () => {
    await using world = await World.boot({ runtime, workers: 0 });
    const { name } = await world.leader();
    const [, ...followers] = centralNames(await world.cluster.status());
    const history = new History();
    history.start(await world.writers(followers));
    await history.progress(30, 10_000);

    await world.killStore(name);
    await history.progress(60, 10_000);
    const next = await world.leader({ not: name });
    // Restart=always with RestartSec=10s, as CoreOS ships etcd2.service.
    await world.until(
      (status) => status.nodes.find((node) => node.name === name && node.raft !== null),
      'the store to be started again',
      40_000,
    );
    await history.stop();

    expect(next.name).not.toBe(name);
    await world.expectNothingLost(history);
  });

  it('paused: writes go on, and no client of a follower hangs beyond its deadline', async () => {
    await using world = await World.boot({ runtime, workers: 0 });
    const [leader = '', ...followers] = centralNames(await world.cluster.status());
    const history = new History();
    history.start(await world.writers(followers));
    await history.progress(30, 10_000);

    await world.cluster.pause(leader);
    await history.progress(60, 8_000);
    await world.cluster.heal({ node: leader });
    await world.healthy();
    await history.stop();

    const check = await world.expectNothingLost(history);
    expect(check.unknown).toBe(0);
  });

  it('isolated: the majority goes on, the old leader steps down and comes back as a follower', async () => {
    await using world = await World.boot({ runtime, workers: 0 });
    const [leader = '', ...followers] = centralNames(await world.cluster.status());
    const history = new History();
    history.start(await world.writers(followers));
    await history.progress(30, 10_000);

    await world.cluster.isolate(leader);
    await history.progress(60, 10_000);
    await world.until(
      (status) =>
        status.nodes.find((node) => node.name === leader)?.raft?.role === 'leader'
          ? undefined
          : true,
      'the old leader to step down',
    );
    const alone = await world.client([leader], 1_500);
    const refused = await alone.keys.set('/alone', 'x').catch((error: unknown) => error);
    await world.cluster.heal();
    await world.healthy();
    await history.stop();

    expect(refused).toBeInstanceOf(Error);
    await world.expectNothingLost(history);
  });
});
