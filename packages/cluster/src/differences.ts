// How a cluster that is there differs from the one that is asked for, in words.
import { ClusterError } from './errors.js';
import { planCloudConfigText } from './plan.js';
import type { ClusterPlan, ClusterSpec, Role } from './plan.js';

/** Empty when `plan` is what `spec` asks for. */
export function differences(spec: ClusterSpec, plan: ClusterPlan): readonly string[] {
  const found: string[] = [];
  if (spec.runtime !== undefined && spec.runtime !== plan.runtime) {
    found.push(`runtime: ${plan.runtime} -> ${spec.runtime}`);
  }
  const wanted = { central: spec.central, worker: spec.workers };
  for (const role of ['central', 'worker'] as const) {
    const nodes = plan.nodes.filter((node) => node.role === role);
    if (nodes.length !== wanted[role]) found.push(`${role}: ${nodes.length} -> ${wanted[role]}`);
    const there = nodes[0]?.cloudConfig;
    const asked = spec.cloudConfigs[role];
    if (there === undefined || there.text === planCloudConfigText(asked, role, plan)) continue;
    found.push(`${role} cloud-config: ${there.file} -> ${fileOf(asked, role)}`);
  }
  return found;
}

function fileOf(asked: ClusterSpec['cloudConfigs'][Role], role: Role): string {
  return asked?.file ?? `built-in ${role}.yaml`;
}

/** ClusterError E_CLUSTER_EXISTS: what is there, and how it differs from what was asked for. */
export function existsError(spec: ClusterSpec, plan: ClusterPlan, running: boolean): ClusterError {
  const { name } = spec;
  const count = (role: Role): number => plan.nodes.filter((node) => node.role === role).length;
  const found = differences(spec, plan);
  const differs = found.length === 0 ? '' : `; you asked for another one: ${found.join(', ')}`;
  const there = `${count('central')}+${count('worker')} nodes`;
  const state = running ? `runs since ${plan.createdAt}` : 'is there, but stopped,';
  return new ClusterError('E_CLUSTER_EXISTS', `"${name}" ${state} with ${there}${differs}`, {
    details: { differences: found },
    remedies: [
      running ? `corral status ${name}` : `corral start ${name}`,
      `corral up ${name} --recreate, with your options (loses its data)`,
      'corral up OTHER-NAME',
    ],
  });
}
