// fault: break things and mend them.
import type { Command } from 'commander';
import { linksBetween } from '@corral/cluster';
import type { Cluster, FaultRecord, LinkName } from '@corral/cluster';
import type { Context } from '../context.js';
import { UsageError } from '../render/error.js';
import { table } from '../render/table.js';
import { addName, addOutput, duration, isJson, openCluster, rate } from './options.js';
import type { CommonOptions } from './options.js';
import { report, settleMs, succession } from './report.js';

type FaultFlags = CommonOptions & {
  readonly for?: string;
  readonly oneWay?: boolean;
  readonly delay?: string;
  readonly jitter?: string;
  readonly rate?: string;
  readonly all?: boolean;
};

export function addFaults(program: Command, context: Context): void {
  const fault = program
    .command('fault')
    .description('break the cluster, and mend it')
    .addHelpText(
      'after',
      `
Targets are node names or roles: leader, follower, worker, any; discovery can be killed and stopped,
too. Links are FROM:TO and mean what travels from the one to the other.
With plain processes a cut stalls the bytes of a link, and a connection dialled during a cut is
silent. Lost and reordered packets, clocks and disks per node cannot be imitated: drop, clock and
disk say so. Programs of other make dial nodes directly and do not notice what is done to links.`,
    );
  const timed = (command: Command): Command =>
    addOutput(addName(command)).option('--for <duration>', 'heal by itself after this time');
  for (const kind of ['kill', 'pause', 'stop'] as const) {
    const text = {
      kill: 'SIGKILL to everything on a node; it stays down until healed',
      pause: 'SIGSTOP to everything on a node',
      stop: 'end a node in order',
    }[kind];
    timed(fault.command(kind).description(text).argument('<target>')).action(
      (target: string, flags: FaultFlags) => breakNode(kind, target, flags, context),
    );
  }
  timed(
    fault
      .command('partition')
      .description('cut all links between two groups: n1,n2 / n3')
      .argument('<groups...>', 'two groups with a slash between them')
      .option('--one-way', 'only from the first group to the second'),
  ).action((words: readonly string[], flags: FaultFlags) => partition(words, flags, context));
  timed(
    fault.command('isolate').description('cut a node off from all others').argument('<target>'),
  ).action((target: string, flags: FaultFlags) => isolate(target, flags, context));
  timed(
    fault
      .command('slow')
      .description('delay or throttle what travels over a link: n1:n3')
      .argument('<link>')
      .option('--delay <duration>', 'every byte takes that much longer')
      .option('--jitter <duration>', 'random part on top of the delay')
      .option('--rate <rate>', 'at most this much, for instance 1mbit'),
  ).action((link: string, flags: FaultFlags) => slow(link, flags, context));
  timed(
    fault
      .command('refuse')
      .description('reset the connections of a link and refuse new ones: n1:n3')
      .argument('<link>'),
  ).action((link: string, flags: FaultFlags) => breakLink('refuse', link, flags, context));
  addOutput(
    addName(
      fault
        .command('reset')
        .description('reset the connections of a link, once: n1:n3')
        .argument('<link>'),
    ),
  ).action((link: string, flags: FaultFlags) => breakLink('reset', link, flags, context));
  for (const kind of ['drop', 'clock', 'disk'] as const) {
    const text = {
      drop: 'lose packets of a link',
      clock: 'set the clock of a node wrong',
      disk: 'make the disk of a node slow, full or broken',
    }[kind];
    timed(
      fault.command(kind).description(`${text} (not with plain processes)`).argument('<target>'),
    ).action(async (on: string, flags: FaultFlags) => {
      const cluster = openCluster(undefined, flags, context);
      await cluster.inject({ kind, on }, { forMs: duration('--for', flags.for) });
      report(await cluster.status(), `${kind}: ${on}`, flags, context);
    });
  }
  addOutput(
    addName(
      fault
        .command('heal')
        .description('undo faults; killed and paused nodes come back')
        .argument('[target]', 'a node, or the number of a fault')
        .option('--all', 'everything'),
    ),
  ).action((target: string | undefined, flags: FaultFlags) => heal(target, flags, context));
  addOutput(addName(fault.command('ls').description('faults in force'))).action(
    (flags: FaultFlags) => list(flags, context),
  );
}

async function breakNode(
  kind: 'kill' | 'pause' | 'stop',
  target: string,
  flags: FaultFlags,
  context: Context,
): Promise<void> {
  const cluster = openCluster(undefined, flags, context);
  const forMs = duration('--for', flags.for);
  if (kind !== 'pause' && target === 'discovery') {
    await cluster.inject({ kind: 'discovery' }, { forMs });
    report(await cluster.status(), 'discovery is gone', flags, context);
    return;
  }
  const node = await cluster.resolve(target);
  const begun = performance.now();
  await cluster.inject({ kind, node: node.name }, { forMs });
  const status = await cluster.settle({ lost: node.name, withinMs: settleMs });
  const past = { kill: 'killed', pause: 'paused', stop: 'stopped' }[kind];
  const was = node.raft === null ? node.role : `${node.raft.role}, term ${node.raft.term}`;
  const next = node.raft?.role === 'leader' ? succession(status, begun) : '';
  report(status, `${past} ${node.name} (${was})${next}`, flags, context);
}

async function partition(
  words: readonly string[],
  flags: FaultFlags,
  context: Context,
): Promise<void> {
  const cluster = openCluster(undefined, flags, context);
  const [a, b] = await readGroups(cluster, words);
  const oneWay = flags.oneWay === true;
  const { leader } = await cluster.status();
  const begun = performance.now();
  const links = linksBetween(a, b, { oneWay });
  await cluster.inject({ kind: 'cut', links }, { forMs: duration('--for', flags.for) });
  const central = cluster.plan.nodes.filter((one) => one.role === 'central');
  // A leader that a majority cannot reach steps down when it has heard from too few for a while.
  const beyond = [a, b].find((group) => leader !== null && !group.includes(leader)) ?? [];
  const cutOff = leader !== null && [...a, ...b].includes(leader) ? beyond : [];
  const reached = central.filter((one) => !cutOff.includes(one.name)).length;
  const loses = reached <= central.length / 2;
  const lost = loses && leader !== null ? { lost: leader } : {};
  const status = await cluster.settle({ withinMs: settleMs, ...lost });
  const next = loses ? succession(status, begun) : '';
  const arrow = oneWay ? '-x>' : '-x-';
  report(status, `${a.join(',')} ${arrow} ${b.join(',')}${next}`, flags, context);
}

async function isolate(target: string, flags: FaultFlags, context: Context): Promise<void> {
  const cluster = openCluster(undefined, flags, context);
  const node = await cluster.resolve(target);
  const begun = performance.now();
  await cluster.isolate(node.name, { forMs: duration('--for', flags.for) });
  const status = await cluster.settle({ lost: node.name, withinMs: settleMs });
  const next = node.raft?.role === 'leader' ? succession(status, begun) : '';
  report(status, `isolated ${node.name}${next}`, flags, context);
}

async function slow(text: string, flags: FaultFlags, context: Context): Promise<void> {
  const { delay, jitter } = flags;
  if (delay === undefined && jitter === undefined && flags.rate === undefined) {
    throw new UsageError('E_USAGE', 'slow by what? Give --delay, --jitter or --rate');
  }
  const cluster = openCluster(undefined, flags, context);
  const link = await readLink(cluster, text);
  await cluster.inject(
    {
      kind: 'slow',
      links: [link],
      delayMs: duration('--delay', delay),
      jitterMs: duration('--jitter', jitter),
      bytesPerSecond: rate('--rate', flags.rate),
    },
    { forMs: duration('--for', flags.for) },
  );
  const by = [delay, jitter === undefined ? undefined : `0..${jitter}`, flags.rate]
    .filter((one) => one !== undefined)
    .join(', ');
  report(await cluster.status(), `${link.from} -> ${link.to} slowed: ${by}`, flags, context);
}

async function breakLink(
  kind: 'refuse' | 'reset',
  text: string,
  flags: FaultFlags,
  context: Context,
): Promise<void> {
  const cluster = openCluster(undefined, flags, context);
  const link = await readLink(cluster, text);
  const forMs = duration('--for', flags.for);
  await cluster.inject({ kind, links: [link] }, { forMs });
  const status = await cluster.settle({ withinMs: settleMs });
  const what = { refuse: 'refused', reset: 'reset' }[kind];
  report(status, `${link.from} -> ${link.to} ${what}`, flags, context);
}

async function heal(
  target: string | undefined,
  flags: FaultFlags,
  context: Context,
): Promise<void> {
  if (target === undefined && flags.all !== true) {
    throw new UsageError('E_USAGE', 'heal what? Give a node, the number of a fault, or --all');
  }
  const cluster = openCluster(undefined, flags, context);
  const id = target === undefined ? undefined : /^#?(\d+)$/.exec(target)?.[1];
  if (id !== undefined) {
    const known = (await cluster.faults()).some((one) => one.id === Number(id));
    if (!known) throw new UsageError('E_USAGE', `no fault ${id} is in force: corral fault ls`);
    await cluster.heal({ id: Number(id) });
  } else if (target === undefined) await cluster.heal();
  else await cluster.heal({ node: (await cluster.resolve(target)).name });
  const status = await cluster.settle({ withinMs: settleMs });
  report(status, `healed ${target ?? 'everything'}`, flags, context);
}

async function list(flags: FaultFlags, context: Context): Promise<void> {
  const faults = await openCluster(undefined, flags, context).faults();
  if (isJson(flags)) {
    context.streams.stdout(`${JSON.stringify(faults)}\n`);
    return;
  }
  if (faults.length === 0) {
    context.streams.stdout('none\n');
    return;
  }
  const rows = faults.map((one) => [
    String(one.id),
    one.spec.kind,
    whereOf(one),
    one.since,
    one.until ?? 'healed',
  ]);
  context.streams.stdout(`${table([['ID', 'FAULT', 'WHERE', 'SINCE', 'UNTIL'], ...rows])}\n`);
}

function whereOf({ spec }: FaultRecord): string {
  if ('node' in spec) return spec.node;
  if (!('links' in spec)) return 'discovery';
  return spec.links.map(({ from, to }) => `${from}:${to}`).join(' ');
}

/** `n1:n3`, by names or roles. */
async function readLink(cluster: Cluster, text: string): Promise<LinkName> {
  const [from, to, extra] = text.split(':');
  if (from === undefined || to === undefined || extra !== undefined) {
    throw new UsageError('E_USAGE', `${text} is no link: give FROM:TO, for instance n1:n3`);
  }
  const link = { from: (await cluster.resolve(from)).name, to: (await cluster.resolve(to)).name };
  if (link.from !== link.to) return link;
  throw new UsageError('E_USAGE', `${text}: a link has two different ends`);
}

/** `n1,n2 / n3`; a missing second group is everybody else. */
async function readGroups(
  cluster: Cluster,
  words: readonly string[],
): Promise<[string[], string[]]> {
  const [left = '', right = '', extra] = words.join(' ').split('/');
  if (extra !== undefined)
    throw new UsageError('E_USAGE', 'two groups, with one slash between them');
  const read = async (text: string): Promise<string[]> => {
    const names = text.split(/[\s,]+/).filter((name) => name !== '');
    return Promise.all(names.map(async (name) => (await cluster.resolve(name)).name));
  };
  const a = await read(left);
  const given = await read(right);
  const all = (await cluster.status()).nodes.map((node) => node.name);
  const b = given.length > 0 ? given : all.filter((name) => !a.includes(name));
  if (a.length === 0 || b.length === 0) {
    throw new UsageError('E_USAGE', 'which nodes? For instance: corral fault partition n1 / n2,n3');
  }
  return [a, b];
}
