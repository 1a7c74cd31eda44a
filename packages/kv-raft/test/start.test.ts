// Starting and stopping a member inside this process: what is refused, what is remembered.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededPrng, silentLogger, systemClock } from '@corral/kit';
import { RecordingLog } from '@corral/kit/testing';
import { startEmbeddedStore } from '../src/embedded.js';
import { startMember } from '../src/server.js';
import type { RunningMember } from '../src/server.js';
import { exchange, form, get, open, parsed } from './support/exchange.js';
import { settled, singleMemberWords, startOptions, temporaryDirectory } from './support/member.js';

async function start(words: readonly string[], log = new RecordingLog()): Promise<RunningMember> {
  const started = await startMember(startOptions(words, log));
  if (started.kind !== 'member') throw new Error('started as a proxy');
  return started;
}

describe('a start is refused when', () => {
  it('the port of clients is taken: E_LISTEN names the address and the way out', async () => {
    await using directory = await temporaryDirectory();
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const words = [
      ...singleMemberWords(directory.path),
      ...['-listen-client-urls', `http://127.0.0.1:${port}`],
    ];

    await expect(start(words)).rejects.toMatchObject({
      code: 'E_LISTEN',
      message:
        `listen tcp 127.0.0.1:${port}: bind: address already in use. Stop the process that ` +
        'listens there, or choose another address with -listen-client-urls',
    });
    holder.close();

    // Nothing is left behind that would hinder the next start.
    const member = await start(words);
    await member.stop({ graceMs: 0 });
  });

  it('an address of peers belongs to another machine: E_LISTEN', async () => {
    await using directory = await temporaryDirectory();
    const words = [
      ...singleMemberWords(directory.path),
      ...['-listen-peer-urls', 'http://192.0.2.1:2380'],
    ];

    await expect(start(words)).rejects.toMatchObject({
      code: 'E_LISTEN',
      message: expect.stringMatching(
        /^listen tcp 192\.0\.2\.1:2380: bind: cannot assign .* with -listen-peer-urls$/,
      ) as string,
    });
  });

  it('the directory holds a member and a proxy: E_DATA_DIR_BOTH', async () => {
    await using directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'member'));
    await mkdir(join(directory.path, 'proxy'));

    await expect(start(singleMemberWords(directory.path))).rejects.toMatchObject({
      code: 'E_DATA_DIR_BOTH',
      message: expect.stringContaining('Both member and proxy directories exist') as string,
    });
  });
});

describe('a member that starts again', () => {
  it('has its data and ids, and warns that discovery is not asked any more', async () => {
    await using directory = await temporaryDirectory();
    const first = await start(singleMemberWords(directory.path));
    await settled(first.clientUrls[0]!);
    await form(first.clientUrls[0]!, 'PUT', '/v2/keys/kept', 'value=yes');
    await first.stop({ graceMs: 1_000 });
    const log = new RecordingLog();

    const again = await start(
      [
        ...['-name', 'renamed', '-data-dir', directory.path, '-discovery', 'http://127.0.0.1:1/T'],
        ...['-listen-client-urls', 'http://127.0.0.1:0', '-listen-peer-urls', 'http://127.0.0.1:0'],
      ],
      log,
    );
    const read = await get(again.clientUrls[0]!, '/v2/keys/kept');
    await again.stop({ graceMs: 0 });

    expect([again.memberId, again.clusterId]).toEqual([first.memberId, first.clusterId]);
    expect(parsed(read).node?.value).toBe('yes');
    expect(log.lines).toContainEqual({
      level: 'warn',
      message:
        'discovery token ignored since a cluster has already been initialized. Valid log found ' +
        `at "${join(directory.path, 'member', 'wal')}"`,
      fields: {},
    });
  });

  it('shows all that was acknowledged to its very first reader', async () => {
    await using directory = await temporaryDirectory();
    const words = singleMemberWords(directory.path);
    const first = await start(words);
    const url = first.clientUrls[0]!;
    await settled(url);
    const puts = Array.from({ length: 300 }, (_unused, i) =>
      form(url, 'PUT', `/v2/keys/many/${i}`, `value=${'x'.repeat(2_000)}`),
    );
    await Promise.all(puts);
    await first.stop({ graceMs: 0 });

    const again = await start(words);
    const { node } = parsed(await get(again.clientUrls[0]!, '/v2/keys/many'));
    await again.stop({ graceMs: 0 });

    expect(node?.nodes).toHaveLength(300);
  });

  it('stays a member whatever -proxy says', async () => {
    await using directory = await temporaryDirectory();
    const words = singleMemberWords(directory.path);
    await (await start(words)).stop({ graceMs: 0 });

    const again = await start([...words, '-proxy', 'on']);

    expect(again.kind).toBe('member');
    await again.stop({ graceMs: 0 });
  });
});

describe('a member that stops', () => {
  it('answers what is in flight, and turns newcomers away without having taken anything', async () => {
    await using directory = await temporaryDirectory();
    const member = await start(singleMemberWords(directory.path));
    const url = member.clientUrls[0]!;
    await settled(url);
    const inFlight = Array.from({ length: 50 }, (_unused, i) =>
      form(url, 'PUT', `/v2/keys/flight/${i}`, 'value=1'),
    );
    await Promise.race(inFlight);

    const stopping = member.stop({ graceMs: 5_000 });
    const late = await exchange(url, { method: 'PUT', path: '/v2/keys/late?value=1' });
    const statuses = (await Promise.all(inFlight)).map((answer) => answer.status);
    await stopping;

    expect(statuses.filter((status) => status !== 201 && status !== 503)).toEqual([]);
    expect(late.status).toBe(503);
    expect(parsed(late).cause).toBe('etcdserver: server stopped');
    expect(late.headers['connection']).toBe('close');
  });

  it('ends its watches and lets go of its ports', async () => {
    await using directory = await temporaryDirectory();
    const member = await start(singleMemberWords(directory.path));
    const watch = await open(member.clientUrls[0]!, {
      method: 'GET',
      path: '/v2/keys/x?wait=true',
    });

    await member.stop({ graceMs: 50 });

    watch.resume();
    await once(watch, 'close');
    await expect(get(member.clientUrls[0]!, '/version')).rejects.toThrow('ECONNREFUSED');
  });
});

describe('discovery', () => {
  it('makes a cluster of one at once, under ids that hash the discovery URL', async () => {
    await using directory = await temporaryDirectory();
    const backing = await start(singleMemberWords(join(directory.path, 'backing')));
    const url = `${backing.clientUrls[0]!}/v2/keys/T`;
    await form(backing.clientUrls[0]!, 'PUT', '/v2/keys/T/_config/size', 'value=1');
    const words = [
      ...['-name', 'solo', '-data-dir', join(directory.path, 'solo'), '-discovery', url],
      ...['-listen-client-urls', 'http://127.0.0.1:0', '-listen-peer-urls', 'http://127.0.0.1:0'],
      ...['-initial-advertise-peer-urls', 'http://127.0.0.1:9'],
    ];

    const solo = await start(words);
    const { members } = JSON.parse((await get(solo.clientUrls[0]!, '/v2/members')).body) as {
      members: { id: string }[];
    };
    const late = await startMember(
      startOptions(
        [
          ...words,
          ...['-name', 'late', '-data-dir', join(directory.path, 'late')],
          ...['-initial-advertise-peer-urls', 'http://127.0.0.1:8'],
        ],
        new RecordingLog(),
      ),
    );
    const refused = start([
      ...words,
      ...['-name', 'late', '-data-dir', join(directory.path, 'later')],
      ...['-advertise-client-urls', 'http://127.0.0.1:1', '-discovery-fallback', 'exit'],
      ...['-initial-advertise-peer-urls', 'http://127.0.0.1:7'],
    ]);

    await expect(refused).rejects.toMatchObject({
      code: 'E_DISCOVERY',
      message: expect.stringMatching(/discovery: cluster is full.*use a new token/) as string,
    });
    expect(members.map((member) => member.id)).toEqual([solo.memberId]);
    expect(late).toEqual({ kind: 'proxy', peerUrls: ['http://127.0.0.1:9'] });
    await solo.stop({ graceMs: 0 });
    await backing.stop({ graceMs: 0 });
  });
});

describe('a directory that was a proxy’s', () => {
  it('stays one, and asks again for its peers when it has lost their list', async () => {
    await using directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'proxy'));
    await writeFile(join(directory.path, 'proxy', 'cluster'), '{"PeerURLs":["http://x:1"]}');
    const options = startOptions(singleMemberWords(directory.path), new RecordingLog());

    const remembered = await startMember(options);
    await rm(join(directory.path, 'proxy', 'cluster'));
    const lost = await startMember(options);

    expect(remembered).toEqual({ kind: 'proxy', peerUrls: [] });
    expect(lost).toEqual({ kind: 'proxy', peerUrls: ['http://127.0.0.1:2380'] });
  });
});

describe('an embedded store', () => {
  it('serves, keeps its data, and refuses a directory that is a proxy’s', async () => {
    await using directory = await temporaryDirectory();
    const options = {
      dataDir: join(directory.path, 'store'),
      clock: systemClock,
      prng: seededPrng(1),
      logger: silentLogger,
      pid: process.pid,
      onFatal: () => undefined,
    };

    const first = await startEmbeddedStore(options);
    const put = await form(first.clientUrl, 'PUT', '/v2/keys/a', 'value=1');
    await first.close();
    const again = await startEmbeddedStore(options);
    const read = await get(again.clientUrl, '/v2/keys/a');
    await again.close();
    const proxyDir = join(directory.path, 'proxys');
    await mkdir(join(proxyDir, 'proxy'), { recursive: true });

    expect(put.status).toBe(201);
    expect(parsed(read).node?.value).toBe('1');
    await expect(startEmbeddedStore({ ...options, dataDir: proxyDir })).rejects.toMatchObject({
      code: 'E_DATA_DIR_BOTH',
    });
  });
});
