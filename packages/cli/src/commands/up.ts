// up and start: a cluster that runs and has proven a write.
import { readFileSync } from 'node:fs';
import { Cluster, ClusterError, chooseRuntime, nameFlag, recoverClusters } from '@corral/cluster';
import type {
  CloudConfigFile,
  ClusterPlan,
  ClusterSpec,
  ClusterStatus,
  Role,
} from '@corral/cluster';
import { errorMessage } from '@corral/kit';
import type { Context } from '../context.js';
import { show, tell } from '../context.js';
import { folderBytes } from '../disk.js';
import { UsageError } from '../render/error.js';
import { printObject } from '../render/objects.js';
import { renderStatus } from '../render/status.js';
import { size } from '../render/table.js';
import { version } from '../version.js';
import { bounded } from './bounded.js';
import { outputForm } from './forms.js';
import type { CommonOptions, OutputForm } from './forms.js';
import { clusterName, openCluster, progressOf } from './options.js';
import { viewOf } from './report.js';

export type UpFlags = CommonOptions & {
  readonly runtime?: string;
  readonly central?: string;
  readonly workers?: string;
  readonly cloudConfig: readonly string[];
  readonly ignoreUnknown?: boolean;
  readonly keepOnFailure?: boolean;
  readonly recreate?: boolean;
  readonly timeout?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly input: boolean;
};

type StartFlags = CommonOptions & { readonly timeout?: string };

export async function runUp(
  argument: string | undefined,
  flags: UpFlags,
  context: Context,
): Promise<void> {
  const form = outputForm(flags);
  const asked = askedRuntime(flags.runtime, context);
  const name = clusterName(argument, flags, context);
  if (!Cluster.list(context.home).includes(name)) {
    await recoverClusters(context.home, context.environment);
  }
  const there = Cluster.list(context.home).includes(name)
    ? Cluster.attach(context.home, name)
    : undefined;
  const replaced = flags.recreate === true ? there : undefined;
  const kept = replaced === undefined ? there?.plan : undefined;
  const { runtime, why } =
    asked !== 'auto'
      ? { runtime: asked, why: '' }
      : kept !== undefined
        ? { runtime: kept.runtime, why: '' }
        : await chooseRuntime(context.environment);
  if (flags.quiet !== true) {
    const because = why === '' ? '' : ` (${why})`;
    tell(context, `corral ${version()} · runtime: ${runtime}${because} · cluster "${name}"\n`);
  }
  const spec = { ...readSpec(name, flags, kept), runtime };
  if (replaced !== undefined) await Cluster.check(context.home, spec, context.environment);
  if (flags.dryRun === true) {
    await sayWhatWould(spec, there, replaced, form, context);
    return;
  }
  if (replaced !== undefined) await remove(replaced, flags, context);
  const begun = performance.now();
  const progress = progressOf(flags, context, `corral up ${name}`);
  const keepOnFailure = flags.keepOnFailure === true;
  context.onLeave(`the rest goes on behind: corral ls; corral up ${name} begins anew`);
  const { cluster, was } = await bounded(
    {
      context,
      timeout: flags.timeout,
      what: 'corral up',
      undoing: keepOnFailure ? 'What was made is left, stopped' : 'What was made is undone',
      cluster: () => attachIfThere(context.home, name),
    },
    (signal) =>
      Cluster.ensure({
        home: context.home,
        spec,
        onProgress: progress.on,
        signal,
        keepOnFailure,
        environment: context.environment,
      }),
  ).finally(() => progress.close());
  const status = await cluster.status();
  if (form !== 'table') {
    await printObject(context, form === 'yaml' ? 'yaml' : 'json', status);
    return;
  }
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const done = { absent: 'Ready in', stopped: 'Started in', running: 'Unchanged,' }[was];
  show(context, `${done} ${seconds} s. ${verdict(status)}\n`);
  if (flags.quiet !== true) show(context, hints(status));
  if (flags.verbose === true) show(context, facts(cluster, status, context));
}

export async function runStart(
  argument: string | undefined,
  flags: StartFlags,
  context: Context,
): Promise<void> {
  const form = outputForm(flags);
  const cluster = await openCluster(argument, flags, context);
  const progress = progressOf(flags, context, `corral start ${cluster.name}`);
  context.onLeave(`corral start ${cluster.name} begins anew; its data are kept`);
  await bounded(
    {
      context,
      timeout: flags.timeout,
      what: 'corral start',
      undoing: 'The cluster is stopped again; its data are kept',
      cluster: () => cluster,
    },
    (signal) => cluster.start(progress.on, signal),
  ).finally(() => progress.close());
  const view = await viewOf(cluster);
  if (form !== 'table') {
    await printObject(context, form === 'yaml' ? 'yaml' : 'json', view.status);
    return;
  }
  show(context, flags.quiet === true ? `started ${cluster.name}\n` : renderStatus(view, context));
  if (flags.verbose === true) show(context, facts(cluster, view.status, context));
}

/** Option, CORRAL_RUNTIME, auto. Throws UsageError. */
function askedRuntime(
  option: string | undefined,
  context: Context,
): 'auto' | ClusterPlan['runtime'] {
  const given = option ?? context.environment['CORRAL_RUNTIME'] ?? '';
  if (given === '' || given === 'auto') return 'auto';
  if (given === 'process' || given === 'docker') return given;
  const where = option === undefined ? 'CORRAL_RUNTIME=' : '--runtime ';
  throw new UsageError(`${where}${given}: auto, process or docker`);
}

/** Refuses what `up` itself would refuse. */
async function sayWhatWould(
  spec: ClusterSpec,
  there: Cluster | undefined,
  replaced: Cluster | undefined,
  form: OutputForm,
  context: Context,
): Promise<void> {
  const boots = there === undefined || replaced !== undefined;
  if (boots) await Cluster.check(context.home, spec, context.environment);
  else await there.checkSame(spec);
  const runs = boots ? false : await there.isRunning();
  const would = boots ? 'boot' : runs ? 'leave' : 'start';
  if (form !== 'table') {
    const { name, central, workers } = spec;
    const what = { name, would, removes: replaced !== undefined, central, workers };
    await printObject(context, form === 'yaml' ? 'yaml' : 'json', what);
    return;
  }
  if (replaced !== undefined) show(context, `would remove ${await describe(replaced)}\n`);
  const nodes = `${spec.central} central nodes and ${spec.workers} workers`;
  show(
    context,
    boots
      ? `would boot "${spec.name}" with ${nodes}\n`
      : `would ${would} "${spec.name}" with its ${spec.central + spec.workers} nodes\n`,
  );
}

/** Asks where there is somebody to ask, removes, and says so. Throws ClusterError E_FAILED. */
async function remove(cluster: Cluster, flags: UpFlags, context: Context): Promise<void> {
  const what = await describe(cluster);
  const ask = flags.yes === true || !flags.input ? undefined : context.ask;
  if (ask !== undefined) {
    const answer = await ask(`This removes ${what}. Go on? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) {
      throw new ClusterError('E_FAILED', `not confirmed: "${cluster.name}" was left as it is`, {
        remedies: [`corral up ${cluster.name} --recreate --yes, with your options`],
      });
    }
  }
  await cluster.down();
  if (flags.quiet !== true) tell(context, `removed ${what}\n`);
}

async function describe(cluster: Cluster): Promise<string> {
  const bytes = await folderBytes(cluster.folder);
  return `"${cluster.name}": ${cluster.plan.nodes.length} nodes with ${size(bytes)} of data`;
}

function attachIfThere(home: string, name: string): Cluster | undefined {
  return Cluster.list(home).includes(name) ? Cluster.attach(home, name) : undefined;
}

function verdict(status: ClusterStatus): string {
  const central = status.nodes.filter((node) => node.role === 'central').length;
  return status.state === 'healthy'
    ? `Healthy: can lose ${status.tolerates} of ${central} central nodes.`
    : `State: ${status.state}.`;
}

function hints(status: ClusterStatus): string {
  const n = nameFlag(status.name);
  const urls = status.nodes
    .filter((node) => node.role === 'central')
    .map((node) => node.clientUrls[0] ?? '')
    .join(',');
  return (
    `  store  ${urls}\n` +
    `  try    corral etcdctl${n} set /hello world     corral fault kill leader${n}     corral status${n}\n`
  );
}

function facts(cluster: Cluster, status: ClusterStatus, context: Context): string {
  const nodes = status.nodes.map((node) => {
    const { logPlace } = cluster.access(node, context.environment);
    return `  ${node.name}  ${node.address}  pid ${node.pid ?? '-'}  ${logPlace}\n`;
  });
  return `  state  ${cluster.folder}\n${nodes.join('')}`;
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

function readCloudConfigs(list: readonly string[]): Partial<Record<Role, CloudConfigFile>> {
  const found: Partial<Record<Role, CloudConfigFile>> = {};
  for (const one of list) {
    const equals = one.indexOf('=');
    const role = one.slice(0, Math.max(0, equals));
    const file = one.slice(equals + 1);
    if (role !== 'central' && role !== 'worker') {
      throw new UsageError(`--cloud-config ${one}: give central=FILE or worker=FILE`);
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
  throw new UsageError(`${flag} ${text}: a whole number is needed`);
}
