// Joining: a running cluster that has added this member, or a check that a new cluster is not one
// that this member belonged to before.
import { fetchCluster } from '@corral/etcd-client';
import type { DialMap } from '@corral/kit';
import type { ServerConfig } from '../config/config.js';
import { BootstrapError } from './plan.js';
import type { BootstrapPlan } from './plan.js';

const joinTimeoutMs = 10_000;
const checkTimeoutMs = 1_000;

/** --initial-cluster-state existing. Throws BootstrapError E_JOIN with etcd's texts. */
export async function planJoin(
  config: ServerConfig,
  dialMap: DialMap,
): Promise<BootstrapPlan & { readonly kind: 'join' }> {
  if (config.discovery !== undefined) {
    throw new BootstrapError(
      'E_BOOTSTRAP_FLAGS',
      'discovery URL should not be set when joining existing initial cluster',
    );
  }
  const { initialCluster, name, initialAdvertisePeerUrls: own } = config;
  if (!initialCluster.has(name)) {
    throw new BootstrapError(
      'E_BOOTSTRAP_FLAGS',
      `couldn't find local name "${name}" in the initial cluster configuration`,
    );
  }
  const others = [...initialCluster]
    .filter(([other]) => other !== name)
    .flatMap(([, urls]) => urls);
  const remote = await fetchCluster(others, { timeoutMs: joinTimeoutMs, dialMap });
  if (remote === undefined) {
    throw new BootstrapError(
      'E_JOIN',
      'cannot fetch cluster info from peer urls: could not retrieve cluster information from the ' +
        'given urls',
    );
  }
  if (remote.members.length !== initialCluster.size) {
    throw new BootstrapError(
      'E_JOIN',
      `error validating peerURLs: member count is unequal: the cluster has ` +
        `${remote.members.length} members, --initial-cluster lists ${initialCluster.size}. List ` +
        'all members as "etcdctl member add" printed them',
    );
  }
  const key = (urls: readonly string[]): string => [...urls].sort().join();
  const byUrls = new Map(remote.members.map((member) => [key(member.peerUrls), member]));
  const members = [...initialCluster].map(([memberName, peerUrls]) => {
    const member = byUrls.get(key(peerUrls));
    if (member !== undefined) return { id: member.id, name: memberName, peerUrls };
    throw new BootstrapError(
      'E_JOIN',
      `error validating peerURLs: unmatched member while checking PeerURLs: ` +
        `${peerUrls.join(',')} (${memberName}) is not in the cluster`,
    );
  });
  const self = byUrls.get(key(own));
  if (self === undefined) {
    throw new BootstrapError(
      'E_JOIN',
      `error validating peerURLs: ${own.join(',')} is not a member. Add it first: etcdctl member ` +
        `add ${name} ${own[0] ?? ''}`,
    );
  }
  return { kind: 'join', clusterId: remote.clusterId, memberId: self.id, members };
}

/**
 * A member of a new cluster asks the others whether it has been there before: with its data gone
 * it must not come back under the same id, or it could vote twice.
 */
export async function refuseIfBootstrapped(
  plan: BootstrapPlan & { readonly kind: 'new' },
  dialMap: DialMap,
): Promise<void> {
  const others = plan.members
    .filter((member) => member.id !== plan.memberId)
    .flatMap((member) => member.peerUrls);
  if (others.length === 0) return;
  const remote = await fetchCluster(others, { timeoutMs: checkTimeoutMs, dialMap });
  const self = remote?.members.find((member) => member.id === plan.memberId);
  if (self === undefined || self.clientUrls.length === 0) return;
  throw new BootstrapError(
    'E_BOOTSTRAPPED_BEFORE',
    `member ${plan.memberId} has already been bootstrapped, and its data directory is empty. Its ` +
      `data is gone, so it has to come back as a new member: etcdctl member remove ${plan.memberId}, ` +
      'etcdctl member add, then start it with --initial-cluster-state existing',
  );
}
