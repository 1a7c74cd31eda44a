import { describe, expect, it } from 'vitest';
import { planJoin, refuseIfBootstrapped } from '../../src/bootstrap/join.js';
import { planNewCluster } from '../../src/bootstrap/plan.js';
import { readConfig } from '../../src/config/config.js';
import type { ServerConfig } from '../../src/config/config.js';
import { fakeHttp } from '../support/fake-http.js';
import type { FakeHttp } from '../support/fake-http.js';

const dialMap = (host: string): string => host;
const ownUrl = 'http://127.0.0.1:9';

function config(initialCluster: string, ...words: readonly string[]): ServerConfig {
  const read = readConfig(
    [
      ...['-name', 'new', '-initial-advertise-peer-urls', ownUrl],
      ...['-initial-cluster', initialCluster, '-initial-cluster-state', 'existing', ...words],
    ],
    {},
  );
  if (read.kind === 'exit') throw new Error(read.stderr);
  return read.config;
}

/** A peer that lists itself as 18446744073709551615 and whatever else. */
function peer(members: (url: string) => readonly object[]): Promise<FakeHttp> {
  const server = fakeHttp(() => ({
    headers: { 'X-Etcd-Cluster-Id': 'abc' },
    body: body(),
  }));
  let body = (): string => '[]';
  return server.then((started) => {
    body = () =>
      JSON.stringify(members(started.url)).replace(
        /"id":"(\d+)"/g,
        (_all, id: string) => `"id":${id}`,
      );
    return started;
  });
}

const listed = (id: string, url: string, clientURLs: readonly string[] = []): object => ({
  id,
  name: '',
  peerURLs: [url],
  clientURLs,
});

describe('joining a running cluster', () => {
  it('takes ids from the cluster, also those above 2^53', async () => {
    await using old = await peer((url) => [
      listed('18446744073709551615', url),
      listed('9007199254740993', ownUrl),
    ]);

    const plan = await planJoin(config(`old=${old.url},new=${ownUrl}`), dialMap);

    expect(plan).toEqual({
      kind: 'join',
      clusterId: 'abc',
      memberId: '20000000000001',
      members: [
        { id: 'ffffffffffffffff', name: 'old', peerUrls: [old.url] },
        { id: '20000000000001', name: 'new', peerUrls: [ownUrl] },
      ],
    });
  });

  it('is refused when nobody answers: E_JOIN', async () => {
    const attempt = planJoin(config(`old=http://127.0.0.1:1,new=${ownUrl}`), dialMap);

    await expect(attempt).rejects.toMatchObject({
      code: 'E_JOIN',
      message: expect.stringContaining('could not retrieve cluster information') as string,
    });
  });

  it.each([
    ['the counts differ', 1, ownUrl, /member count is unequal: .* has 1 members, .* lists 2/],
    ['a member is another', 2, 'http://127.0.0.1:8', /unmatched member while checking PeerURLs/],
  ])('is refused when %s: E_JOIN', async (_when, count, second, message) => {
    await using old = await peer((url) => [listed('1', url), listed('2', second)].slice(0, count));

    const attempt = planJoin(config(`old=${old.url},new=${ownUrl}`), dialMap);

    await expect(attempt).rejects.toMatchObject({
      code: 'E_JOIN',
      message: expect.stringMatching(message) as string,
    });
  });

  it('is refused together with discovery: E_BOOTSTRAP_FLAGS', async () => {
    const read = readConfig(['-discovery=http://d/T', '-initial-cluster-state=existing'], {});
    if (read.kind === 'exit') throw new Error(read.stderr);

    const attempt = planJoin(read.config, dialMap);

    await expect(attempt).rejects.toMatchObject({
      code: 'E_BOOTSTRAP_FLAGS',
      message: 'discovery URL should not be set when joining existing initial cluster',
    });
  });
});

describe('a new member whose id the others know', () => {
  it('has lost its data if it had published itself: E_BOOTSTRAPPED_BEFORE', async () => {
    let ownId = '';
    await using old = await peer((url) => [
      listed('1', url),
      listed(BigInt(`0x${ownId}`).toString(), ownUrl, ['http://127.0.0.1:7']),
    ]);
    const cluster = new Map([
      ['old', [old.url]],
      ['new', [ownUrl]],
    ]);
    const plan = planNewCluster({ name: 'new', initialAdvertisePeerUrls: [ownUrl] }, cluster, 't');
    ownId = plan.memberId;

    await expect(refuseIfBootstrapped(plan, dialMap)).rejects.toMatchObject({
      code: 'E_BOOTSTRAPPED_BEFORE',
      message: expect.stringContaining(`etcdctl member remove ${ownId}`) as string,
    });
  });

  it('starts if it never published itself, or if nobody answers', async () => {
    let ownId = '';
    await using old = await peer((url) => [
      listed('1', url),
      listed(BigInt(`0x${ownId}`).toString(), ownUrl),
    ]);
    const self = { name: 'new', initialAdvertisePeerUrls: [ownUrl] };
    const asked = planNewCluster(
      self,
      new Map([
        ['old', [old.url]],
        ['new', [ownUrl]],
      ]),
      't',
    );
    ownId = asked.memberId;
    const deaf = new Map([
      ['old', ['http://127.0.0.1:1']],
      ['new', [ownUrl]],
    ]);

    await refuseIfBootstrapped(asked, dialMap);
    await refuseIfBootstrapped(planNewCluster(self, deaf, 't'), dialMap);

    expect(old.asked).toEqual(['GET /members']);
  });
});
