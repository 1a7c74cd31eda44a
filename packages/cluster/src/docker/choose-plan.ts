// Which network and which ports a new cluster of containers gets, and whether there is what it needs.
import { statfsSync } from 'node:fs';
import { systemClock } from '@corral/kit';
import { ClusterError } from '../errors.js';
import { firstNumber, makePlan } from '../plan.js';
import type { ClusterPlan, ClusterSpec, PlanWarning } from '../plan.js';
import { nodeUrls } from '../node-urls.js';
import type { Engine } from './engine.js';
import { takenNumbers } from './network.js';
import { freeHostPort } from '../host-ports.js';
import { portsOfPlan, publishPorts } from './published.js';

const freeBytesMin = 512 * 1024 * 1024;

/** `plans` are those of the other clusters of this home: they keep their ports while they are stopped. */
export async function chooseDockerPlan(
  engine: Engine,
  home: string,
  spec: ClusterSpec,
  plans: readonly ClusterPlan[],
): Promise<{ readonly plan: ClusterPlan; readonly warnings: readonly PlanWarning[] }> {
  const taken = new Set([...(await takenNumbers(engine)), ...plans.map(({ number }) => number)]);
  const first = firstNumber(`${home}/${spec.name}`);
  const numbers = Array.from({ length: 249 }, (_, i) => 2 + ((first - 2 + i) % 249));
  const number = numbers.find((one) => !taken.has(one));
  if (number === undefined) {
    throw new ClusterError('E_FAILED', 'all 249 networks for clusters are in use', {
      remedies: ['corral gc', 'docker network ls'],
    });
  }
  const used = new Set(plans.flatMap((plan) => [...portsOfPlan(plan)]));
  const now = systemClock.wallTime();
  const { plan, warnings } = makePlan(spec, {
    number,
    discoveryPort: await freeHostPort(`${home}/${spec.name}/discovery`, used),
    token: `${spec.name}-${Math.floor(now).toString(36)}`,
    createdAt: new Date(now).toISOString(),
  });
  const nodes = await publishPorts(plan.nodes, used);
  return { plan: { ...plan, nodes, engine: engine.address }, warnings };
}

/** Throws ClusterError E_DISK_LOW or E_CLOUD_CONFIG. Gives a line for people. */
export async function dockerPreflight(engine: Engine, plan: ClusterPlan): Promise<string> {
  for (const node of plan.nodes) {
    if (node.role !== 'central' || nodeUrls(node).client.length > 0) continue;
    throw new ClusterError(
      'E_CLOUD_CONFIG',
      `${node.cloudConfig.file} has no coreos.etcd2 section: a central node is a member of the store`,
      { remedies: ['add the section; examples/article/central.yaml has one'] },
    );
  }
  const { DockerRootDir: root, CgroupVersion: cgroups = '1' } = (await engine.docker.info()) as {
    readonly DockerRootDir: string;
    readonly CgroupVersion?: string;
  };
  const free = engine.isLocal ? freeBytes(root) : undefined;
  if (free !== undefined && free < freeBytesMin) {
    throw new ClusterError(
      'E_DISK_LOW',
      `${Math.round(free / 1048576)} MiB free where the engine keeps containers (${root}), ` +
        `${freeBytesMin / 1048576} MiB wanted`,
      { remedies: ['corral gc removes what old clusters left', 'docker system df'] },
    );
  }
  const space = free === undefined ? '' : ` · ${Math.round(free / 2 ** 30)} GiB free`;
  return `Docker ${engine.version} · cgroup v${cgroups}${space}`;
}

/** Undefined where we cannot look. */
function freeBytes(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
