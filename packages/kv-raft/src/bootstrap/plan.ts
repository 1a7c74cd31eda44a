// How a member without a log comes to its identity and its first members: from the initial cluster,
// through discovery, or by joining a running cluster. (etcd 2.3 documentation, clustering.md)
import { CodedError } from '@corral/kit';
import type { NodeId } from '@corral/raft';
import type { ServerConfig } from '../config/config.js';
import { compareIds } from '../members.js';
import { clusterId, memberId } from './ids.js';

export type BootstrapErrorCode =
  /** The flags contradict each other. */
  | 'E_BOOTSTRAP_FLAGS'
  /** This id has been a member before, with data that is gone. */
  | 'E_BOOTSTRAPPED_BEFORE'
  /** The running cluster cannot be joined this way. */
  | 'E_JOIN'
  /** Discovery failed for good. */
  | 'E_DISCOVERY';

/** Ends the start: exit 1, with etcd's own words in the message. */
export class BootstrapError extends CodedError<BootstrapErrorCode> {}

export type BootstrapMember = {
  readonly id: NodeId;
  readonly name: string;
  readonly peerUrls: readonly string[];
};

export type BootstrapPlan =
  | {
      readonly kind: 'new';
      readonly clusterId: string;
      readonly memberId: NodeId;
      /** Sorted by numeric id. */
      readonly members: readonly BootstrapMember[];
    }
  /** The log begins empty; everything comes from the leader. */
  | {
      readonly kind: 'join';
      readonly clusterId: string;
      readonly memberId: NodeId;
      readonly members: readonly BootstrapMember[];
    }
  /** Discovery is full: run as a proxy of these peers. */
  | { readonly kind: 'proxy'; readonly peerUrls: readonly string[] };

/** The plan of a new cluster whose members are known. Throws BootstrapError. */
export function planNewCluster(
  config: Pick<ServerConfig, 'name' | 'initialAdvertisePeerUrls'>,
  cluster: ReadonlyMap<string, readonly string[]>,
  token: string,
): BootstrapPlan & { readonly kind: 'new' } {
  const own = checkOwnEntry(config, cluster);
  const members = membersOf(cluster, token);
  const ids = members.map((member) => member.id);
  return { kind: 'new', clusterId: clusterId(ids), memberId: memberId(own, token), members };
}

/** The members of an initial cluster, sorted by id. */
export function membersOf(
  cluster: ReadonlyMap<string, readonly string[]>,
  token: string,
): BootstrapMember[] {
  const seen = new Set<string>();
  for (const url of [...cluster.values()].flat()) {
    if (seen.has(url)) {
      throw new BootstrapError(
        'E_BOOTSTRAP_FLAGS',
        `initial cluster ${clusterText(cluster)} has duplicate url`,
      );
    }
    seen.add(url);
  }
  return [...cluster]
    .map(([name, peerUrls]) => ({ id: memberId(peerUrls, token), name, peerUrls }))
    .sort((a, b) => compareIds(a.id, b.id));
}

/** This member's URLs in the cluster; they must be those that it advertises. */
function checkOwnEntry(
  config: Pick<ServerConfig, 'name' | 'initialAdvertisePeerUrls'>,
  cluster: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const { name, initialAdvertisePeerUrls: advertised } = config;
  const own = cluster.get(name);
  if (own === undefined) {
    throw new BootstrapError(
      'E_BOOTSTRAP_FLAGS',
      `couldn't find local name "${name}" in the initial cluster configuration`,
    );
  }
  if ([...own].sort().join() === [...advertised].sort().join()) return own;
  const wanted = advertised.map((url) => `${name}=${url}`).join(',');
  throw new BootstrapError(
    'E_BOOTSTRAP_FLAGS',
    `--initial-cluster must include ${wanted} given --initial-advertise-peer-urls=` +
      `${advertised.join(',')}. Forgot to set --initial-cluster or --initial-advertise-peer-urls? ` +
      'If you want to use discovery service, please set --discovery flag',
  );
}

export function clusterText(cluster: ReadonlyMap<string, readonly string[]>): string {
  return [...cluster].flatMap(([name, urls]) => urls.map((url) => `${name}=${url}`)).join(',');
}
