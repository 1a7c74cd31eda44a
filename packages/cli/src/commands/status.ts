// status and ls: how clusters are.
import { Cluster, age, recoverClusters } from '@corral/cluster';
import type { ClusterStatus } from '@corral/cluster';
import { errorMessage, systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { show, tell } from '../context.js';
import { folderBytes } from '../disk.js';
import { printObject } from '../render/objects.js';
import { renderStatus } from '../render/status.js';
import { size, table } from '../render/table.js';
import { listForms, outputForm } from './forms.js';
import type { CommonOptions, OutputForm } from './forms.js';
import { openCluster } from './options.js';
import { viewOf } from './report.js';
import type { StatusView } from '../render/status.js';

export type StatusFlags = CommonOptions & { readonly watch?: boolean };

const watchPauseMs = 500;
const home = '\u001b[H\u001b[2J';

/** With --watch until Ctrl-C (exit code 130), or until the cluster is gone. */
export async function runStatus(
  name: string | undefined,
  flags: StatusFlags,
  context: Context,
  exit: (code: number) => void,
): Promise<void> {
  const form = outputForm(flags, listForms);
  const cluster = await openCluster(name, flags, context);
  if (flags.watch !== true) {
    await print(await viewOf(cluster), form, flags, context);
    return;
  }
  let before = '';
  while (!context.signal.aborted) {
    const view = await viewOf(Cluster.attach(context.home, cluster.name));
    // Ages grow all the time: on a terminal they are shown, elsewhere they are no change.
    const now = JSON.stringify([view.status, view.faults]);
    if (context.terminal.screen && (form === 'table' || form === 'wide')) {
      context.streams.stdout(home);
      await print(view, form, flags, context);
    } else if (now !== before) {
      await print(view, form, flags, context);
    }
    before = now;
    await systemClock.sleep(watchPauseMs, { signal: context.signal }).catch(() => undefined);
  }
  exit(130);
}

async function print(
  view: StatusView,
  form: OutputForm,
  flags: CommonOptions,
  context: Context,
): Promise<void> {
  if (form === 'json' || form === 'yaml') await printObject(context, form, view.status);
  else if (form === 'name') {
    for (const node of view.status.nodes) context.streams.stdout(`${node.name}\n`);
  } else show(context, renderStatus(view, context, form === 'wide' || flags.verbose === true));
}

export async function runList(flags: CommonOptions, context: Context): Promise<void> {
  const form = outputForm(flags, listForms);
  await recoverClusters(context.home, context.environment);
  const names = Cluster.list(context.home);
  if (form === 'name') {
    for (const name of names) context.streams.stdout(`${name}\n`);
    return;
  }
  const listed = await Promise.all(
    names.map((name) =>
      listOne(Cluster.attach(context.home, name)).catch((error: unknown) => {
        // One that is damaged must not hide the others.
        tell(context, `${name}: ${errorMessage(error)}\n`);
        return undefined;
      }),
    ),
  );
  const clusters = listed.filter((one) => one !== undefined);
  if (form === 'json' || form === 'yaml') {
    const objects = clusters.map(({ status, ...more }) => ({ ...status, ...more }));
    await printObject(context, form, objects);
    return;
  }
  const wide = form === 'wide';
  const now = systemClock.wallTime();
  const rows = clusters.map(({ status, createdAt, diskBytes, folder }) => [
    status.name,
    status.runtime,
    status.state,
    `${status.nodes.filter((node) => node.state === 'running').length}/${status.nodes.length}`,
    status.leader ?? '-',
    age(createdAt, now),
    size(diskBytes),
    ...(wide ? [folder] : []),
  ]);
  const head = ['NAME', 'RUNTIME', 'STATE', 'NODES', 'LEADER', 'AGE', 'DISK'];
  show(context, `${table([[...head, ...(wide ? ['FOLDER'] : [])], ...rows])}\n`);
  if (rows.length === 0 && flags.quiet !== true) tell(context, 'none yet: corral up boots one\n');
}

async function listOne(cluster: Cluster): Promise<{
  readonly status: ClusterStatus;
  readonly createdAt: string;
  readonly diskBytes: number;
  readonly folder: string;
}> {
  const { createdAt } = cluster.plan;
  const [status, diskBytes] = await Promise.all([cluster.status(), folderBytes(cluster.folder)]);
  return { status, createdAt, diskBytes, folder: cluster.folder };
}
