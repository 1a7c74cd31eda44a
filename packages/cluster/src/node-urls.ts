// Where a node's store listens, by what its cloud-config says.
import { parseUserData } from '@corral/cloudinit';
import { addressed } from './plan.js';
import type { NodePlan } from './plan.js';

export type NodeUrls = { readonly client: readonly string[]; readonly peer: readonly string[] };

/** A wildcard and the loopback names mean the node's own address. */
export function mapUrls(value: string, address: string): string {
  return value.replace(
    /(\/\/)(0\.0\.0\.0|127\.0\.0\.1|localhost|\[::\])(?=[:/,]|$)/g,
    `$1${address}`,
  );
}

/** Client and peer URLs of a node from its cloud-config, as reached from this machine. */
export function nodeUrls(node: NodePlan): NodeUrls {
  const data = parseUserData(addressed(node));
  const options = data.kind === 'cloud-config' ? data.config.etcd2 : [];
  const listed = (name: string, fallback: readonly string[]): readonly string[] => {
    const value = options.find(({ variable }) => variable === name)?.value;
    const urls = value === undefined ? fallback : value.split(',').map((url) => url.trim());
    return [...new Set(urls.map((url) => mapUrls(url, node.address)))];
  };
  if (options.length === 0) return { client: [], peer: [] };
  const local = `http://${node.address}`;
  return {
    client: listed('ETCD_LISTEN_CLIENT_URLS', [`${local}:2379`, `${local}:4001`]),
    peer: isProxy(node) ? [] : listed('ETCD_LISTEN_PEER_URLS', [`${local}:2380`, `${local}:7001`]),
  };
}

/** Its cloud-config says `proxy: on` (or readonly): it never becomes a member. */
export function isProxy(node: NodePlan): boolean {
  const data = parseUserData(addressed(node));
  const options = data.kind === 'cloud-config' ? data.config.etcd2 : [];
  return options.some(({ variable, value }) => variable === 'ETCD_PROXY' && value !== 'off');
}

export function portsOf(urls: NodeUrls): readonly number[] {
  return [...new Set([...urls.client, ...urls.peer].map((url) => Number(new URL(url).port)))];
}
