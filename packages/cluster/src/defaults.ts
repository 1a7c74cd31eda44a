// What a node ships: cloud-configs for a cluster without any file, and CoreOS's unit files.

export const defaultCloudConfigs = {
  central: `#cloud-config

coreos:
  etcd2:
    discovery: DISCOVERY_URL
    advertise-client-urls: http://$private_ipv4:2379
    initial-advertise-peer-urls: http://$private_ipv4:2380
    listen-client-urls: http://$private_ipv4:2379
    listen-peer-urls: http://$private_ipv4:2380
`,
  worker: `#cloud-config

coreos:
  etcd2:
    discovery: DISCOVERY_URL
    listen-client-urls: http://$private_ipv4:2379
    proxy: on
`,
} as const;

export const shippedUnits: Readonly<Record<string, string>> = {
  'etcd2.service': `[Unit]
Description=etcd2
Conflicts=etcd.service

[Service]
User=etcd
Type=notify
NotifyAccess=all
StateDirectory=etcd2
StateDirectoryMode=0700
Environment=ETCD_DATA_DIR=/var/lib/etcd2
Environment=ETCD_NAME=%m
ExecStart=/usr/bin/etcd2
Restart=always
RestartSec=10s
LimitNOFILE=40000
TimeoutStartSec=0

[Install]
WantedBy=multi-user.target
`,
  'fleet.service': notYet('fleet daemon', '/usr/bin/fleetd'),
  'locksmithd.service': notYet('Cluster reboot manager', '/usr/lib/locksmith/locksmithd'),
  'update-engine.service': notYet('Update Engine', '/usr/sbin/update_engine'),
  'flanneld.service': notYet('Network fabric for containers', '/opt/bin/flanneld'),
};

export const shippedFiles: Readonly<Record<string, string>> = {
  '/usr/share/coreos/update.conf':
    'SERVER=https://public.update.core-os.net/v1/update/\nGROUP=stable\n',
  '/etc/os-release':
    'NAME=CoreOS\nID=coreos\nVERSION=corral\nPRETTY_NAME="Corral node (process)"\n',
};

function notYet(description: string, program: string): string {
  return `[Unit]
Description=${description}
ConditionPathExists=${program}

[Service]
ExecStart=${program}
Restart=always
`;
}
