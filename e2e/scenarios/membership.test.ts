// Nodes that come and go under load, and discovery with more machines than seats.
import { History } from '@corral/cluster';
import { describe, expect, it } from 'vitest';
import { World, centralNames, runtimes } from '../support/world.js';

describe.each(runtimes)('membership on %s nodes', () => {
  it('a rolling restart under load fails no request of a client that knows all endpoints', async () => {
    await using world = await World.boot({ workers: 0 });
    const names = centralNames(await world.cluster.status());
    const history = new History();
    history.start([await world.client(), await world.client(), await world.client()]);
    await history.progress(50, 10_000);

    for (const name of names) {
      await world.cluster.act(name, 'restart');
      await world.healthy();
      await history.progress(30, 10_000);
    }
    await history.stop();

    const check = await world.expectNothingLost(history);
    expect(check.unknown + check.refused, history.refusals.join('; ')).toBe(0);
  });

  it('workers are added and removed under load', async () => {
    await using world = await World.boot({ workers: 1 });
    const history = new History();
    history.start(await world.writers(['n1', 'w1']));

    const added = await world.cluster.addNode('worker');
    const through = await world.client([added]);
    await through.keys.set('/through', added);
    await world.cluster.removeNode(added);
    await history.progress(50, 10_000);
    await history.stop();

    await world.everywhere('/through', added);
    await world.expectNothingLost(history);
  });

  it('a follower that missed a snapshot catches up by it', async () => {
    const central = {
      file: 'small-snapshots.yaml',
      text: `#cloud-config

coreos:
  etcd2:
    discovery: https://discovery.etcd.io/small-snapshots
    advertise-client-urls: http://$private_ipv4:2379
    initial-advertise-peer-urls: http://$private_ipv4:2380
    listen-client-urls: http://$private_ipv4:2379
    listen-peer-urls: http://$private_ipv4:2380
    snapshot-count: 200
`,
    };
    await using world = await World.boot({ workers: 0, cloudConfigs: { central } });
    const [leader = '', first = '', second = ''] = centralNames(await world.cluster.status());
    await world.cluster.act(second, 'kill');
    const history = new History();
    history.start(
      await world.writers([leader, leader, leader, leader, first, first, first, first]),
    );

    // More than a snapshot and the 5,000 entries that stay behind it.
    await history.progress(6_000, 60_000);
    await history.stop();
    await world.cluster.heal();
    await world.healthy(30_000);

    const client = await world.client([leader]);
    await client.keys.set('/last', 'entry');
    await world.everywhere('/last', 'entry');
  });

  it('the discovery service is not needed once the cluster stands', async () => {
    await using world = await World.boot({ workers: 1 });
    await world.cluster.stop();

    await world.cluster.start();
    await world.healthy();

    const client = await world.client(['w1']);
    await client.keys.set('/restarted', 'yes');
    await world.everywhere('/restarted', 'yes');
  });
});
