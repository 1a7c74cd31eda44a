// node: add, remove, look at, start and stop nodes.
import { explainMissing } from '@corral/cluster';
import type { Cluster, NodePlan, NodeStatus } from '@corral/cluster';
import type { Context } from '../context.js';
import { show } from '../context.js';
import { folderBytes } from '../disk.js';
import { UsageError } from '../render/error.js';
import { printObject } from '../render/objects.js';
import { renderNodes } from '../render/status.js';
import { size, table } from '../render/table.js';
import { bounded } from './bounded.js';
import { listForms, outputForm } from './forms.js';
import type { CommonOptions } from './forms.js';
import { openCluster, progressOf } from './options.js';
import { report, settleMs, viewOf } from './report.js';

export type AddFlags = CommonOptions & { readonly role: string; readonly timeout?: string };
export type RemoveFlags = CommonOptions & { readonly dryRun?: boolean };

export async function runNodeList(flags: CommonOptions, context: Context): Promise<void> {
  const form = outputForm(flags, listForms);
  const status = await (await openCluster(undefined, flags, context)).status();
  if (form === 'json' || form === 'yaml') await printObject(context, form, status.nodes);
  else if (form === 'name') {
    for (const node of status.nodes) context.streams.stdout(`${node.name}\n`);
  } else show(context, renderNodes(status, context, form === 'wide'));
}

/** The status of one node, and what only the plan and the disk know. */
export async function runInspect(
  target: string,
  flags: CommonOptions,
  context: Context,
): Promise<void> {
  const form = outputForm(flags);
  const cluster = await openCluster(undefined, flags, context);
  const node = await cluster.resolve(target);
  const plan = cluster.plan.nodes.find((one) => one.name === node.name);
  const more = {
    cluster: cluster.name,
    machineId: plan?.machineId ?? null,
    cloudConfig: plan?.cloudConfig.file ?? null,
    log: cluster.access(node, context.environment).logPlace,
    diskBytes: node.root === null ? null : await folderBytes(node.root),
  };
  if (form === 'table') await showNode(cluster, node, more, context);
  else await printObject(context, form === 'yaml' ? 'yaml' : 'json', { ...node, ...more });
}

async function showNode(
  cluster: Cluster,
  node: NodeStatus,
  more: {
    readonly machineId: NodePlan['machineId'] | null;
    readonly cloudConfig: string | null;
    readonly log: string;
    readonly diskBytes: number | null;
  },
  context: Context,
): Promise<void> {
  const { raft } = node;
  const missing = explainMissing(await viewOf(cluster)).missing.find(
    (one) => one.node === node.name,
  );
  const rows: readonly (readonly [string, string | number | null])[] = [
    ['name', node.name],
    ['cluster', cluster.name],
    ['role', node.role],
    ['state', missing === undefined || node.state !== 'running' ? node.state : missing.why],
    ['why', node.state === 'running' ? null : (missing?.why ?? null)],
    ['raft', raft === null ? null : `${raft.role}, term ${raft.term}`],
    ['commit', raft === null ? null : `${raft.commit}, applied ${raft.applied}`],
    ['member', node.memberId],
    ['host name', node.hostname],
    ['machine id', more.machineId],
    ['address', node.address],
    ['client', node.clientUrls.join(' ') || null],
    ['peer', node.peerUrls.join(' ') || null],
    ['pid', node.pid],
    ['container', node.container],
    ['faults', node.faults.join(' ') || null],
    ['cloud-config', more.cloudConfig],
    ['root', node.root],
    ['disk', more.diskBytes === null ? null : size(more.diskBytes)],
    ['log', more.log],
    ...node.units.map(({ name, state, reason }): readonly [string, string] => [
      'unit',
      `${name} ${state}${reason === undefined ? '' : `: ${reason}`}`,
    ]),
  ];
  show(context, `${table(rows.map(([key, value]) => [key, String(value ?? '-')]))}\n`);
}

export async function runAdd(flags: AddFlags, context: Context): Promise<void> {
  outputForm(flags);
  const { role } = flags;
  if (role !== 'worker' && role !== 'central') {
    throw new UsageError(`--role ${role}: worker or central`);
  }
  const cluster = await openCluster(undefined, flags, context);
  const progress = progressOf(flags, context, 'corral node add');
  context.onLeave('the node is taken back behind: corral node ls');
  const name = await progress.during(
    `adding a ${role === 'worker' ? 'worker' : 'central node'}`,
    bounded(
      {
        context,
        timeout: flags.timeout,
        what: 'corral node add',
        undoing: 'The node is taken back',
        cluster: () => cluster,
      },
      (signal) => cluster.addNode(role, { signal }),
    ),
  );
  await report(cluster, await cluster.status(), `added ${name}`, flags, context);
}

export async function runRemove(
  target: string,
  flags: RemoveFlags,
  context: Context,
): Promise<void> {
  const form = outputForm(flags);
  const cluster = await openCluster(undefined, flags, context);
  const { name, role, root } = await cluster.resolve(target);
  if (flags.dryRun === true) {
    const bytes = root === null ? 0 : await folderBytes(root);
    const what = { cluster: cluster.name, node: name, role, removed: false, bytes };
    const leaves = role === 'central' ? '; it leaves the cluster as a member' : '';
    if (form !== 'table') await printObject(context, form === 'yaml' ? 'yaml' : 'json', what);
    else show(context, `would remove ${name} (${role}) with ${size(bytes)} of data${leaves}\n`);
    return;
  }
  const progress = progressOf(flags, context, 'corral node rm');
  const status = await progress.during(`removing ${name}`, cluster.removeNode(name));
  await report(cluster, status, `removed ${name}`, flags, context);
}

export async function runAct(
  action: 'start' | 'stop' | 'restart' | 'kill',
  target: string,
  flags: CommonOptions,
  context: Context,
): Promise<void> {
  outputForm(flags);
  const cluster = await openCluster(undefined, flags, context);
  const { name } = await cluster.resolve(target);
  const progress = progressOf(flags, context, `corral node ${action}`);
  const act = async () => {
    if (action === 'kill') await cluster.kill(name);
    else await cluster.act(name, action);
    const lost = action === 'start' || action === 'restart' ? {} : { lost: name };
    return cluster.settle({ withinMs: settleMs, ...lost });
  };
  const status = await progress.during(`${action} ${name}`, act());
  await report(cluster, status, `${action}: ${name}`, flags, context);
}
