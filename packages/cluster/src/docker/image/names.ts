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

/** The bare Debian that a node image is made from has this name beside those of the targets. */
export const rootName = 'root';

/** Which programs each image holds. */
export const programsOf: Readonly<Record<ImageTarget, readonly string[]>> = {
  node: ['etcd2', 'etcdctl', 'discovery-service', 'coreos-cloudinit'],
  etcd2: ['etcd2', 'etcdctl'],
  'discovery-service': ['discovery-service'],
  'coreos-cloudinit': ['coreos-cloudinit'],
  cli: ['corral', 'etcdctl'],
};

export function repositoryOf(name: ImageTarget | typeof rootName): string {
  return `corral/${name}`;
}
