// What other members say of their cluster on their peer port: GET /members. Ids there are decimal
// numbers above 2^53, so they are read as text.
import { Agent, get } from 'node:http';
import type { DialMap } from '@corral/kit';

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

/** Asks each peer in turn; undefined when none answers within `timeoutMs` each. */
export async function fetchCluster(
  peerUrls: readonly string[],
  options: { readonly timeoutMs: number; readonly dialMap: DialMap },
): Promise<RemoteCluster | undefined> {
  for (const url of peerUrls) {
    const cluster = await fetchFrom(url, options).catch(() => undefined);
    if (cluster !== undefined) return cluster;
  }
  return undefined;
}

function fetchFrom(
  url: string,
  options: { readonly timeoutMs: number; readonly dialMap: DialMap },
): Promise<RemoteCluster> {
  const { hostname, port, host } = new URL('/members', url);
  return new Promise((resolve, reject) => {
    const request = get(
      {
        host: options.dialMap(hostname.replace(/^\[|\]$/g, '')),
        port: Number(port),
        path: '/members',
        headers: { Host: host },
        agent: new Agent({ keepAlive: false }),
        signal: AbortSignal.timeout(options.timeoutMs),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const clusterId = response.headers['x-etcd-cluster-id'];
          const text = Buffer.concat(chunks).toString('utf8');
          if (response.statusCode !== 200 || typeof clusterId !== 'string') {
            reject(new Error(`${url} answered ${response.statusCode ?? 0}`));
            return;
          }
          try {
            resolve({ clusterId, members: parseMembers(text) });
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        });
      },
    );
    request.on('error', reject);
  });
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
