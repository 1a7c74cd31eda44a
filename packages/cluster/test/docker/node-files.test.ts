// What a node is given before its first start.
import { describe, expect, it } from 'vitest';
import { nodeFiles } from '../../src/docker/node-files.js';
import { makePlan } from '../../src/plan.js';
import type { NodePlan } from '../../src/plan.js';

const given = { number: 7, discoveryPort: 20_000, token: 't', createdAt: '' };
const spec = { name: 'x', central: 1, workers: 0, cloudConfigs: {}, ignoreUnknown: false };
const [node] = makePlan({ ...spec, runtime: 'docker' }, given).plan.nodes;

function filesOf(change: Partial<NodePlan> = {}): Map<string, string> {
  const options = { node: { ...node!, ...change }, authority: 'CA', publicKey: 'ssh-ed25519 A\n' };
  return new Map(nodeFiles(options).map(({ path, text }) => [path, text]));
}

describe('the files of a node', () => {
  it('have the cloud-config as it was written, with its variables', () => {
    const text = '#cloud-config\ncoreos: {etcd2: {name: $private_ipv4}}\n';

    const files = filesOf({ cloudConfig: { file: 'x.yaml', text } });

    expect(files.get('/var/lib/coreos-install/user_data')).toBe(text);
    expect(files.get('/etc/environment')).toBe(
      'COREOS_PRIVATE_IPV4=10.212.14.1\nCOREOS_PUBLIC_IPV4=10.212.14.1\n',
    );
  });

  it('tell units and logins where the store is, and which bundle to trust', () => {
    const files = filesOf();

    expect(files.get('/etc/systemd/system.conf.d/50-corral.conf')).toBe(
      '[Manager]\nDefaultEnvironment="SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt" ' +
        '"NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt" ' +
        '"ETCDCTL_ENDPOINTS=http://10.212.14.1:2379" "ETCDCTL_API=2"\n',
    );
    expect(files.get('/etc/profile.d/corral.sh')).toContain(
      "export ETCDCTL_ENDPOINTS='http://10.212.14.1:2379'\n",
    );
    expect(files.get('/etc/corral/authorized_keys')).toBe('ssh-ed25519 A\n');
  });

  it('override the store of a member that joins, with what a unit file gives a meaning escaped', () => {
    const path = '/etc/systemd/system/etcd2.service.d/99-corral.conf';

    const joining = filesOf({ environment: { ETCD_INITIAL_CLUSTER: 'a%m="b"\\c' } });

    expect(filesOf().has(path)).toBe(false);
    expect(joining.get(path)).toBe(
      '[Service]\nEnvironment="ETCD_INITIAL_CLUSTER=a%%m=\\"b\\"\\\\c"\n',
    );
  });
});
