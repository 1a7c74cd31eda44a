// Which addresses a cluster's nodes have. A cluster has a number C from 2 to 250, a node a number D
// from 1 to 240. As plain processes it owns 127.C.0.D; as containers the network 10.x.y.0/23, whose
// lower half is for nodes, so that nobody else's container ever takes the address of a stopped one.
import type { RuntimeKind } from './runtime.js';

export function nodeAddress(runtime: RuntimeKind, cluster: number, node: number): string {
  return runtime === 'docker'
    ? `${clusterNetwork(cluster).prefix}.${node}`
    : `127.${cluster}.0.${node}`;
}

export type ClusterNetwork = {
  /** The first three numbers of the nodes' addresses. */
  readonly prefix: string;
  readonly subnet: string;
  /** Where the engine takes addresses from that nobody asked for. */
  readonly engineRange: string;
  readonly gateway: string;
  readonly discovery: string;
};

/** Away from 172.16/12 and 192.168/16, where engines and homes have their own. (RFC 1918) */
export function clusterNetwork(cluster: number): ClusterNetwork {
  const high = 212 + (cluster >> 7);
  const low = (cluster & 127) * 2;
  const prefix = `10.${high}.${low}`;
  const upper = `10.${high}.${low + 1}`;
  return {
    prefix,
    subnet: `${prefix}.0/23`,
    engineRange: `${upper}.0/24`,
    gateway: `${upper}.254`,
    discovery: `${prefix}.250`,
  };
}
