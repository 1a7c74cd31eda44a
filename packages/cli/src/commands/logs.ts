// logs: one stream of all chosen nodes, in the order of time.
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { ClusterError } from '@corral/cluster';
import type { Cluster } from '@corral/cluster';
import { errorMessage, systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { colours, tell } from '../context.js';
import { LogTail, mergeByTime } from '../log-lines.js';
import type { LogLine } from '../log-lines.js';
import { UsageError } from '../render/error.js';
import type { CommonOptions } from './forms.js';
import { duration, openCluster } from './options.js';

export type LogFlags = CommonOptions & {
  readonly follow?: boolean;
  readonly unit: string;
  readonly grep?: string;
  readonly since?: string;
};

const followPauseMs = 100;
const nodeColours = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'red'] as const;

/** With --follow until Ctrl-C (exit code 130), or until the cluster is gone. */
export async function runLogs(
  names: readonly string[],
  flags: LogFlags,
  context: Context,
  exit: (code: number) => void,
): Promise<void> {
  const wanted = wantedLines(flags);
  const cluster = await openCluster(undefined, flags, context);
  const chosen = names.length === 0 ? undefined : await resolveAll(cluster, names);
  const tails = new Map<string, LogTail>();
  const nodes = (): readonly string[] => chosen ?? cluster.plan.nodes.map((node) => node.name);
  const readMore = async (): Promise<readonly LogLine[]> => {
    for (const node of nodes()) {
      if (tails.get(node)?.seen === true) continue;
      tails.set(node, new LogTail(node, cluster.logFile(node, unitOf(cluster, node, flags.unit))));
    }
    return mergeByTime(await Promise.all([...tails.values()].map((tail) => tail.more())));
  };
  const print = printer(context, chosen?.length !== 1);
  for (const line of (await readMore()).filter(wanted)) print(line);
  const found = [...tails.values()].some((tail) => tail.seen);
  if (flags.follow !== true) {
    if (!found) throw noLog(cluster, nodes(), flags.unit);
    const rests = [...tails.values()].map((tail) => tail.remainder());
    for (const line of mergeByTime(rests).filter(wanted)) print(line);
    return;
  }
  if (!found && flags.quiet !== true) {
    tell(context, `no log of ${flags.unit} on ${nodes().join(' ')} yet; waiting for it\n`);
  }
  for (;;) {
    await systemClock.sleep(followPauseMs, { signal: context.signal }).catch(() => undefined);
    if (context.signal.aborted) break;
    if (!existsSync(cluster.folder)) {
      tell(context, `the cluster "${cluster.name}" is gone\n`);
      return;
    }
    for (const line of (await readMore()).filter(wanted)) print(line);
  }
  exit(130);
}

/** By --grep and --since; a line whose time nobody knows is shown. Throws UsageError. */
function wantedLines(flags: LogFlags): (line: LogLine) => boolean {
  const pattern = readPattern(flags.grep);
  const since =
    flags.since === undefined
      ? ''
      : new Date(systemClock.wallTime() - duration('--since', flags.since)).toISOString();
  return ({ text, time }) => pattern?.test(text) !== false && (time === '' || time >= since);
}

function readPattern(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--grep ${text}: ${errorMessage(error)}`);
  }
}

/** Lines of our programs go out as they are: they are data, and may be parsed. */
function printer(context: Context, withName: boolean): (line: LogLine) => void {
  const c = colours(context, 'stdout');
  const known: string[] = [];
  return ({ node, text }) => {
    if (!known.includes(node)) known.push(node);
    const colour = nodeColours[known.indexOf(node) % nodeColours.length] ?? 'cyan';
    const name = withName ? `${c[colour](node)}  ` : '';
    context.streams.stdout(`${name}${text}\n`);
  };
}

/** `etcd2`, `etcd2.service`; `etcd` means etcd2 where no unit of that name ever ran. */
function unitOf(cluster: Cluster, node: string, given: string): string {
  const unit = given.includes('.') ? given : `${given}.service`;
  const isAlias = unit === 'etcd.service' && !existsSync(cluster.logFile(node, unit));
  return isAlias ? 'etcd2.service' : unit;
}

function noLog(cluster: Cluster, nodes: readonly string[], unit: string): ClusterError {
  const logs = nodes.flatMap((node) => {
    const folder = dirname(cluster.logFile(node));
    return existsSync(folder) ? readdirSync(folder).map((file) => basename(file, '.log')) : [];
  });
  const known = [...new Set(logs)].sort();
  const there = known.length === 0 ? 'no unit ever ran there' : `there are: ${known.join(' ')}`;
  return new ClusterError('E_FAILED', `no log of ${unit} on ${nodes.join(' ')}; ${there}`, {
    details: { units: known },
    remedies: known.slice(0, 1).map((one) => `corral logs --unit ${one}`),
  });
}

async function resolveAll(cluster: Cluster, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map(async (name) => (await cluster.resolve(name)).name));
  return [...new Set(found)];
}
