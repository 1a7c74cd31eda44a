// What other members say of their cluster on their peer port: GET /members. Ids there are decimal
// numbers above 2^53, so they are read as text.
import type { DialMap } from '@corral/kit';
import { ClientError } from './errors.js';
import { Connections } from './request.js';

export type RemoteMember = {
  /** Hex without leading zeros. */
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
};

export type RemoteCluster = {
  readonly clusterId: string;
  readonly members: readonly RemoteMember[];
};

export type FetchOptions = {
  /** For each peer. */
  readonly timeoutMs: number;
  readonly dialMap: DialMap;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Asks each peer in turn; undefined when none gives a cluster of at least one member within
 * `timeoutMs` each, or `signal` aborts.
 */
export async function fetchCluster(
  peerUrls: readonly string[],
  options: FetchOptions,
): Promise<RemoteCluster | undefined> {
  for (const url of peerUrls) {
    if (options.signal?.aborted === true) return undefined;
    const cluster = await fetchFrom(url, options).catch(() => undefined);
    if (cluster !== undefined && cluster.members.length > 0) return cluster;
  }
  return undefined;
}

async function fetchFrom(url: string, options: FetchOptions): Promise<RemoteCluster> {
  const { timeoutMs, dialMap, signal } = options;
  const connections = new Connections({ dialMap, dialTimeoutMs: timeoutMs });
  try {
    const result = await connections.exchange(url, {
      method: 'GET',
      path: '/members',
      timeoutMs,
      signal,
    });
    if (!result.ok) throw result.failure.error;
    const { headers, body } = result.answer;
    const clusterId = headers['x-etcd-cluster-id'];
    if (typeof clusterId !== 'string' || !/^[0-9a-f]{1,16}$/i.test(clusterId)) {
      throw new ClientError('E_BAD_ANSWER', `${url}/members has no X-Etcd-Cluster-ID`);
    }
    return { clusterId, members: parseMembers(body) };
  } finally {
    connections.close();
  }
}

/** The JSON array of the peer port; ids become hex. */
export function parseMembers(text: string): RemoteMember[] {
  const quoted = text.replace(/"id":\s*(\d+)/g, '"id":"$1"');
  const parsed = JSON.parse(quoted) as {
    readonly id: string;
    readonly name?: string;
    readonly peerURLs?: readonly string[];
    readonly clientURLs?: readonly string[];
  }[];
  return parsed.map(({ id, name = '', peerURLs = [], clientURLs = [] }) => ({
    id: BigInt(id).toString(16),
    name,
    peerUrls: [...peerURLs].sort(),
    clientUrls: clientURLs,
  }));
}

/** The same array as this server answers it. */
export function renderMembers(members: readonly RemoteMember[]): string {
  const items = members.map(({ id, name, peerUrls, clientUrls }) => {
    const rest = JSON.stringify({ peerURLs: peerUrls, name, clientURLs: clientUrls });
    return `{"id":${BigInt(`0x${id}`).toString()},${rest.slice(1)}`;
  });
  return `[${items.join(',')}]\n`;
}
