// down, stop and gc: what ends processes, and what removes data.
import { Cluster, ClusterError, collectGarbage, nameFlag, recoverClusters } from '@corral/cluster';
import type { ClusterPlan } from '@corral/cluster';
import type { Context } from '../context.js';
import { show } from '../context.js';
import { folderBytes } from '../disk.js';
import { UsageError } from '../render/error.js';
import { printObject } from '../render/objects.js';
import { size } from '../render/table.js';
import { outputForm } from './forms.js';
import type { CommonOptions } from './forms.js';
import { openCluster, progressOf } from './options.js';

export type DownFlags = CommonOptions & { readonly all?: boolean; readonly dryRun?: boolean };

type Removed = {
  readonly name: string;
  readonly removed: boolean;
  readonly nodes: number;
  readonly bytes: number;
};

/** With --all and JSON an array of what is an object for one cluster. */
export async function runDown(
  name: string | undefined,
  flags: DownFlags,
  context: Context,
): Promise<void> {
  const form = outputForm(flags);
  const all = flags.all === true;
  if (all && name !== undefined) {
    throw new UsageError(`which clusters: "${name}", or --all? Give one of them`);
  }
  if (all) await recoverClusters(context.home, context.environment);
  const named = name ?? flags.name ?? context.environment['CORRAL_NAME'] ?? '';
  const names = Cluster.list(context.home);
  if (!all && named === '' && names.length > 1) {
    throw new UsageError(`which of ${names.join(', ')}? Give a name, or --all`);
  }
  const clusters = all
    ? Cluster.list(context.home).map((one) => Cluster.attach(context.home, one))
    : [await openCluster(name, flags, context)];
  const removed: Removed[] = [];
  for (const cluster of clusters) removed.push(await downOne(cluster, flags, context));
  if (form === 'table') {
    if (removed.length === 0) show(context, 'no clusters\n');
    return;
  }
  await printObject(context, form === 'yaml' ? 'yaml' : 'json', all ? removed : removed[0]);
}

async function downOne(cluster: Cluster, flags: DownFlags, context: Context): Promise<Removed> {
  const nodes = nodesOf(cluster);
  const bytes = await folderBytes(cluster.folder);
  const dryRun = flags.dryRun === true;
  const begun = performance.now();
  if (!dryRun) {
    const progress = progressOf(flags, context, `corral down ${cluster.name}`);
    await progress.during('removing', cluster.down());
  }
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const which = flags.all === true ? ` of ${cluster.name}` : '';
  if (outputForm(flags) === 'table') {
    show(
      context,
      dryRun
        ? `would remove ${nodes.length} nodes of ${cluster.name} ` +
            `(${nodes.map((node) => node.name).join(' ')}), ${size(bytes)} in ${cluster.folder}\n`
        : `removed ${nodes.length} nodes${which}, ${size(bytes)} in ${seconds} s; nothing left behind\n`,
    );
  }
  return { name: cluster.name, removed: !dryRun, nodes: nodes.length, bytes };
}

/** None where the plan is damaged: what is there is removed all the same. */
function nodesOf(cluster: Cluster): ClusterPlan['nodes'] {
  try {
    return cluster.plan.nodes;
  } catch (error) {
    if (error instanceof ClusterError && error.code === 'E_CONFIG') return [];
    throw error;
  }
}

export async function runStop(
  name: string | undefined,
  flags: CommonOptions,
  context: Context,
): Promise<void> {
  const form = outputForm(flags);
  const cluster = await openCluster(name, flags, context);
  const progress = progressOf(flags, context, `corral stop ${cluster.name}`);
  await progress.during('stopping', cluster.stop());
  if (form === 'table') {
    show(
      context,
      `stopped ${cluster.name}; corral start${nameFlag(cluster.name)} brings it back\n`,
    );
    return;
  }
  await printObject(context, form === 'yaml' ? 'yaml' : 'json', await cluster.status());
}

export async function runGc(
  flags: CommonOptions & { readonly dryRun?: boolean },
  context: Context,
): Promise<void> {
  const form = outputForm(flags);
  const dryRun = flags.dryRun === true;
  const { environment } = context;
  const found = await collectGarbage(context.home, { dryRun, environment });
  if (form !== 'table') {
    await printObject(context, form === 'yaml' ? 'yaml' : 'json', { ...found, dryRun });
    return;
  }
  const would = dryRun ? 'would end' : 'ended';
  const folders =
    found.clusters.length === 0
      ? 'no unfinished cluster'
      : `unfinished: ${found.clusters.join(' ')}`;
  const removed = dryRun ? 'would remove' : 'removed';
  const onEngine = found.onEngine === 0 ? '' : `; ${removed} ${found.onEngine} things of Docker`;
  show(context, `${would} ${found.processes} processes${onEngine}; ${folders}\n`);
}
