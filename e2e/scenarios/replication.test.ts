// Replication to every member, through every worker's proxy, and who follows what.
import { History } from '@corral/cluster';
import { describe, expect, it } from 'vitest';
import { World, runtimes } from '../support/world.js';

describe.each(runtimes)('replication on %s nodes', () => {
  it('a write through each node is read on every member and through every worker', async () => {
    await using world = await World.boot();
    const { nodes } = await world.cluster.status();

    for (const node of nodes) {
      const client = await world.client([node.name]);
      await client.keys.set(`/from/${node.name}`, node.name);
    }

    for (const writer of nodes) {
      await world.everywhere(`/from/${writer.name}`, writer.name);
      for (const worker of nodes.filter((node) => node.role === 'worker')) {
        const reader = await world.client([worker.name]);
        const got = await reader.keys.get(`/from/${writer.name}`, { quorum: true });
        expect(got.node.value).toBe(writer.name);
      }
    }
  });

  it('a watch through a worker hears a write through a member', async () => {
    await using world = await World.boot();
    const reader = await world.client(['w1']);
    const writer = await world.client(['n1']);
    const events = reader.watch('/heard', { waitIndex: 1 });

    await writer.keys.set('/heard', 'yes');

    const { value } = await events.next();
    await events.return();
    expect(value?.node.value).toBe('yes');
  });

  it("a worker's proxy follows the membership", async () => {
    await using world = await World.boot({ workers: 1 });
    const history = new History();
    history.start(await world.writers(['w1', 'w1']));

    const added = await world.cluster.addNode('central');
    await world.until(
      (status) =>
        status.nodes.find((node) => node.name === added)?.raft != null ? true : undefined,
      'the new member',
    );
    for (const name of ['n1', 'n2']) await world.cluster.removeNode(name);

    await history.progress(30, 10_000);
    await history.stop();

    const client = await world.client(['w1']);
    await client.keys.set('/after', 'moved');
    await world.everywhere('/after', 'moved');
    await world.expectNothingLost(history);
  });
});
