// The container of a node, as the engine is asked for it: systemd as its first process, without
// --privileged. Pure.
import type Docker from 'dockerode';
import type { NodePlan } from '../plan.js';
import { engineName, nodeLabels } from './labels.js';
import type { ClusterKey } from './labels.js';
import { runsInnerEngine } from './published.js';

export type NodeContainer = {
  readonly key: ClusterKey;
  readonly node: NodePlan;
  readonly image: string;
  readonly name: string;
  /** For an engine inside. */
  readonly volume: string;
  /** Of this machine, where the engine is on it. */
  readonly devFolder: string | undefined;
};

/** systemd's own signal for an orderly halt. (systemd(1), SIGRTMIN+3) */
const stopSignal = 'SIGRTMIN+3';
export const stopSeconds = 10;

/** Where a node finds what lies in its `devFolder`. */
const devFolderInside = '/usr/lib/corral/dev';

/** Code from a working tree, read-only. */
export function devMount(devFolder: string | undefined): readonly Docker.MountConfig[number][] {
  if (devFolder === undefined) return [];
  return [{ Type: 'bind', Source: devFolder, Target: devFolderInside, ReadOnly: true }];
}

export function nodeContainer({
  key,
  node,
  image,
  name,
  volume,
  devFolder,
}: NodeContainer): Docker.ContainerCreateOptions {
  const ports = Object.entries(node.published ?? {});
  const seccomp = runsInnerEngine(node) ? ['seccomp=unconfined'] : [];
  // The types do not know the name space of cgroups.
  const cgroups: Docker.HostConfig & { readonly CgroupnsMode: string } = {
    CgroupnsMode: 'private',
  };
  return {
    name: name,
    Image: image,
    Hostname: node.hostname,
    Labels: nodeLabels(key, node),
    StopSignal: stopSignal,
    StopTimeout: stopSeconds,
    Env: ['container=docker', `container_uuid=${uuidOf(node.machineId)}`],
    ExposedPorts: Object.fromEntries(ports.map(([port]) => [`${port}/tcp`, {}])),
    HostConfig: {
      NetworkMode: engineName(key, undefined),
      CapAdd: ['SYS_ADMIN', 'NET_ADMIN'],
      SecurityOpt: [...seccomp, 'apparmor=unconfined'],
      ...cgroups,
      Init: false,
      RestartPolicy: { Name: 'on-failure' },
      Tmpfs: {
        '/run': 'rw,nosuid,nodev,mode=755,size=64m',
        '/run/lock': 'rw,nosuid,nodev,noexec,size=5m',
        '/tmp': 'rw,nosuid,nodev,mode=1777',
      },
      Mounts: [
        ...devMount(devFolder),
        {
          Type: 'volume',
          Source: volume,
          Target: '/var/lib/docker',
          VolumeOptions: {
            NoCopy: true,
            Labels: nodeLabels(key, node),
            DriverConfig: { Name: 'local', Options: {} },
          },
        },
      ],
      PortBindings: Object.fromEntries(
        ports.map(([port, host]) => [
          `${port}/tcp`,
          [{ HostIp: '127.0.0.1', HostPort: String(host) }],
        ]),
      ),
    },
    NetworkingConfig: {
      EndpointsConfig: {
        [engineName(key, undefined)]: {
          IPAMConfig: { IPv4Address: node.address },
          Aliases: [node.name, node.hostname],
        },
      },
    },
  };
}

/** 32 digits in the form that systemd reads a machine id from. (machine-id(5)) */
function uuidOf(machineId: string): string {
  return machineId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
