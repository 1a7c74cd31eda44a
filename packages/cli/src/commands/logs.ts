// logs: one stream of all chosen nodes, in the order of time.
import { existsSync } from 'node:fs';
import { ClusterError, mergeByTime } from '@corral/cluster';
import type { Cluster, LogLine, LogSource, NodeAccess } from '@corral/cluster';
import { errorMessage, systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { colours, tell } from '../context.js';
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
  const logs = new Logs(cluster, chosen, flags, context);
  try {
    const print = printer(context, chosen?.length !== 1);
    for (const line of (await logs.more()).filter(wanted)) print(line);
    if (flags.follow !== true) {
      if (!logs.seen) throw await noLog(logs.accesses, flags.unit);
      for (const line of logs.remainder().filter(wanted)) print(line);
      return;
    }
    if (!logs.seen && flags.quiet !== true) {
      const nodes = logs.accesses.map(({ node }) => node).join(' ');
      tell(context, `no log of ${flags.unit} on ${nodes} yet; waiting for it\n`);
    }
    for (;;) {
      await systemClock.sleep(followPauseMs, { signal: context.signal }).catch(() => undefined);
      if (context.signal.aborted) break;
      if (!existsSync(cluster.folder)) {
        tell(context, `the cluster "${cluster.name}" is gone\n`);
        return;
      }
      for (const line of (await logs.more()).filter(wanted)) print(line);
    }
    exit(130);
  } finally {
    logs.close();
  }
}

/** The logs of one unit on the chosen nodes, or on all, also those that come later. */
class Logs {
  readonly #cluster: Cluster;
  readonly #chosen: readonly string[] | undefined;
  readonly #flags: LogFlags;
  readonly #context: Context;
  readonly #accesses = new Map<string, NodeAccess>();
  readonly #sources = new Map<string, LogSource>();

  constructor(
    cluster: Cluster,
    chosen: readonly string[] | undefined,
    flags: LogFlags,
    context: Context,
  ) {
    this.#cluster = cluster;
    this.#chosen = chosen;
    this.#flags = flags;
    this.#context = context;
  }

  get accesses(): readonly NodeAccess[] {
    return [...this.#accesses.values()];
  }

  /** One of them has, or had, such a log. */
  get seen(): boolean {
    return [...this.#sources.values()].some((source) => source.seen);
  }

  /** What came since the last call, in the order of time. */
  async more(): Promise<readonly LogLine[]> {
    await this.#open();
    return mergeByTime(await Promise.all([...this.#sources.values()].map((one) => one.more())));
  }

  remainder(): readonly LogLine[] {
    return mergeByTime([...this.#sources.values()].map((source) => source.remainder()));
  }

  close(): void {
    for (const source of this.#sources.values()) source.close();
  }

  async #open(): Promise<void> {
    const names = this.#chosen ?? this.#cluster.plan.nodes.map((node) => node.name);
    if (names.some((name) => !this.#accesses.has(name))) {
      const { nodes } = await this.#cluster.status();
      for (const node of nodes.filter(({ name }) => names.includes(name))) {
        if (this.#accesses.has(node.name)) continue;
        this.#accesses.set(node.name, this.#cluster.access(node, this.#context.environment));
      }
    }
    const { follow = false, unit } = this.#flags;
    const since = sinceOf(this.#flags);
    for (const [name, access] of this.#accesses) {
      // Which unit is meant may become clear when one of them runs.
      const source = this.#sources.get(name);
      if (source !== undefined && (source.seen || !/^etcd(\.service)?$/.test(unit))) continue;
      source?.close();
      const query = { unit: await unitOf(access, unit), since, follow };
      this.#sources.set(name, access.log(query));
    }
  }
}

/** By --grep and --since; a line whose time nobody knows is shown. Throws UsageError. */
function wantedLines(flags: LogFlags): (line: LogLine) => boolean {
  const pattern = readPattern(flags.grep);
  const since = sinceOf(flags) ?? '';
  return ({ text, time }) => pattern?.test(text) !== false && (time === '' || time >= since);
}

function sinceOf({ since }: LogFlags): string | undefined {
  if (since === undefined) return undefined;
  return new Date(systemClock.wallTime() - duration('--since', since)).toISOString();
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
async function unitOf(access: NodeAccess, given: string): Promise<string> {
  const unit = given.includes('.') ? given : `${given}.service`;
  if (unit !== 'etcd.service') return unit;
  return (await access.loggedUnits()).includes(unit) ? unit : 'etcd2.service';
}

async function noLog(accesses: readonly NodeAccess[], unit: string): Promise<ClusterError> {
  const nodes = accesses.map(({ node }) => node).join(' ');
  const logged = await Promise.all(accesses.map((access) => access.loggedUnits()));
  const known = [...new Set(logged.flat())].sort();
  const there = known.length === 0 ? 'no unit ever ran there' : `there are: ${known.join(' ')}`;
  return new ClusterError('E_FAILED', `no log of ${unit} on ${nodes}; ${there}`, {
    details: { units: known },
    remedies: known.slice(0, 1).map((one) => `corral logs --unit ${one}`),
  });
}

async function resolveAll(cluster: Cluster, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map(async (name) => (await cluster.resolve(name)).name));
  return [...new Set(found)];
}
