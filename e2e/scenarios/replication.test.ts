// Replication to every member, through every worker's proxy, and who follows what.
import { History } from '@corral/cluster';
import { describe, expect, it } from 'vitest';
import { World, runtimes } from '../support/world.js';

describe.each(runtimes)('replication on %s nodes', (runtime) => {
  it('a write through each node is read on every member and through every worker', async () => {
    await using world = await World.boot({ runtime });
    const { nodes } = await world.cluster.status();
    const history = new History();
    history.start(await world.writers(nodes.map((node) => node.name)));

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
    await history.progress(50, 10_000);
    await history.stop();
    const check = await world.expectNothingLost(history);
    expect(check.unknown + check.refused, history.refusals.join('; ')).toBe(0);
  });

  it('a watch through a worker hears every write through the members, once and in order', async () => {
    await using world = await World.boot({ runtime });
    const reader = await world.client(['w1']);
    const history = new History();
    const events = reader.watch('/heard', { recursive: true, waitIndex: 1 });
    history.start(await world.writers(['n1', 'n2', 'n3']), '/heard');
    await history.progress(100, 10_000);
    await history.stop();

    const heard: { readonly key: string; readonly index: number }[] = [];
    while (heard.length < history.acknowledged) {
      const { value } = await events.next();
      heard.push({ key: value?.node.key ?? '', index: value?.node.modifiedIndex ?? 0 });
    }
    await events.return();

    expect(new Set(heard.map(({ key }) => key)).size).toBe(history.acknowledged);
    expect(heard.map(({ index }) => index)).toEqual(
      heard.map(({ index }) => index).sort((a, b) => a - b),
    );
    await world.expectNothingLost(history);
  });

  it("a worker's proxy follows the membership", async () => {
    await using world = await World.boot({ runtime, workers: 1 });
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
