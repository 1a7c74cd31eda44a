// Member and cluster ids as etcd reckons them: the first eight bytes of a SHA-1, printed as hex
// without leading zeros. (etcd 2.3, etcdserver/member.go and cluster.go)
import { createHash } from 'node:crypto';
import type { NodeId } from '@corral/raft';

/** The id of a member of a new cluster; the token is the cluster's token or its discovery URL. */
export function memberId(peerUrls: readonly string[], token: string): NodeId {
  return firstBytes([...peerUrls].sort().join('') + token);
}

/** The id of a member that is added to a running cluster at `wallTime` (epoch milliseconds). */
export function runtimeMemberId(peerUrls: readonly string[], wallTime: number): NodeId {
  return firstBytes([...peerUrls].sort().join('') + String(Math.floor(wallTime / 1000)));
}

/** The id of the cluster that these members begin. */
export function clusterId(memberIds: readonly NodeId[]): string {
  const sorted = memberIds.map((id) => BigInt(`0x${id}`)).sort((a, b) => (a < b ? -1 : 1));
  const bytes = Buffer.alloc(8 * sorted.length);
  for (const [i, id] of sorted.entries()) bytes.writeBigUInt64BE(id, 8 * i);
  return firstBytes(bytes);
}

function firstBytes(data: string | Buffer): string {
  const digest = createHash('sha1').update(data).digest();
  return digest.readBigUInt64BE(0).toString(16);
}
