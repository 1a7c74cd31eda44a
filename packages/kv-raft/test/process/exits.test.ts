// etcd2 as a process: how it starts, what it says when it cannot, and how it ends.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planCluster, spawnEtcd2 } from '../support/etcd2.js';
import { exchange, form, get, parsed } from '../support/exchange.js';
import { settled, singleMemberWords, temporaryDirectory } from '../support/member.js';

describe('etcd2 that cannot start', () => {
  it('for a wrong flag ends with 2, names the flag meant, and leaves nothing behind', async () => {
    await using etcd2 = spawnEtcd2(['-listen-client-url', 'http://127.0.0.1:0']);

    expect(await etcd2.ended()).toBe(2);
    expect(etcd2.stderr().split('\n')[0]).toBe(
      'flag provided but not defined: -listen-client-url. Did you mean -listen-client-urls?',
    );
    expect(etcd2.stdout()).toBe('');
  });

  it('for a variable that is not there yet ends with 1 and says so', async () => {
    await using etcd2 = spawnEtcd2([], { ETCD_CERT_FILE: '/tmp/x.pem' });

    expect(await etcd2.ended()).toBe(1);
    expect(etcd2.stderr()).toBe(
      '-cert-file=/tmp/x.pem cannot be used: TLS is not there yet. Leave out -cert-file and the ' +
        'variable ETCD_CERT_FILE\n',
    );
  });

  it('for a taken port ends with 1, names the address and the remedy', async () => {
    await using directory = await temporaryDirectory();
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const words = singleMemberWords(directory.path);
    await using etcd2 = spawnEtcd2([...words, '-listen-peer-urls', `http://127.0.0.1:${port}`]);

    const code = await etcd2.ended();
    holder.close();

    expect(code).toBe(1);
    expect(etcd2.log().at(-1)).toMatchObject({
      level: 'error',
      msg:
        `listen tcp 127.0.0.1:${port}: bind: address already in use. Stop the process that ` +
        'listens there, or choose another address with -listen-peer-urls',
    });
  });

  it('for a used-up token ends with 1, or becomes a proxy of the cluster, by flag', async () => {
    await using directory = await temporaryDirectory();
    const [plan] = await planCluster(directory.path, ['first']);
    await using first = spawnEtcd2(plan!.words);
    await settled(plan!.url);
    const token = `${plan!.url}/v2/keys/T`;
    await form(plan!.url, 'PUT', '/v2/keys/T/_config/size', 'value=1');
    await form(plan!.url, 'PUT', '/v2/keys/T/1', `value=first=${plan!.peerUrl}`);
    const words = (name: string, fallback: string): string[] => [
      ...['-name', name, '-data-dir', join(directory.path, name), '-discovery', token],
      ...['-discovery-fallback', fallback, '-listen-peer-urls', 'http://127.0.0.1:0'],
      ...['-initial-advertise-peer-urls', 'http://127.0.0.1:9'],
      ...['-listen-client-urls', 'http://127.0.0.1:0'],
      ...['-advertise-client-urls', 'http://127.0.0.1:9'],
    ];

    await using refused = spawnEtcd2(words('refused', 'exit'));
    const code = await refused.ended();
    await using proxy = spawnEtcd2(words('fallback', 'proxy'));
    const ready = (await proxy.logged('proxy: listening')) as { readonly urls?: string[] };
    const through = await get(ready.urls![0]!, '/v2/keys/T/1');

    expect(code).toBe(1);
    expect(refused.log().at(-1)?.msg).toContain('discovery: cluster is full');
    expect(proxy.log().map((line) => line.msg)).toContain(
      'discovery cluster full, falling back to proxy',
    );
    expect(parsed(through).node?.value).toBe(`first=${plan!.peerUrl}`);
    expect(first.child.exitCode).toBeNull();
  });

  it('because another one uses its data directory ends with 1, and the other goes on', async () => {
    await using directory = await temporaryDirectory();
    const words = singleMemberWords(directory.path);
    await using first = spawnEtcd2(words);
    await first.logged('ready to serve');
    await using second = spawnEtcd2(words);

    expect(await second.ended()).toBe(1);
    expect(second.log().at(-1)?.msg).toContain(directory.path);
    expect(first.child.exitCode).toBeNull();
  });
});

describe('etcd2 that is told to end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s stops in order and dies of the signal; the data is there at the next start',
    async (signal) => {
      await using directory = await temporaryDirectory();
      const [plan] = await planCluster(directory.path, ['one']);
      await using etcd2 = spawnEtcd2(plan!.words);
      await settled(plan!.url);
      await form(plan!.url, 'PUT', '/v2/keys/kept', 'value=1');

      etcd2.child.kill(signal);
      const end = await etcd2.ended();
      await using again = spawnEtcd2(plan!.words);
      await again.logged('ready to serve');
      const read = await get(plan!.url, '/v2/keys/kept');

      expect(end).toBe(signal);
      expect(etcd2.log().map((line) => line.msg)).toContain(
        `received ${signal === 'SIGINT' ? 'interrupt' : 'terminated'} signal, shutting down...`,
      );
      expect(parsed(read).node?.value).toBe('1');
    },
  );

  it('while it waits for discovery, too', async () => {
    await using directory = await temporaryDirectory();
    const words = singleMemberWords(directory.path);
    const at = words.indexOf('--initial-cluster');
    words.splice(at, 2, '--discovery', 'http://127.0.0.1:1/T');
    await using etcd2 = spawnEtcd2(words);
    await etcd2.logged('retrying');

    etcd2.child.kill('SIGTERM');

    expect(await etcd2.ended()).toBe('SIGTERM');
  });

  it('by its own removal ends with 0 and says what to do with its data', async () => {
    await using directory = await temporaryDirectory();
    const plan = await planCluster(directory.path, ['a', 'b']);
    await using a = spawnEtcd2(plan[0]!.words);
    await using b = spawnEtcd2(plan[1]!.words);
    await settled(plan[0]!.url);
    await Promise.all([a.logged('published'), b.logged('published')]);
    const { members } = JSON.parse((await get(plan[0]!.url, '/v2/members')).body) as {
      members: { id: string; name: string }[];
    };
    const id = members.find((member) => member.name === 'b')!.id;

    const removal = { method: 'DELETE', path: `/v2/members/${id}` };
    const removed = await exchange(plan[0]!.url, removal);
    const end = await b.ended();
    const again = await exchange(plan[0]!.url, removal);

    expect(removed.status).toBe(204);
    expect(end).toBe(0);
    expect(b.log().map((line) => line.msg)).toContain(
      'the data-dir used by this member must be removed.',
    );
    expect([again.status, again.body]).toEqual([
      410,
      `{"message":"Member permanently removed: ${id}"}`,
    ]);
    expect(a.child.exitCode).toBeNull();
  });
});
