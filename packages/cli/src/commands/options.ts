// Values that several commands read from their options, and which cluster a command is about.
import { Cluster, recoverClusters } from '@corral/cluster';
import { systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { parseDuration, tell } from '../context.js';
import { ProgressReporter } from '../render/progress.js';
import { UsageError } from '../render/error.js';
import type { CommonOptions } from './forms.js';

/** Argument, option, CORRAL_NAME, "default". */
export function clusterName(
  argument: string | undefined,
  options: CommonOptions,
  context: Context,
): string {
  const given = explicitName(argument, options) ?? context.environment['CORRAL_NAME'];
  return given === undefined || given === '' ? 'default' : given;
}

/**
 * Argument, option, CORRAL_NAME, the only cluster there is, the only one that runs, "default". What
 * was not said in so many words is told on stderr; programs that are run by us, whose stderr is
 * theirs, ask for that with `telling: 'ambiguous'` only where another cluster could be meant.
 */
export async function openCluster(
  argument: string | undefined,
  options: CommonOptions,
  context: Context,
  telling: 'always' | 'ambiguous' = 'always',
): Promise<Cluster> {
  const given = explicitName(argument, options);
  if (given !== undefined) {
    // What has lost its folder may still be on the engine.
    if (!Cluster.list(context.home).includes(given)) {
      await recoverClusters(context.home, context.environment);
    }
    return Cluster.attach(context.home, given);
  }
  if (Cluster.list(context.home).length === 0) {
    await recoverClusters(context.home, context.environment);
  }
  const names = Cluster.list(context.home);
  const { name, why } = await chooseName(names, context);
  const cluster = Cluster.attach(context.home, name);
  const said = options.quiet !== true && (telling === 'always' || names.length > 1);
  if (said) tell(context, `cluster "${name}" (${why})\n`);
  return cluster;
}

/** Progress as the options want it. */
export function progressOf(
  options: CommonOptions,
  context: Context,
  title: string,
): ProgressReporter {
  return new ProgressReporter({
    context,
    clock: systemClock,
    quiet: options.quiet === true,
    title,
  });
}

/** Throws UsageError naming the option. */
export function duration(option: string, text: string | undefined): number {
  if (text === undefined) return 0;
  const value = parseDuration(text);
  if (value !== undefined) return value;
  throw new UsageError(`${option} ${text}: a duration such as 250ms, 5s or 2m is needed`);
}

/** tc's words for rates: 1mbit, 64kbit; in bytes per second. Throws UsageError naming the option. */
export function rate(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(k|m|g)?bit$/.exec(text);
  const factor = { '': 1, k: 1e3, m: 1e6, g: 1e9 }[match?.[2] ?? ''];
  const value = match === null || factor === undefined ? 0 : (Number(match[1]) * factor) / 8;
  if (value > 0) return value;
  throw new UsageError(`${option} ${text}: a rate such as 64kbit or 1mbit is needed`);
}

function explicitName(argument: string | undefined, options: CommonOptions): string | undefined {
  const { name } = options;
  if (argument !== undefined && name !== undefined && argument !== name) {
    throw new UsageError(`which cluster: "${argument}", or "${name}" of --name? Give one of them`);
  }
  return argument ?? name;
}

async function chooseName(
  names: readonly string[],
  context: Context,
): Promise<{ readonly name: string; readonly why: string }> {
  const fromEnvironment = context.environment['CORRAL_NAME'] ?? '';
  if (fromEnvironment !== '') return { name: fromEnvironment, why: 'CORRAL_NAME' };
  const [only, second] = names;
  if (only !== undefined && second === undefined) return { name: only, why: 'the only one' };
  const running: string[] = [];
  for (const name of names) {
    // Of one whose engine does not answer nobody knows.
    const isRunning = await Cluster.attach(context.home, name)
      .isRunning()
      .catch(() => false);
    if (isRunning) running.push(name);
  }
  const [runs, another] = running;
  if (runs !== undefined && another === undefined)
    return { name: runs, why: 'the only one that runs' };
  return { name: 'default', why: `one of ${names.length}; -n chooses another` };
}
