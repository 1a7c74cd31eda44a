// Before anything is made: is this a system where processes can be nodes, are the addresses free, is
// there space? The first failure says who is in the way.
import { readFileSync, readdirSync, readlinkSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { systemErrorCode } from '@corral/kit';
import { ClusterError } from '../errors.js';
import type { ClusterPlan } from '../plan.js';
import { nodeUrls } from '../node-urls.js';

const freeBytesMin = 256 * 1024 * 1024;

/** What is looked at besides ports. */
export type System = {
  readonly platform: string;
  freeBytes(path: string): number;
};

export const thisSystem: System = {
  platform: process.platform,
  freeBytes(path) {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  },
};

/** Throws ClusterError E_UNSUPPORTED_SYSTEM, E_DISK_LOW, E_PORT_TAKEN, E_CONFIG or E_CLOUD_CONFIG. Gives a line for people. */
export async function preflight(
  plan: ClusterPlan,
  home: string,
  system: System = thisSystem,
): Promise<string> {
  if (system.platform !== 'linux') {
    throw new ClusterError(
      'E_UNSUPPORTED_SYSTEM',
      `plain processes as nodes need Linux (or WSL2); this is ${system.platform}`,
    );
  }
  const free = system.freeBytes(home);
  if (free < freeBytesMin) {
    throw new ClusterError(
      'E_DISK_LOW',
      `${Math.round(free / 1048576)} MiB free where clusters live (${home}), ${freeBytesMin / 1048576} MiB wanted`,
      { remedies: ['corral gc removes what old clusters left', 'CORRAL_HOME=ELSEWHERE corral up'] },
    );
  }
  let ports = 0;
  for (const node of plan.nodes) {
    const { client, peer } = nodeUrls(node);
    if (node.role === 'central' && client.length === 0) {
      throw new ClusterError(
        'E_CLOUD_CONFIG',
        `${node.cloudConfig.file} has no coreos.etcd2 section: a central node is a member of the store`,
        { remedies: ['add the section; examples/article/central.yaml has one'] },
      );
    }
    for (const { hostname, port } of [...client, ...peer].map((url) => new URL(url))) {
      await tryListen(hostname.replace(/^\[|\]$/g, ''), Number(port));
      ports += 1;
    }
  }
  await requireFree('127.0.0.1', plan.discoveryPort);
  return `node ${process.versions.node} · ${Math.round(free / 2 ** 30)} GiB free · ${ports + 1} ports free`;
}

/** True when nothing of another program lives at this address. */
export async function isFree(host: string, port: number): Promise<boolean> {
  return (await listenError(host, port)) === undefined;
}

/** Throws ClusterError E_PORT_TAKEN: what the cluster itself needs, beside its nodes. */
export async function requireFree(host: string, port: number): Promise<void> {
  const error = await listenError(host, port);
  if (error === undefined) return;
  const holder = findHolder(host, port);
  const who = holder === undefined ? error.message : `held by "${holder.name}", pid ${holder.pid}`;
  throw new ClusterError(
    'E_PORT_TAKEN',
    `the cluster's discovery service needs ${host}:${port}: ${who}`,
    {
      details: { host, port, pid: holder?.pid },
      remedies: [holder === undefined ? 'free the port' : `stop pid ${holder.pid}`],
    },
  );
}

async function tryListen(host: string, port: number): Promise<void> {
  const error = await listenError(host, port);
  if (error === undefined) return;
  if (systemErrorCode(error) === 'EACCES') {
    throw new ClusterError(
      'E_PORT_TAKEN',
      `port ${port} needs root: ${error.message}. Nothing was created`,
      {
        remedies: ['use a port from 1024 on in the cloud-config'],
      },
    );
  }
  if (systemErrorCode(error) === 'EADDRNOTAVAIL') {
    throw new ClusterError(
      'E_CONFIG',
      `${host} is no address of this machine. Nothing was created`,
      {
        details: { host, port },
        remedies: ['use $private_ipv4 or 0.0.0.0 in the cloud-config'],
      },
    );
  }
  const holder = findHolder(host, port);
  const who = holder === undefined ? 'another program' : `"${holder.name}", pid ${holder.pid}`;
  throw new ClusterError(
    'E_PORT_TAKEN',
    `Port ${port} is held by ${who}: it blocks ${host}:${port}. Nothing was created`,
    {
      details: { host, port, pid: holder?.pid },
      remedies: [
        ...(holder === undefined ? [] : [`stop pid ${holder.pid}`]),
        'use another port in the cloud-config',
      ],
    },
  );
}

function listenError(host: string, port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
}

/** Who listens on a port there or on all addresses, by /proc; undefined when it cannot be told. */
export function findHolder(
  host: string,
  port: number,
): { readonly pid: number; readonly name: string } | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  const addresses = [/^0+$/, new RegExp(`^(0{16}FFFF0000)?${hexAddress(host)}$`)];
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of safely(() => readFileSync(table, 'utf8').split('\n')) ?? []) {
      const fields = line.trim().split(/\s+/);
      const [address = '', heldPort] = (fields[1] ?? '').split(':');
      if (heldPort !== hex || fields[3] !== '0A') continue;
      if (addresses.some((pattern) => pattern.test(address))) inodes.add(fields[9] ?? '');
    }
  }
  for (const pid of safely(() => readdirSync('/proc')) ?? []) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of safely(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
      const link = safely(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? '';
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      const name = safely(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ?? '?';
      return { pid: Number(pid), name };
    }
  }
  return undefined;
}

/** An IPv4 address as /proc/net/tcp writes it: its bytes from the last to the first. (proc(5)) */
function hexAddress(host: string): string {
  const bytes = host.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return bytes.reverse().join('').toUpperCase();
}

function safely<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
