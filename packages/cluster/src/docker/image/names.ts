// The images of Corral by name, their tags and their labels.

export const imageTargets = [
  'node',
  'etcd2',
  'discovery-service',
  'coreos-cloudinit',
  'cli',
] as const;

export type ImageTarget = (typeof imageTargets)[number];

/** Of images alone: containers inherit these labels, so none may mean "node of a cluster". */
export const imageLabel = 'io.corral.image';
export const contentLabel = 'io.corral.image.content';
export const baseLabel = 'io.corral.image.base';

/** What `--pull` fetches when no base image is named. */
export const defaultBase = 'node:20-bookworm-slim';

/** The bare Debian that a node image is made from has this name beside those of the targets. */
export const rootName = 'root';

/** Which programs each image holds as one file; the cli image holds the installation itself. */
export const programsOf: Readonly<Record<ImageTarget, readonly string[]>> = {
  node: ['etcd2', 'etcdctl', 'discovery-service', 'coreos-cloudinit'],
  etcd2: ['etcd2', 'etcdctl'],
  'discovery-service': ['discovery-service'],
  'coreos-cloudinit': ['coreos-cloudinit'],
  cli: [],
};

/** On the Debian of `packages.txt`; the others start from nothing, or from a base image. */
export function madeOnRoot(target: ImageTarget): boolean {
  return target === 'node' || target === 'cli';
}

export function repositoryOf(name: ImageTarget | typeof rootName): string {
  return `corral/${name}`;
}
