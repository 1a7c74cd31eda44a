// Whole members on a manual clock: when a write counts, what a lost leader or a slow disk does to
// it, reads, membership, snapshots, and the end.
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Message } from '@corral/raft';
import { Applier } from '../src/applier.js';
import type { MemberOutcome } from '../src/backend.js';
import type { EtcdServerOptions } from '../src/etcd-server.js';
import { NoSpaceError } from '../src/disk/errors.js';
import { hard, identity, setEntry } from './support/entries.js';
import { MemoryStorage } from './support/memory-storage.js';
import { TestCluster, turns } from './support/test-cluster.js';

function cluster(ids = ['a1', 'b2', 'c3'], options: Partial<EtcdServerOptions> = {}): TestCluster {
  const made = new TestCluster(ids, options);
  onTestFinished(() => made.close());
  return made;
}

/** Whether a promise has settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => (done = true));
  await turns();
  return done;
}

describe('a write', () => {
  it('is acknowledged only when a majority has it on disk', async () => {
    const three = cluster();
    const leader = await three.leader();
    const [first, second] = await three.followers();
    await three.outcome(three.write(leader, 'warm-up'));
    for (const member of [leader, first, second]) member?.storage.hold();

    const asked = three.write(leader, 'key');
    await turns();
    expect(await settled(asked), 'on no disk').toBe(false);
    leader.storage.release();
    expect(await settled(asked), 'on the leader alone').toBe(false);
    first?.storage.release();
    await turns();

    expect(await settled(asked), 'on two of three').toBe(true);
    expect(await asked).toMatchObject({ ok: true });
    second?.storage.release();
  });

  it('counts the followers’ disks while the leader’s own is slow', async () => {
    const three = cluster();
    const leader = await three.leader();
    await three.outcome(three.write(leader, 'warm-up'));
    leader.storage.hold();

    const asked = three.write(leader, 'key');
    await turns();
    const [first] = await three.followers();

    expect(first && three.value(first, 'key'), 'two followers are a majority').toBe('x');
    expect(await settled(asked), 'it answers what it has applied itself').toBe(false);
    leader.storage.release();
    expect(await three.outcome(asked)).toMatchObject({ ok: true });
  });

  it('survives when its leader dies at once, on every other member', async () => {
    const three = cluster();
    const leader = await three.leader();
    await three.outcome(three.write(leader, 'key', 'kept'));

    await three.kill(leader.id);
    const next = await three.leader();
    await three.outcome(next.server.backend.readBarrier());

    expect(three.value(next, 'key')).toBe('kept');
  });

  it('shares its sync with all others that came in the same turn', async () => {
    const one = cluster(['a1']);
    const leader = await one.leader();
    await one.outcome(one.write(leader, 'warm-up'));
    const before = leader.storage.saved.length;

    const asked = Array.from({ length: 50 }, (_, i) => one.write(leader, `key-${i}`));
    await one.outcome(Promise.all(asked));

    const batches = leader.storage.saved.slice(before).filter(({ runs }) => runs.length > 0);
    expect(batches).toHaveLength(1);
    expect(batches[0]?.runs.flat()).toHaveLength(50);
  });

  it('goes through any member', async () => {
    const three = cluster();
    const [follower] = await three.followers();
    if (follower === undefined) throw new Error('no follower');

    const outcome = await three.outcome(three.write(follower, 'key', 'through a follower'));

    expect(outcome).toMatchObject({ ok: true });
    expect(three.value(follower, 'key')).toBe('through a follower');
  });

  it('that was handed over twice is applied once', async () => {
    const three = cluster();
    const leader = await three.leader();
    const [follower] = await three.followers();
    if (follower === undefined) throw new Error('no follower');
    await three.outcome(three.write(leader, 'warm-up'));
    const command = {
      kind: 'create',
      path: '/1/queue',
      value: 'job',
      dir: false,
      expiration: undefined,
      refresh: false,
      unique: true,
    } as const;
    // The leader takes the command, but the follower hears nothing of it and asks again.
    three.network.drops = (message, _from, to) => message.kind === 'append' && to === follower.id;
    const asked = follower.server.backend.write(command);
    await turns();
    three.network.drops = () => false;
    follower.server.onPeerDown(leader.id, 'lost');
    follower.server.onPeerUp(leader.id);

    expect(await three.outcome(asked)).toMatchObject({ ok: true });
    await three.outcome(three.write(leader, 'behind it'));
    const { raft, store } = leader.server.backend;
    const queue = store.get('/1/queue', { recursive: true, sorted: true });
    expect(queue.ok && queue.event.node.nodes).toHaveLength(1);
    expect(raft.appliedIndex).toBeGreaterThan(0);
  });

  it('waits for a leader, and is refused when none comes in time', async () => {
    const three = cluster();
    const leader = await three.leader();
    const others = await three.followers();
    for (const { id } of others) await three.kill(id);
    await three.until('no leader', () =>
      leader.server.backend.raft.leaderId === undefined ? true : undefined,
    );
    const before = three.clock.now();

    const outcome = await three.outcome(three.write(leader, 'key'));

    expect(outcome).toEqual({ ok: false, failure: 'E_RAFT_NO_LEADER' });
    expect(three.clock.now() - before).toBeGreaterThanOrEqual(2_900);
    expect(three.clock.now() - before).toBeLessThan(3_500);
  });

  it('that waits for a leader goes on as soon as there is one', async () => {
    const three = cluster();
    const leader = await three.leader();
    const [survivor] = await three.followers();
    if (survivor === undefined) throw new Error('no follower');
    await three.kill(leader.id);

    const outcome = await three.outcome(three.write(survivor, 'key', 'held'));

    expect(outcome).toMatchObject({ ok: true });
    expect(three.value(survivor, 'key')).toBe('held');
  });

  it('without an answer is told as a time-out, never as success', async () => {
    const three = cluster();
    const leader = await three.leader();
    for (const member of three.members.values()) {
      if (member !== leader) member.storage.hold();
    }

    const outcome = await three.outcome(three.write(leader, 'key'));

    expect(outcome).toMatchObject({ ok: false });
    expect(three.value(leader, 'key')).toBeUndefined();
  });

  it('is refused with its own error while the disk is full, and taken again after', async () => {
    const one = cluster(['a1']);
    const leader = await one.leader();
    await one.outcome(one.write(leader, 'before', 'kept'));

    leader.storage.reportSpace('full');
    const refused = await one.outcome(one.write(leader, 'key'));
    const read = await one.outcome(leader.server.backend.readBarrier());
    leader.storage.reportSpace('ok');
    const taken = await one.outcome(one.write(leader, 'key'));

    expect(refused).toEqual({ ok: false, failure: 'E_DISK_FULL' });
    expect(read).toEqual({ ok: true });
    expect(one.value(leader, 'before')).toBe('kept');
    expect(taken).toMatchObject({ ok: true });
  });
});

describe('a disk that fails', () => {
  it('ends the member, which answers nothing any more, and the others go on', async () => {
    const three = cluster();
    const leader = await three.leader();
    await three.outcome(three.write(leader, 'before', 'kept'));
    leader.storage.hold();
    const open = three.write(leader, 'open');
    await turns();

    leader.storage.fail();
    await turns();

    expect(leader.fatal).toHaveLength(1);
    expect(leader.fatal[0]).toMatchObject({ code: 'E_STORAGE_FAILED' });
    expect(await settled(open)).toBe(false);
    await three.kill(leader.id);
    const next = await three.leader();
    expect(await three.outcome(three.write(next, 'after'))).toMatchObject({ ok: true });
    expect(three.value(next, 'before')).toBe('kept');
  });
});

describe('a linearizable read', () => {
  it('sees, through a follower, what was acknowledged before it began', async () => {
    const three = cluster();
    const leader = await three.leader();
    const [follower] = await three.followers();
    if (follower === undefined) throw new Error('no follower');
    await three.outcome(three.write(leader, 'key', 'first'));
    three.network.drops = (message, _from, to) => message.kind === 'append' && to === follower.id;
    await three.outcome(three.write(leader, 'key', 'second'));
    expect(three.value(follower, 'key')).toBe('first');

    const read = follower.server.backend.readBarrier();
    expect(await settled(read), 'before it has caught up').toBe(false);
    three.network.drops = () => false;

    expect(await three.outcome(read)).toEqual({ ok: true });
    expect(three.value(follower, 'key')).toBe('second');
  });

  it('is not answered by a leader that is cut off', async () => {
    const three = cluster();
    const leader = await three.leader();
    await three.outcome(three.write(leader, 'key', 'old'));
    three.network.isolate(leader.id);

    const read = leader.server.backend.readBarrier();
    const next = await three.leader([leader.id]);
    await three.outcome(three.write(next, 'key', 'new'));

    expect(await three.outcome(read)).toEqual({ ok: false, failure: 'E_RAFT_NO_LEADER' });
  });

  it('writes nothing', async () => {
    const one = cluster(['a1']);
    const leader = await one.leader();
    await one.outcome(one.write(leader, 'key'));
    const before = leader.server.backend.raft.commitIndex;

    await one.outcome(leader.server.backend.readBarrier());

    expect(leader.server.backend.raft.commitIndex).toBe(before);
  });

  it('is an entry of the log when it is asked to be', async () => {
    const one = cluster(['a1'], { quorumRead: 'log' });
    const leader = await one.leader();
    await one.outcome(one.write(leader, 'key'));
    const before = leader.server.backend.raft.commitIndex;

    await one.outcome(leader.server.backend.readBarrier());

    expect(leader.server.backend.raft.commitIndex).toBe(before + 1);
  });
});

describe('snapshots', () => {
  it('are taken after enough entries, and a restart begins from one', async () => {
    const one = cluster(['a1'], { snapshotCount: 20 });
    const leader = await one.leader();
    for (let i = 0; i < 50; i += 1) await one.outcome(one.write(leader, 'key', `value ${i}`));
    await one.until('two snapshots', () => leader.storage.committed[1]);
    const { index = 0 } = leader.storage.committed[0] ?? {};
    expect(index).toBeGreaterThan(20);
    expect(index).toBeLessThan(30);

    const storage = await one.kill('a1');
    const again = one.start('a1', storage);

    expect(storage.recover().snapshot?.meta.index).toBeGreaterThan(40);
    await one.outcome(again.server.backend.readBarrier());
    expect(one.value(again, 'key')).toBe('value 49');
  });

  it('are taken after enough bytes, too, and few large entries stay behind', async () => {
    const one = cluster(['a1']);
    const leader = await one.leader();
    const value = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 70; i += 1) await one.outcome(one.write(leader, 'key', value));

    const meta = await one.until('a snapshot', () => leader.storage.committed[0]);

    const entries = leader.server.backend.counters().get('corral_raft_log_entries') ?? 0;
    expect(meta.index).toBeLessThan(80);
    expect(entries - (leader.server.backend.raft.commitIndex - meta.index)).toBe(31);
  });

  it('bring a member up to date for which the log does not reach back', async () => {
    const three = cluster(['a1', 'b2', 'c3'], { snapshotCount: 5_100 });
    const leader = await three.leader();
    const [away] = await three.followers();
    if (away === undefined) throw new Error('no follower');
    const storage = await three.kill(away.id);
    for (let batch = 0; batch < 12; batch += 1) {
      const asked = Array.from({ length: 1_000 }, (_, i) =>
        three.write(leader, `key-${i}`, `value ${batch}`),
      );
      await three.outcome(Promise.all(asked));
    }
    await three.until('a snapshot', () => leader.storage.committed[1]);

    const back = three.start(away.id, storage);
    await three.outcome(back.server.backend.readBarrier());

    expect(storage.saved.filter(({ installed }) => installed !== undefined)).toHaveLength(1);
    expect(three.value(back, 'key-999')).toBe('value 11');
    expect(await three.outcome(three.write(back, 'after'))).toMatchObject({ ok: true });
  });

  it('of which a second one comes while the first is being restored, leave no hole', async () => {
    const three = new TestCluster([]);
    const storage = new MemoryStorage(identity, [], hard(0));
    const member = three.start('a1', storage);
    onTestFinished(() => three.close());
    const source = new Applier({
      onRequest: () => undefined,
      onMembership: () => undefined,
      onClusterData: () => undefined,
    });
    let index = 0;
    const snapshotAt = async (end: number): Promise<Message & { kind: 'snapshot' }> => {
      while (index < end) {
        index += 1;
        source.apply(setEntry(index, 'key', `value ${index}`));
      }
      const meta = { index, term: 1, voters: ['a1', 'b2'] };
      const writer = await storage.createSnapshot(meta);
      const chunks = source.beginSnapshot();
      for (let chunk = chunks.next(1e6); chunk !== undefined; chunk = chunks.next(1e6)) {
        await writer.write(chunk);
      }
      await writer.finish();
      return { kind: 'snapshot', from: 'b2', to: 'a1', term: 5, meta };
    };
    let goOn: () => void = () => undefined;
    storage.beforeRead = (meta) =>
      meta.index === 10 ? new Promise((resolve) => (goOn = resolve)) : Promise.resolve();

    member.server.onSnapshot('b2', await snapshotAt(10));
    await turns();
    member.server.onSnapshot('b2', await snapshotAt(20));
    const next = { ...setEntry(21, 'key', 'value 21'), term: 5 };
    member.server.onMessage({
      kind: 'append',
      from: 'b2',
      to: 'a1',
      term: 5,
      prevIndex: 20,
      prevTerm: 1,
      entries: [next],
      commit: 21,
    });
    await turns();
    goOn();
    await turns();

    expect(member.fatal).toEqual([]);
    expect(member.server.backend.raft.appliedIndex).toBe(21);
    expect(three.value(member, 'key')).toBe('value 21');
  });

  it('for which there is no space are left out, and the member goes on', async () => {
    const one = cluster(['a1'], { snapshotCount: 20 });
    const leader = await one.leader();
    let attempts = 0;
    leader.storage.beforeSnapshot = () => {
      attempts += 1;
      throw new NoSpaceError('E_NO_SPACE', 'no space left for a snapshot');
    };
    for (let i = 0; i < 70; i += 1) await one.outcome(one.write(leader, 'key', `value ${i}`));

    expect(leader.fatal).toEqual([]);
    expect(attempts).toBe(3);
    leader.storage.beforeSnapshot = () => undefined;
    for (let i = 0; i < 25; i += 1) await one.outcome(one.write(leader, 'key'));
    await one.until('a snapshot', () => leader.storage.committed[0]);
  });

  it('that fail otherwise end the member', async () => {
    const one = cluster(['a1'], { snapshotCount: 20 });
    const leader = await one.leader();
    leader.storage.beforeSnapshot = () => {
      throw new Error('EIO: i/o error, open');
    };

    for (let i = 0; i < 25; i += 1) void one.write(leader, 'key');
    await one.until('the end', () => leader.fatal[0]);

    expect(leader.fatal.map(String)).toEqual(['Error: EIO: i/o error, open']);
  });
});

describe('membership', () => {
  it('changes through any member, one at a time, and every member knows', async () => {
    const three = cluster();
    const [follower] = await three.followers();
    if (follower === undefined) throw new Error('no follower');
    await three.until('published names', () =>
      follower.server.backend.members().every(({ name }) => name !== '') ? true : undefined,
    );

    const outcome = await three.outcome(follower.server.backend.addMember(['http://d4:2380']));

    expect(outcome).toMatchObject({ ok: true, member: { peerUrls: ['http://d4:2380'], name: '' } });
    await three.outcome(three.write(follower, 'behind it'));
    for (const { server } of three.members.values()) {
      expect(server.backend.members().map(({ peerUrls }) => peerUrls[0])).toContain(
        'http://d4:2380',
      );
    }
  });

  it('is judged by the leader, not by a member that has not heard of a member yet', async () => {
    const three = cluster();
    const leader = await three.leader();
    const [behind] = await three.followers();
    if (behind === undefined) throw new Error('no follower');
    await three.until('published names', () =>
      leader.server.backend.members().every(({ name }) => name !== '') ? true : undefined,
    );
    three.network.drops = (message, _from, to) => message.kind === 'append' && to === behind.id;
    const added = await three.outcome(leader.server.backend.addMember(['http://d4:2380']));
    const id = added.ok ? added.member.id : '';
    expect(behind.server.backend.members()).toHaveLength(3);

    const removing = behind.server.backend.removeMember(id);
    await turns();
    three.network.drops = () => false;

    expect(await three.outcome(removing)).toMatchObject({ ok: true });
    expect(behind.server.backend.members()).toHaveLength(3);
    expect(behind.server.backend.isRemoved(id)).toBe(true);
  });

  it('is judged by what the change before it has made of the members', async () => {
    const three = cluster();
    const leader = await three.leader();
    await three.until('published names', () =>
      leader.server.backend.members().every(({ name }) => name !== '') ? true : undefined,
    );
    const add = (url: string): Promise<MemberOutcome> => leader.server.backend.addMember([url]);

    // The followers' disks commit it; this member applies it when its own has caught up.
    leader.storage.hold();
    const first = add('http://d4:2380');
    await turns();
    await three.clock.advance(1_000);
    const same = add('http://d4:2380');
    await turns();
    leader.storage.release();

    expect(await three.outcome(first)).toMatchObject({ ok: true });
    expect(await three.outcome(same)).toEqual({ ok: false, refusal: { kind: 'peer-url-exists' } });
    expect(leader.server.backend.members()).toHaveLength(4);
  });

  it('tells a removed member, which fails what it was asked for', async () => {
    const three = cluster();
    const leader = await three.leader();
    const [follower] = await three.followers();
    if (follower === undefined) throw new Error('no follower');
    await three.until('published names', () =>
      leader.server.backend.members().every(({ name }) => name !== '') ? true : undefined,
    );

    const outcome = await three.outcome(leader.server.backend.removeMember(follower.id));
    await three.until('its removal', () => (follower.removed ? true : undefined));

    expect(outcome).toMatchObject({ ok: true });
    expect(leader.server.backend.isRemoved(follower.id)).toBe(true);
    expect(leader.server.backend.members()).toHaveLength(2);
  });

  it.each([
    ['an address that is taken', ['http://b2:2380'], { kind: 'peer-url-exists' }],
    ['too few started members', ['http://d4:2380'], { kind: 'unsafe' }],
  ])('is refused for %s', async (_what, urls, refusal) => {
    const three = cluster();
    const leader = await three.leader();
    // Nobody could publish a name: none of the three counts as started.
    if (refusal.kind === 'unsafe') {
      const { store } = leader.server.backend;
      for (const { id } of leader.server.backend.members()) {
        store.apply({
          kind: 'delete',
          path: `/0/members/${id}/attributes`,
          dir: false,
          recursive: false,
        });
      }
    }

    const outcome = await three.outcome(leader.server.backend.addMember(urls));

    expect(outcome).toMatchObject({ ok: false, refusal });
  });
});

describe('the end', () => {
  it('hands leadership over before it comes', async () => {
    const three = cluster();
    const leader = await three.leader();
    await three.outcome(three.write(leader, 'key'));

    await three.outcome(leader.server.handOver(1_000));

    const next = leader.server.backend.raft.leaderId;
    expect(next).not.toBe(leader.id);
    expect(next).toBeDefined();
  });

  it('does not wait for a successor where there is none', async () => {
    const one = cluster(['a1']);
    const leader = await one.leader();
    const before = one.clock.now();

    await leader.server.handOver(1_000);

    expect(one.clock.now()).toBe(before);
  });

  it('fails what is open, and leaves no timer behind', async () => {
    const three = cluster();
    const leader = await three.leader();
    for (const { storage } of three.members.values()) storage.hold();
    const open = three.write(leader, 'key');
    const read = leader.server.backend.readBarrier();

    await three.close();

    expect(await open).toEqual({ ok: false, failure: 'E_RAFT_STOPPED' });
    expect(await read).toMatchObject({ ok: false });
    expect(three.clock.pendingTimers).toBe(0);
  });
});
