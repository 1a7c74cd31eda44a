// up, down, start, stop, status, ls, gc: the life of a cluster.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { Cluster, ClusterError, collectGarbage } from '@corral/cluster';
import type {
  CloudConfigFile,
  ClusterPlan,
  ClusterSpec,
  ClusterStatus,
  Role,
} from '@corral/cluster';
import { errorMessage, systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { UsageError } from '../render/error.js';
import { progressPrinter } from '../render/progress.js';
import { nameFlag, renderStatus } from '../render/status.js';
import { table } from '../render/table.js';
import { version } from '../version.js';
import { addName, addOutput, clusterName, isJson, openCluster } from './options.js';
import type { CommonOptions } from './options.js';

const watchPauseMs = 500;

type UpFlags = CommonOptions & {
  readonly runtime: string;
  readonly central?: string;
  readonly workers?: string;
  readonly cloudConfig: readonly string[];
  readonly ignoreUnknown?: boolean;
  readonly keepOnFailure?: boolean;
  readonly recreate?: boolean;
};

export function addLifecycle(program: Command, context: Context): void {
  const up = program
    .command('up')
    .description('boot a cluster: 3 central nodes and 2 workers unless told otherwise')
    .argument('[name]', 'name of the cluster')
    .option('--runtime <runtime>', 'auto, process or docker', 'auto')
    .option('--central <n>', 'central nodes (3 unless told otherwise)')
    .option('--workers <n>', 'workers (2 unless told otherwise)')
    .option('--cloud-config <role=file>', 'cloud-config of a role (central, worker)', collect, [])
    .option('--ignore-unknown', 'unknown keys in a cloud-config are warnings')
    .option('--recreate', 'remove a cluster of this name first, with its data')
    .option('--keep-on-failure', 'leave what was made when the boot fails, to look at it');
  addOutput(addName(up)).action((name: string | undefined, flags: UpFlags) =>
    runUp(name, flags, context),
  );

  const simple = (
    verb: string,
    description: string,
    run: (name: string | undefined, flags: CommonOptions) => Promise<void>,
  ): void => {
    const command = program
      .command(verb)
      .description(description)
      .argument('[name]', 'name of the cluster');
    addOutput(addName(command)).action(run);
  };
  const down = program
    .command('down')
    .description('remove a cluster and everything it made')
    .argument('[name]', 'name of the cluster')
    .option('--all', 'all clusters');
  addOutput(addName(down)).action(
    async (name: string | undefined, flags: CommonOptions & { readonly all?: boolean }) => {
      const names = flags.all === true ? Cluster.list(context.home) : [name];
      for (const one of names) await runDown(one, flags, context);
    },
  );
  simple('start', 'bring a stopped cluster back with its data', (name, flags) =>
    runStart(name, flags, context),
  );
  simple('stop', 'end all processes of a cluster; its data stay', (name, flags) =>
    runStop(name, flags, context),
  );
  const status = program
    .command('status')
    .description('who leads, who lags, what is broken')
    .argument('[name]', 'name of the cluster')
    .option('-w, --watch', 'show it again whenever it changes');
  addOutput(addName(status)).action(
    (name: string | undefined, flags: CommonOptions & { readonly watch?: boolean }) =>
      runStatus(name, flags, context),
  );
  addOutput(program.command('ls').description('all clusters')).action((flags: CommonOptions) =>
    runList(flags, context),
  );
  const gc = program
    .command('gc')
    .description('remove what killed commands left behind')
    .option('--dry-run', 'only say what would go');
  addOutput(gc).action((flags: CommonOptions & { readonly dryRun?: boolean }) =>
    runGc(flags, context),
  );
}

async function runUp(name: string | undefined, flags: UpFlags, context: Context): Promise<void> {
  const { stdout, stderr } = context.streams;
  const { runtime } = flags;
  if (!['auto', 'process', 'docker'].includes(runtime)) {
    throw new UsageError('E_USAGE', `--runtime ${runtime}: auto, process or docker`);
  }
  if (runtime === 'docker') {
    throw new ClusterError(
      'E_NO_DOCKER',
      'containers are not there yet: this version runs nodes as plain processes',
      {
        remedies: ['drop --runtime docker'],
      },
    );
  }
  const cluster = clusterName(name, flags, context);
  const auto = runtime === 'auto' ? ' (containers are not there yet)' : '';
  stderr(`corral ${version()} · runtime: process${auto} · cluster "${cluster}"\n`);
  const there = Cluster.list(context.home).includes(cluster)
    ? Cluster.attach(context.home, cluster)
    : undefined;
  if (flags.recreate === true) await there?.down();
  const begun = performance.now();
  const { cluster: running, was } = await Cluster.ensure({
    home: context.home,
    spec: readSpec(cluster, flags, flags.recreate === true ? undefined : there?.plan),
    onProgress: progressPrinter(context),
    signal: context.signal,
    keepOnFailure: flags.keepOnFailure === true,
  });
  const status = await running.status();
  if (isJson(flags)) {
    stdout(`${JSON.stringify(status)}\n`);
    return;
  }
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const n = nameFlag(cluster);
  const done = { absent: 'Ready in', stopped: 'Started in', running: 'Unchanged,' }[was];
  stdout(`${done} ${seconds} s. ${verdict(status)}\n`);
  stdout(
    `  store  ${status.nodes
      .filter((node) => node.role === 'central')
      .map((node) => node.clientUrls[0] ?? '')
      .join(',')}\n`,
  );
  stdout(
    `  try    corral etcdctl${n} set /hello world     corral fault kill leader${n}     corral status${n}\n`,
  );
}

/** What is not said on the command line is as it is in a cluster that is there, else the default. */
function readSpec(name: string, flags: UpFlags, there: ClusterPlan | undefined): ClusterSpec {
  const nodes = (role: Role): ClusterPlan['nodes'] =>
    there?.nodes.filter((node) => node.role === role) ?? [];
  const given = readCloudConfigs(flags.cloudConfig);
  const cloudConfigs = { ...given };
  for (const role of ['central', 'worker'] as const) {
    const own = nodes(role)[0]?.cloudConfig;
    if (given[role] === undefined && own !== undefined) cloudConfigs[role] = own;
  }
  const number = (flag: string, text: string | undefined, role: Role, usual: number): number => {
    if (text !== undefined) return count(flag, text);
    return there === undefined ? usual : nodes(role).length;
  };
  return {
    name,
    central: number('--central', flags.central, 'central', 3),
    workers: number('--workers', flags.workers, 'worker', 2),
    cloudConfigs,
    ignoreUnknown: flags.ignoreUnknown === true,
  };
}

function verdict(status: ClusterStatus): string {
  const central = status.nodes.filter((node) => node.role === 'central').length;
  return status.state === 'healthy'
    ? `Healthy: can lose ${status.tolerates} of ${central} central nodes.`
    : `State: ${status.state}.`;
}

async function runDown(
  name: string | undefined,
  flags: CommonOptions,
  context: Context,
): Promise<void> {
  const cluster = openCluster(name, flags, context);
  const nodes = cluster.plan.nodes.length;
  const begun = performance.now();
  await cluster.down();
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  if (isJson(flags))
    context.streams.stdout(`${JSON.stringify({ name: cluster.name, removed: true, nodes })}\n`);
  else context.streams.stdout(`removed ${nodes} nodes in ${seconds} s; nothing left behind\n`);
}

async function runStart(
  name: string | undefined,
  flags: CommonOptions,
  context: Context,
): Promise<void> {
  const cluster = openCluster(name, flags, context);
  await cluster.start(progressPrinter(context));
  await print(cluster, flags, context);
}

async function runStop(
  name: string | undefined,
  flags: CommonOptions,
  context: Context,
): Promise<void> {
  const cluster = openCluster(name, flags, context);
  await cluster.stop();
  if (isJson(flags)) await print(cluster, flags, context);
  else
    context.streams.stdout(
      `stopped ${cluster.name}; corral start${nameFlag(cluster.name)} brings it back\n`,
    );
}

async function runStatus(
  name: string | undefined,
  flags: CommonOptions & { readonly watch?: boolean },
  context: Context,
): Promise<void> {
  const cluster = openCluster(name, flags, context);
  await print(cluster, flags, context);
  if (flags.watch !== true) return;
  let before = '';
  while (!context.signal.aborted) {
    const status = await cluster.status();
    const text = isJson(flags) ? `${JSON.stringify(status)}\n` : renderStatus(status, context);
    if (text !== before) {
      // On a terminal the screen is the status; elsewhere each change is another block.
      context.streams.stdout(context.streams.isTty ? `\u001b[H\u001b[2J${text}` : text);
      before = text;
    }
    await systemClock.sleep(watchPauseMs, { signal: context.signal }).catch(() => undefined);
  }
}

async function print(cluster: Cluster, flags: CommonOptions, context: Context): Promise<void> {
  const status = await cluster.status();
  const text = isJson(flags) ? `${JSON.stringify(status)}\n` : renderStatus(status, context);
  context.streams.stdout(text);
}

async function runList(flags: CommonOptions, context: Context): Promise<void> {
  const statuses = await Promise.all(
    Cluster.list(context.home).map((name) => Cluster.attach(context.home, name).status()),
  );
  if (isJson(flags)) {
    context.streams.stdout(`${JSON.stringify(statuses)}\n`);
    return;
  }
  const rows = statuses.map((status) => [
    status.name,
    status.runtime,
    status.state,
    `${status.nodes.filter((node) => node.state === 'running').length}/${status.nodes.length}`,
    status.leader ?? '-',
  ]);
  context.streams.stdout(`${table([['NAME', 'RUNTIME', 'STATE', 'NODES', 'LEADER'], ...rows])}\n`);
}

async function runGc(
  flags: CommonOptions & { readonly dryRun?: boolean },
  context: Context,
): Promise<void> {
  const dryRun = flags.dryRun === true;
  const found = await collectGarbage(context.home, { dryRun });
  if (isJson(flags)) {
    context.streams.stdout(`${JSON.stringify({ ...found, dryRun })}\n`);
    return;
  }
  const would = dryRun ? 'would end' : 'ended';
  const folders =
    found.clusters.length === 0
      ? 'no unfinished cluster'
      : `unfinished: ${found.clusters.join(' ')}`;
  context.streams.stdout(`${would} ${found.processes} processes; ${folders}\n`);
}

function readCloudConfigs(list: readonly string[]): Partial<Record<Role, CloudConfigFile>> {
  const found: Partial<Record<Role, CloudConfigFile>> = {};
  for (const one of list) {
    const equals = one.indexOf('=');
    const role = one.slice(0, Math.max(0, equals));
    const file = one.slice(equals + 1);
    if (role !== 'central' && role !== 'worker') {
      throw new UsageError('E_USAGE', `--cloud-config ${one}: give central=FILE or worker=FILE`);
    }
    try {
      found[role] = { file, text: readFileSync(file, 'utf8') };
    } catch (error) {
      throw new ClusterError('E_CLOUD_CONFIG', `cannot read ${file}: ${errorMessage(error)}`);
    }
  }
  return found;
}

function count(flag: string, text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new UsageError('E_USAGE', `${flag} ${text}: a whole number is needed`);
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
