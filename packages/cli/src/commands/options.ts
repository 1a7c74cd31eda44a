// Options that several commands share, and which cluster a command is about.
import type { Command } from 'commander';
import { Cluster } from '@corral/cluster';
import type { Context } from '../context.js';
import { parseDuration } from '../context.js';
import { UsageError } from '../render/error.js';

export type CommonOptions = { readonly name?: string; readonly output?: string };

export function addName(command: Command): Command {
  return command.option('-n, --name <name>', 'name of the cluster');
}

export function addOutput(command: Command): Command {
  return command.option('-o, --output <form>', 'json for programs');
}

export function isJson(options: CommonOptions): boolean {
  if (options.output === undefined) return false;
  if (options.output === 'json') return true;
  throw new UsageError('E_USAGE', `-o ${options.output}: only json is there`);
}

/** Argument, option, CORRAL_NAME, the only cluster there is, "default". */
export function clusterName(
  argument: string | undefined,
  options: CommonOptions,
  context: Context,
): string {
  const given = argument ?? options.name ?? context.environment['CORRAL_NAME'];
  return given === undefined || given === '' ? 'default' : given;
}

export function openCluster(
  argument: string | undefined,
  options: CommonOptions,
  context: Context,
): Cluster {
  const given = argument ?? options.name ?? context.environment['CORRAL_NAME'];
  const [only, second] = Cluster.list(context.home);
  const single = second === undefined ? only : undefined;
  return Cluster.attach(context.home, given ?? single ?? 'default');
}

/** Throws UsageError naming the option. */
export function duration(option: string, text: string | undefined): number {
  if (text === undefined) return 0;
  const value = parseDuration(text);
  if (value !== undefined) return value;
  throw new UsageError(
    'E_USAGE',
    `${option} ${text}: a duration such as 250ms, 5s or 2m is needed`,
  );
}

/** tc's words for rates: 1mbit, 64kbit; in bytes per second. Throws UsageError naming the option. */
export function rate(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(k|m|g)?bit$/.exec(text);
  const factor = { '': 1, k: 1e3, m: 1e6, g: 1e9 }[match?.[2] ?? ''];
  const value = match === null || factor === undefined ? 0 : (Number(match[1]) * factor) / 8;
  if (value > 0) return value;
  throw new UsageError('E_USAGE', `${option} ${text}: a rate such as 64kbit or 1mbit is needed`);
}
