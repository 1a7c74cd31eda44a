// dev: a component from the working tree into running nodes, once or at each change, and back.
import type { Cluster, RollReport } from '@corral/cluster';
import {
  Coalescer,
  TypeChecker,
  buildComponent,
  componentOf,
  components,
  findComponent,
  findTree,
  showProblem,
  sourceFolders,
  watchSources,
} from '@corral/cluster/dev';
import type { BuiltCode, Component, TypeReport } from '@corral/cluster/dev';
import { systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { show, tell } from '../context.js';
import { UsageError, reportError } from '../render/error.js';
import { printObject } from '../render/objects.js';
import { outputForm } from './forms.js';
import type { CommonOptions, OutputForm } from './forms.js';
import { openCluster, progressOf } from './options.js';

export type DevFlags = CommonOptions & {
  readonly watch?: boolean;
  readonly reset?: boolean;
  readonly from?: string;
  readonly check: boolean;
};

/** Editors write a file in several steps. */
const quietMs = 20;
const problemsShown = 10;

export async function runDev(
  word: string | undefined,
  targets: readonly string[],
  flags: DevFlags,
  context: Context,
  exit: (code: number) => void,
): Promise<void> {
  const form = outputForm(flags);
  if (flags.reset === true) {
    await reset(word, targets, flags, form, context);
    return;
  }
  if (word === undefined) {
    throw new UsageError(`which component? ${components.map(({ name }) => name).join(', ')}`);
  }
  const component = findComponent(word);
  const tree = findTree(flags.from ?? import.meta.dirname);
  const cluster = await openCluster(undefined, flags, context);
  const nodes = await namesOf(cluster, component, targets);
  const checker = flags.check ? new TypeChecker(component, tree) : undefined;
  const session = new Session({ cluster, component, tree, nodes, checker, flags, form, context });
  try {
    if (flags.watch === true) {
      await watchUntilInterrupted(session, tree, flags, context);
      exit(130);
    } else {
      await session.once();
      context.signal.throwIfAborted();
    }
  } finally {
    checker?.[Symbol.dispose]();
  }
}

/** Roles are looked up once: which node leads changes with every roll. */
async function namesOf(
  cluster: Cluster,
  component: Component,
  targets: readonly string[],
): Promise<readonly string[] | undefined> {
  if (targets.length === 0) return undefined;
  if (component.renewal.by === 'cluster') {
    throw new UsageError(`${component.name} runs on no node: name none`);
  }
  const names: string[] = [];
  for (const target of targets) names.push((await cluster.resolve(target)).name);
  return [...new Set(names)];
}

async function watchUntilInterrupted(
  session: Session,
  tree: string,
  flags: DevFlags,
  context: Context,
): Promise<void> {
  const run = async (): Promise<void> => {
    try {
      await session.once();
    } catch (error) {
      if (context.signal.aborted) return;
      await reportError(error, context, { form: flags.output, verbose: flags.verbose === true });
    }
  };
  const coalescer = new Coalescer({ clock: systemClock, quietMs, run });
  const watching = watchSources(sourceFolders(tree), () => coalescer.poke());
  if (flags.quiet !== true) tell(context, `watching ${tree}/packages/*/src; Ctrl-C ends\n`);
  coalescer.poke();
  await new Promise<void>((resolve) => {
    if (context.signal.aborted) resolve();
    context.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  watching.close();
  await coalescer.close();
}

type SessionOptions = {
  readonly cluster: Cluster;
  readonly component: Component;
  readonly tree: string;
  readonly nodes: readonly string[] | undefined;
  readonly checker: TypeChecker | undefined;
  readonly flags: DevFlags;
  readonly form: OutputForm;
  readonly context: Context;
};

class Session {
  readonly #options: SessionOptions;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Builds and puts it into the nodes; types are looked at beside, and told at the end. */
  async once(): Promise<void> {
    const { cluster, component, tree, nodes, checker, flags, form, context } = this.#options;
    const begun = performance.now();
    const progress = progressOf(flags, context, `corral dev ${component.name}`);
    try {
      checker?.cancel();
      progress.on({ kind: 'step', name: 'build', state: 'started' });
      const built = await buildComponent(component, tree);
      progress.on({ kind: 'step', name: 'build', state: 'done', ms: built.ms, text: told(built) });
      const types = checker?.check();
      const report = await cluster.dev({
        component: component.name,
        text: built.text,
        nodes,
        onProgress: progress.on,
        signal: context.signal,
      });
      const total = Math.round(performance.now() - begun);
      if (form === 'table') show(context, summary(report, total, built));
      // The next change does not wait for the types of this one.
      const telling = types === undefined ? undefined : tellTypes(types, flags, context);
      const typed = flags.watch === true ? undefined : await telling;
      await this.#print({ ...report, built, total, typed });
    } finally {
      progress.close();
    }
  }

  async #print(
    done: RollReport & {
      readonly built: BuiltCode;
      readonly total: number;
      readonly typed: TypeReport | undefined;
    },
  ): Promise<void> {
    const { form, context, cluster } = this.#options;
    if (form !== 'json' && form !== 'yaml') return;
    const { built, total, typed, ms, ...report } = done;
    const timings = { build: built.ms, roll: ms, total };
    const types = typed ?? null;
    await printObject(context, form, {
      schema: 1,
      cluster: cluster.name,
      ...report,
      timings,
      types,
    });
  }
}

function told({ hash, text, modules }: BuiltCode): string {
  return `${hash} · ${modules} modules, ${Math.round(text.length / 1024)} KiB`;
}

/** The check may take longer than the roll; of one that a later one overtook nothing is told. */
async function tellTypes(
  check: Promise<TypeReport>,
  flags: DevFlags,
  context: Context,
): Promise<TypeReport> {
  const progress = progressOf(flags, context, 'types');
  const begun = performance.now();
  // While changes are watched for, the line belongs to what is under way.
  if (flags.watch !== true) progress.on({ kind: 'step', name: 'types', state: 'started' });
  const typed = await Promise.race([check, interrupted(context.signal)]);
  if (typed.state !== 'canceled') {
    const ms = Math.round(performance.now() - begun);
    progress.on({ kind: 'step', name: 'types', state: 'done', ms, text: describeTypes(typed) });
  }
  const problems = typed.state === 'checked' ? typed.problems.slice(0, problemsShown) : [];
  for (const problem of problems) progress.on({ kind: 'warning', text: showProblem(problem) });
  progress.close();
  return typed;
}

function describeTypes(typed: TypeReport): string {
  switch (typed.state) {
    case 'canceled':
      return 'not looked at to the end';
    case 'failed':
      return `not looked at: ${typed.why}`;
    case 'checked': {
      const count = typed.problems.length;
      if (count === 0) return 'no errors';
      return `${count} ${count === 1 ? 'error' : 'errors'}; the code runs all the same`;
    }
    default:
      return typed satisfies never;
  }
}

function interrupted(signal: AbortSignal): Promise<TypeReport> {
  return new Promise((resolve) => {
    const end = (): void => resolve({ state: 'canceled' });
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
  });
}

function summary(report: RollReport, totalMs: number, built: BuiltCode): string {
  const { component, nodes } = report;
  const changed = nodes.filter((node) => node.was !== node.now);
  const code = `${component} ${built.hash}`;
  if (nodes.length === 0) return `no node runs ${component}\n`;
  if (changed.length === 0) return `no change: ${code} is on ${listed(nodes)} already\n`;
  const how = report.program === 'etcdctl' ? 'is installed on' : 'is live on';
  return `${code} ${how} ${listed(changed)} · ${seconds(totalMs)}, build ${seconds(built.ms)}\n`;
}

async function reset(
  word: string | undefined,
  targets: readonly string[],
  flags: DevFlags,
  form: OutputForm,
  context: Context,
): Promise<void> {
  if (flags.watch === true) throw new UsageError('--reset and --watch: give one of them');
  const named = word === undefined ? undefined : componentOf(word);
  const rest = word === undefined || named !== undefined ? targets : [word, ...targets];
  const cluster = await openCluster(undefined, flags, context);
  const progress = progressOf(flags, context, 'corral dev --reset');
  const reports: RollReport[] = [];
  try {
    for (const component of named === undefined ? components : [named]) {
      if (component.renewal.by === 'cluster' && rest.length > 0 && named === undefined) continue;
      const nodes = await namesOf(cluster, component, rest);
      const { name } = component;
      const report = await cluster.dev({
        component: name,
        text: undefined,
        nodes,
        onProgress: progress.on,
        signal: context.signal,
      });
      reports.push({ ...report, nodes: report.nodes.filter((node) => node.was !== null) });
    }
  } finally {
    progress.close();
  }
  const done = reports.filter((report) => report.nodes.length > 0);
  if (form === 'json' || form === 'yaml') {
    await printObject(context, form, { schema: 1, cluster: cluster.name, reset: done });
    return;
  }
  for (const { component, nodes, ms } of done) {
    show(context, `installed code of ${component} again on ${listed(nodes)} · ${seconds(ms)}\n`);
  }
  if (done.length === 0) show(context, 'nothing to take away: all of it is installed code\n');
}

function listed(nodes: RollReport['nodes']): string {
  return nodes.map(({ node }) => node).join(' ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1000 ? 2 : 1)} s`;
}
