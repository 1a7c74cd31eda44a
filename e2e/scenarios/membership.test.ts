// Nodes that come and go under load, and discovery with more machines than seats.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { History } from '@corral/cluster';
import { describe, expect, it } from 'vitest';
import { World, centralNames, runtimes } from '../support/world.js';

describe.each(runtimes)('membership on %s nodes', (runtime) => {
  it('a rolling restart under load fails no request of a client that knows all endpoints', async () => {
    await using world = await World.boot({ runtime, workers: 0 });
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
    await using world = await World.boot({ runtime, workers: 1 });
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
    await using world = await World.boot({ runtime, workers: 0, cloudConfigs: { central } });
    const [leader = '', first = '', second = ''] = centralNames(await world.cluster.status());
    await world.cluster.kill(second);
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
    const node = await world.cluster.resolve(second);
    const log = world.cluster
      .access(node, process.env)
      .log({ unit: 'etcd2.service', follow: false });
    const lines = (await log.more()).map(({ text }) => text);
    log.close();
    expect(lines.join('\n')).toContain('restored snapshot of the leader');
    await world.expectNothingLost(history);
  });

  it('discovery gone after boot: members and workers restart without it', async () => {
    await using world = await World.boot({ runtime, workers: 1 });
    const history = new History();
    history.start(await world.writers(['n1', 'n2', 'n3', 'w1']));
    await history.progress(30, 10_000);

    await world.cluster.inject({ kind: 'discovery' });
    const { discovery } = await world.cluster.status();
    for (const name of ['n1', 'n2', 'n3', 'w1']) {
      await world.cluster.kill(name);
      await world.cluster.act(name, 'start');
      await world.until((status) => (status.state === 'healthy' ? true : undefined), 'health');
    }
    await history.progress(30, 10_000);
    await history.stop();

    expect(discovery).toBeNull();
    await world.expectNothingLost(history);
  });

  it('a stopped cluster starts again with its members, data and proxies', async () => {
    await using world = await World.boot({ runtime, workers: 1 });
    const history = new History();
    history.start(await world.writers(['n1', 'w1']));
    await history.progress(30, 10_000);
    await history.stop();
    const before = await world.cluster.status();

    await world.cluster.stop();
    await world.cluster.start();
    await world.healthy();

    const after = await world.cluster.status();
    const ids = (status: typeof after): unknown => status.nodes.map((node) => node.memberId);
    expect(ids(after)).toEqual(ids(before));
    await world.expectNothingLost(history);
  });

  it('discovery with size 3 and five machines: two become proxies', async () => {
    // The same cloud-config for all five: who comes too late finds no seat.
    const file = join(import.meta.dirname, '../../examples/article/central.yaml');
    const config = { file, text: readFileSync(file, 'utf8') };
    await using world = await World.boot({
      runtime,
      cloudConfigs: { central: config, worker: config },
    });
    const history = new History();
    history.start(await world.writers(['w1', 'w2', 'n1']));
    await history.progress(60, 10_000);
    await history.stop();

    for (const name of ['w1', 'w2']) {
      const status = await world.cluster.status();
      const [url = ''] = status.nodes.find((node) => node.name === name)?.clientUrls ?? [];
      const answer = await fetch(`${url}/v2/config/local/proxy`);
      const { endpoints } = (await answer.json()) as { readonly endpoints: readonly string[] };
      const hosts = new Set(endpoints.map((endpoint) => new URL(endpoint).hostname));
      expect(hosts.size).toBe(3);
    }
    const client = await world.client(['n1']);
    expect((await client.members.list()).length).toBe(3);
    await world.expectNothingLost(history);
  });
});
