// What a node is given before its first start: its cloud-config as the user wrote it, its addresses,
// the cluster's CA, and what its units and logins find in their environment. Pure.
import { nodeUrls } from '../node-urls.js';
import type { NodePlan } from '../plan.js';
import type { PutFile } from './tar.js';

export type NodeFilesOptions = {
  readonly node: NodePlan;
  /** The certificate of the cluster's CA (PEM). */
  readonly authority: string;
  /** The public key that `corral ssh` logs in with, as authorized_keys has it. */
  readonly publicKey: string;
};

const bundle = '/etc/ssl/certs/ca-certificates.crt';

export function nodeFiles({ node, authority, publicKey }: NodeFilesOptions): readonly PutFile[] {
  const environment = nodeVariables(node);
  const { address } = node;
  return [
    // CoreOS's own place for the user-data of an installed machine.
    {
      path: '/var/lib/coreos-install/user_data',
      text: node.cloudConfig.text,
      mode: 0o600,
    },
    {
      path: '/etc/environment',
      text: `COREOS_PRIVATE_IPV4=${address}\nCOREOS_PUBLIC_IPV4=${address}\n`,
    },
    { path: '/etc/corral/ca.pem', text: authority },
    { path: '/etc/corral/authorized_keys', text: `${publicKey.trim()}\n` },
    { path: '/etc/systemd/system.conf.d/50-corral.conf', text: managerConfig(environment) },
    { path: '/etc/profile.d/corral.sh', text: profile(environment) },
    ...storeOverrides(node),
  ];
}

/** What every unit and every login of a node has in its environment. */
export function nodeVariables(node: NodePlan): Readonly<Record<string, string>> {
  const [store] = nodeUrls(node).client;
  return {
    // The bundle has the cluster's CA; Node alone does not read it.
    SSL_CERT_FILE: bundle,
    NODE_EXTRA_CA_CERTS: bundle,
    ...(store === undefined ? {} : { ETCDCTL_ENDPOINTS: store, ETCDCTL_API: '2' }),
  };
}

/** (systemd-system.conf(5), DefaultEnvironment=) */
function managerConfig(environment: Readonly<Record<string, string>>): string {
  const words = Object.entries(environment).map(([name, value]) => quoted(`${name}=${value}`));
  return `[Manager]\nDefaultEnvironment=${words.join(' ')}\n`;
}

function profile(environment: Readonly<Record<string, string>>): string {
  const lines = Object.entries(environment).map(([name, value]) => `export ${name}='${value}'\n`);
  return lines.join('');
}

/** What a member that joins a running cluster is told wins over its cloud-config. */
function storeOverrides({ environment }: NodePlan): readonly PutFile[] {
  const names = Object.entries(environment);
  if (names.length === 0) return [];
  const lines = names.map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}\n`);
  return [
    {
      path: '/etc/systemd/system/etcd2.service.d/99-corral.conf',
      text: `[Service]\n${lines.join('')}`,
    },
  ];
}

/** One word of a unit file; `%` begins a specifier there. (systemd.unit(5), systemd.syntax(7)) */
function quoted(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%');
  return `"${escaped}"`;
}
