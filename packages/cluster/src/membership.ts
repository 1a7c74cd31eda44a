// Members that come and go, told to the running cluster over its members API (etcd 2.3, "Runtime
// Reconfiguration"): first the cluster learns of the change, then the process follows.
import { ClusterError } from './errors.js';
import { noQuorumError } from './missing.js';
import type { QuorumView } from './missing.js';
import { planAddedNode } from './plan.js';
import type { ClusterPlan, NodePlan } from './plan.js';
import type { ClusterStatus } from './status.js';
import { ask } from './store-probe.js';

/** The cluster as it is when its members are to change. */
export type MembershipView = QuorumView & { readonly status: ClusterStatus };

const changeLimitMs = 10_000;

/**
 * Tells the cluster of a member that will come; gives the environment it has to be started with.
 * Throws ClusterError E_NO_QUORUM or E_FAILED.
 */
export async function announceMember(
  plan: ClusterPlan,
  view: MembershipView,
): Promise<Record<string, string>> {
  const { status } = view;
  const coming = planAddedNode(plan, 'central', {});
  const peerUrl = `http://${coming.address}:2380`;
  const clientUrl = `http://${coming.address}:2379`;
  const added = await ask(`${memberUrl(view)}/v2/members`, {
    method: 'POST',
    body: JSON.stringify({ peerURLs: [peerUrl] }),
    timeoutMs: changeLimitMs,
  });
  if (added?.status !== 201) {
    const why = added?.body ?? 'no answer';
    throw new ClusterError('E_FAILED', `the cluster refused a new member: ${why}`);
  }
  const machineId = (name: string): string =>
    plan.nodes.find((node) => node.name === name)?.machineId ?? name;
  const there = status.nodes
    .filter((node) => node.memberId !== null)
    .map((node) => `${machineId(node.name)}=http://${node.address}:2380`);
  return {
    ETCD_INITIAL_CLUSTER: [...there, `${coming.machineId}=${peerUrl}`].join(','),
    ETCD_INITIAL_CLUSTER_STATE: 'existing',
    ETCD_INITIAL_ADVERTISE_PEER_URLS: peerUrl,
    ETCD_LISTEN_PEER_URLS: peerUrl,
    ETCD_LISTEN_CLIENT_URLS: clientUrl,
    ETCD_ADVERTISE_CLIENT_URLS: clientUrl,
    ETCD_DISCOVERY: '',
  };
}

/** Takes a node's member out of the cluster; nothing happens when it is none. */
export async function dismissMember(node: NodePlan, view: MembershipView): Promise<void> {
  const url = memberUrl(view, node.name);
  const list = await ask(`${url}/v2/members`, { timeoutMs: changeLimitMs });
  if (list?.status !== 200) {
    const why = list?.body ?? 'no answer';
    throw new ClusterError(
      'E_FAILED',
      `the members cannot be listed to remove ${node.name}: ${why}`,
    );
  }
  const { members } = JSON.parse(list.body) as {
    readonly members: readonly { readonly id: string; readonly peerURLs: readonly string[] }[];
  };
  const own = members.find((member) =>
    member.peerURLs.some((one) => one.includes(`//${node.address}:`)),
  );
  if (own === undefined) return;
  const removed = await ask(`${url}/v2/members/${own.id}`, {
    method: 'DELETE',
    timeoutMs: changeLimitMs,
  });
  if (removed?.status === 204) return;
  const why = removed?.body ?? 'no answer';
  throw new ClusterError('E_FAILED', `the cluster refused to remove ${node.name}: ${why}`);
}

/** The client URL of a member that answers, other than `except`. */
function memberUrl(view: MembershipView, except?: string): string {
  const { status } = view;
  const node = status.nodes.find(
    (one) => one.raft !== null && one.name !== except && one.state === 'running',
  );
  const url = node?.clientUrls[0];
  if (status.state !== 'no-quorum' && url !== undefined) return url;
  throw noQuorumError('membership cannot change', view);
}
