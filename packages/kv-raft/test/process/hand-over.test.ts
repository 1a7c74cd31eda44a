// SIGTERM in a cluster of three: leadership goes to another member, and no client notices.
import { describe, expect, it } from 'vitest';
import { EtcdClient } from '@corral/etcd-client';
import { poll, systemClock } from '@corral/kit';
import { planCluster, spawnEtcd2 } from '../support/etcd2.js';
import { get } from '../support/exchange.js';
import { temporaryDirectory } from '../support/member.js';

describe('SIGTERM to the leader', () => {
  it('hands leadership over: no request of any client fails, none is lost', async () => {
    await using directory = await temporaryDirectory();
    const plan = await planCluster(directory.path, ['a', 'b', 'c']);
    await using a = spawnEtcd2(plan[0]!.words);
    await using b = spawnEtcd2(plan[1]!.words);
    await using c = spawnEtcd2(plan[2]!.words);
    const processes = [a, b, c];
    await Promise.all(processes.map((one) => one.logged('published')));
    const leaderOf = async (url: string): Promise<string | undefined> => {
      const answer = await get(url, '/v2/members/leader').catch(() => undefined);
      if (answer?.status !== 200) return undefined;
      return (JSON.parse(answer.body) as { name: string }).name;
    };
    const name = await poll(() => leaderOf(plan[0]!.url), {
      what: 'a leader',
      timeoutMs: 15_000,
      clock: systemClock,
    });
    const index = plan.findIndex((one) => one.name === name);
    const survivors = plan.filter((one) => one.name !== name);
    const termBefore = Number((await get(survivors[0]!.url, '/v2/keys')).headers['x-raft-term']);
    const written = new Set<string>();
    const failures: unknown[] = [];
    let stop = false;
    const clients = plan.map(
      (first) =>
        new EtcdClient({
          endpoints: [first.url, ...plan.map((one) => one.url).filter((url) => url !== first.url)],
        }),
    );
    const writers = clients.map(async (client, writer) => {
      for (let i = 0; !stop; i += 1) {
        const key = `/w/${writer}-${i}`;
        await client.keys.set(key, 'x').then(
          () => written.add(key),
          (error: unknown) => failures.push(error),
        );
      }
    });

    await poll(() => (written.size > 30 ? true : undefined), {
      what: 'writes',
      timeoutMs: 15_000,
      clock: systemClock,
    });
    processes[index]!.child.kill('SIGTERM');
    const end = await processes[index]!.ended();
    const atEnd = written.size;
    await poll(() => (written.size > atEnd + 30 ? true : undefined), {
      what: 'writes after the end',
      timeoutMs: 15_000,
      clock: systemClock,
    });
    stop = true;
    await Promise.all(writers);

    const now = await leaderOf(survivors[0]!.url);
    const answer = await get(survivors[0]!.url, '/v2/keys/w?quorum=true');
    const kept = (JSON.parse(answer.body) as { node: { nodes: { key: string }[] } }).node.nodes;
    const keptKeys = new Set(kept.map((node) => node.key));
    expect(end).toBe('SIGTERM');
    expect(failures).toEqual([]);
    expect([...written].filter((key) => !keptKeys.has(key))).toEqual([]);
    expect(survivors.map((one) => one.name)).toContain(now);
    // One election, by transfer; nobody had to wait for a time-out.
    expect(Number(answer.headers['x-raft-term'])).toBe(termBefore + 1);
  });
});
