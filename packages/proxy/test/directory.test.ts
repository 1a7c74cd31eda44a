// Where the members are: asked for on peer ports, remembered on disk in etcd's own form.
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock, RecordingLog, refusingUrl } from '@corral/kit/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Directory, ProxyError } from '../src/directory.js';
import type { DirectoryOptions } from '../src/directory.js';
import { Endpoints } from '../src/endpoints.js';
import { asMember, member, peer, rawMember, tempDir, until } from './support/world.js';

type World = {
  readonly directory: Directory;
  readonly endpoints: Endpoints;
  readonly clock: ManualClock;
  readonly log: RecordingLog;
  readonly file: string;
};

function directoryOf(options: Partial<DirectoryOptions>): World {
  const endpoints = new Endpoints(5_000);
  const clock = new ManualClock();
  const log = new RecordingLog();
  const dataDir = options.dataDir ?? tempDir();
  const directory = new Directory({
    dataDir,
    peerUrls: [],
    refreshIntervalMs: 30_000,
    endpoints,
    clock,
    logger: log,
    dialMap: (host) => host,
    isOwn: () => false,
    ...options,
  });
  onTestFinished(() => directory.close());
  return { directory, endpoints, clock, log, file: join(dataDir, 'proxy', 'cluster') };
}

function remember(text: string): string {
  const dataDir = tempDir();
  mkdirSync(join(dataDir, 'proxy'));
  writeFileSync(join(dataDir, 'proxy', 'cluster'), text);
  return dataDir;
}

describe('the file proxy/cluster', () => {
  it('is what etcd writes: peer URLs sorted, mode 0600, no newline', async () => {
    const one = await peer(() => [
      asMember('http://c', 'http://b:1'),
      asMember('http://d', 'http://a:1'),
    ]);
    const { directory, file } = directoryOf({ peerUrls: [one.url] });

    await directory.refresh();

    expect(readFileSync(file, 'utf8')).toBe('{"PeerURLs":["http://a:1","http://b:1"]}');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
    expect(existsSync(`${file}.bak`)).toBe(false);
  });

  it.each(['{"PeerURLs":["PEER"]}', '{"peerURLs":["PEER"]}\n'])(
    'that holds %s wins over the flags',
    async (text) => {
      const known = await peer(() => [asMember('http://remembered')]);
      const flag = await peer(() => [asMember('http://flag')]);
      const dataDir = remember(text.replace('PEER', known.url));
      const { directory, endpoints } = directoryOf({ dataDir, peerUrls: [flag.url] });

      await directory.refresh();

      expect(endpoints.list(0)).toEqual(['http://remembered']);
    },
  );

  it('that is empty of peers does not leave the proxy blind', async () => {
    const flag = await peer(() => [asMember('http://flag')]);
    const dataDir = remember('{"PeerURLs":[]}');
    const { directory, endpoints } = directoryOf({ dataDir, peerUrls: [flag.url] });

    await directory.refresh();

    expect(endpoints.list(0)).toEqual(['http://flag']);
  });

  it.each(['no json', '{}', 'null', '{"PeerURLs":7}'])('that holds %s is an error', (text) => {
    const act = (): unknown => directoryOf({ dataDir: remember(text) });

    expect(act).toThrow(ProxyError);
    expect(act).toThrow(expect.objectContaining({ code: 'E_PROXY_DATA' }));
    expect(act).toThrow('Delete it');
  });

  it('that cannot be written at the start is an error, later only a line in the log', async () => {
    const one = await peer(() => [asMember('http://c', 'http://new:1')]);
    const { directory, endpoints, log, file } = directoryOf({ peerUrls: [one.url] });
    mkdirSync(`${file}.bak`);

    await directory.refresh();

    expect(endpoints.list(0)).toEqual(['http://c']);
    expect(log.lines.map((line) => line.message)).toContain('proxy: cannot remember the peers');
    const blocked = tempDir();
    writeFileSync(join(blocked, 'proxy'), 'a file');
    expect(() => directoryOf({ dataDir: blocked })).toThrow('cannot write');
    chmodSync(blocked, 0o700);
  });
});

describe('a refresh', () => {
  it('asks peer by peer and takes the first that knows members', async () => {
    const empty = await peer(() => []);
    const good = await peer(() => [asMember('http://c')]);
    const { directory, endpoints } = directoryOf({
      peerUrls: [await refusingUrl(), empty.url, good.url],
    });

    await directory.refresh();

    expect(endpoints.list(0)).toEqual(['http://c']);
  });

  it('that finds nobody keeps the last members', async () => {
    const one = await peer(() => [asMember('http://c', one.url)]);
    const { directory, endpoints } = directoryOf({ peerUrls: [one.url] });
    await directory.refresh();

    await one.stop();
    await directory.refresh();

    expect(endpoints.list(0)).toEqual(['http://c']);
  });

  it('refuses another cluster on the same addresses', async () => {
    let id = 'aa';
    const one = await peer(
      () => [asMember(`http://${id}`, one.url)],
      () => id,
    );
    const { directory, endpoints, log } = directoryOf({ peerUrls: [one.url] });
    await directory.refresh();

    id = 'bb';
    await directory.refresh();

    expect(endpoints.list(0)).toEqual(['http://aa']);
    expect(log.lines.at(-1)).toMatchObject({ level: 'error', fields: { was: 'aa', is: 'bb' } });
  });

  it('leaves out addresses that lead back to the proxy and those it cannot dial', async () => {
    const one = await peer(() => [
      asMember('http://self'),
      asMember('https://secure'),
      asMember('nonsense'),
      asMember('http://c'),
    ]);
    const { directory, endpoints, log } = directoryOf({
      peerUrls: [one.url],
      isOwn: (url) => url === 'http://self',
    });

    await directory.refresh();

    expect(endpoints.list(0)).toEqual(['http://c']);
    expect(
      log.lines.filter((line) => line.level === 'warn').map((line) => line.fields['url']),
    ).toEqual(['http://self', 'https://secure', 'nonsense']);
  });
});

describe('the times of refreshes', () => {
  it('are the interval, sooner after a failure, and soonest while nobody is known', async () => {
    let members: unknown[] = [];
    const one = await peer(() => members);
    const { directory, clock } = directoryOf({ peerUrls: [one.url] });
    await directory.start();
    const asked = (count: number): Promise<void> => until(() => one.seen.length === count);

    await clock.advance(100);
    await asked(2);
    members = [asMember('http://c', one.url)];
    await until(() => clock.pendingTimers === 1);
    await clock.advance(100);
    await asked(3);
    await until(() => clock.pendingTimers === 1);
    await clock.advance(29_999);
    const quiet = one.seen.length;
    directory.refreshSoon();
    directory.refreshSoon();
    await clock.advance(499);
    const soon = one.seen.length;
    await clock.advance(1);
    await asked(4);

    expect([quiet, soon]).toEqual([3, 3]);
  });

  it('end with close, also in the middle of one, and nothing is written any more', async () => {
    const frozen = await rawMember((socket) => void socket.resume());
    const { directory, clock, file } = directoryOf({ peerUrls: [frozen.url] });
    const started = directory.start();
    await until(() => frozen.sockets.size === 1);

    directory.close();
    await started;

    expect(clock.pendingTimers).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain(frozen.url);
    await until(() => frozen.sockets.size === 0);
  });

  it('survive a peer that answers nonsense', async () => {
    let text = 'nonsense';
    const one = await member((response) => {
      response.setHeader('X-Etcd-Cluster-Id', 'a');
      response.end(text);
    });
    const { directory, endpoints } = directoryOf({ peerUrls: [one.url] });

    await directory.refresh();
    text = JSON.stringify([asMember('http://c')]);
    await directory.refresh();

    expect(endpoints.list(0)).toEqual(['http://c']);
  });
});
