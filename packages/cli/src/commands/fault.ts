// fault: break things and mend them. The words of the command line are in tree/faults.ts.
import { age, linksBetween } from '@corral/cluster';
import type { Cluster, LinkName } from '@corral/cluster';
import { systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { show } from '../context.js';
import { UsageError } from '../render/error.js';
import { printObject } from '../render/objects.js';
import { endOf, whereOf } from '../render/status.js';
import { table } from '../render/table.js';
import { listForms, outputForm } from './forms.js';
import type { CommonOptions } from './forms.js';
import { duration, openCluster, rate } from './options.js';
import { report, settleMs, succession } from './report.js';

export type FaultFlags = CommonOptions & {
  readonly for?: string;
  readonly oneWay?: boolean;
  readonly delay?: string;
  readonly jitter?: string;
  readonly rate?: string;
  readonly loss?: string;
  readonly all?: boolean;
};

export async function breakNode(
  kind: 'kill' | 'pause' | 'stop',
  target: string,
  flags: FaultFlags,
  context: Context,
): Promise<void> {
  const cluster = await openCluster(undefined, flags, context);
  const forMs = healAfter(flags.for);
  if (kind !== 'pause' && target === 'discovery') {
    await cluster.inject({ kind: 'discovery' }, { forMs });
    await report(cluster, await cluster.status(), 'discovery is gone', flags, context);
    return;
  }
  const node = await cluster.resolve(target);
  const begun = performance.now();
  await cluster.inject({ kind, node: node.name }, { forMs });
  const status = await cluster.settle({ lost: node.name, withinMs: settleMs });
  const past = { kill: 'killed', pause: 'paused', stop: 'stopped' }[kind];
  const was = node.raft === null ? node.role : `${node.raft.role}, term ${node.raft.term}`;
  const next = node.raft?.role === 'leader' ? succession(status, begun) : '';
  await report(cluster, status, `${past} ${node.name} (${was})${next}`, flags, context);
}

/** Undefined is never; a fault that would be over at once is a mistake. */
function healAfter(text: string | undefined): number {
  const forMs = duration('--for', text);
  if (text === undefined || forMs > 0) return forMs;
  throw new UsageError(`--for ${text}: more than nothing is needed; leave it out for no end`);
}

/** What no runtime here can imitate is refused by the cluster, with the reason. */
export async function breakMachine(
  kind: 'clock' | 'disk',
  on: string,
  flags: FaultFlags,
  context: Context,
): Promise<void> {
  const cluster = await openCluster(undefined, flags, context);
  await cluster.inject({ kind, on }, { forMs: healAfter(flags.for) });
  await report(cluster, await cluster.status(), `${kind}: ${on}`, flags, context);
}

export async function partition(
  words: readonly string[],
  flags: FaultFlags,
  context: Context,
): Promise<void> {
  const cluster = await openCluster(undefined, flags, context);
  const [a, b] = await readGroups(cluster, words);
  const oneWay = flags.oneWay === true;
  const { leader } = await cluster.status();
  const begun = performance.now();
  const links = linksBetween(a, b, { oneWay });
  await cluster.inject({ kind: 'cut', links }, { forMs: healAfter(flags.for) });
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
  await report(cluster, status, `${a.join(',')} ${arrow} ${b.join(',')}${next}`, flags, context);
}

export async function isolate(target: string, flags: FaultFlags, context: Context): Promise<void> {
  const cluster = await openCluster(undefined, flags, context);
  const node = await cluster.resolve(target);
  const begun = performance.now();
  await cluster.isolate(node.name, { forMs: healAfter(flags.for) });
  const status = await cluster.settle({ lost: node.name, withinMs: settleMs });
  const next = node.raft?.role === 'leader' ? succession(status, begun) : '';
  await report(cluster, status, `isolated ${node.name}${next}`, flags, context);
}

export async function slow(text: string, flags: FaultFlags, context: Context): Promise<void> {
  const { delay, jitter } = flags;
  if (delay === undefined && jitter === undefined && flags.rate === undefined) {
    throw new UsageError('slow by what? Give --delay, --jitter or --rate');
  }
  const cluster = await openCluster(undefined, flags, context);
  const link = await readLink(cluster, text);
  await cluster.inject(
    {
      kind: 'slow',
      links: [link],
      delayMs: duration('--delay', delay),
      jitterMs: duration('--jitter', jitter),
      bytesPerSecond: rate('--rate', flags.rate),
    },
    { forMs: healAfter(flags.for) },
  );
  const by = [delay, jitter === undefined ? undefined : `0..${jitter}`, flags.rate]
    .filter((one) => one !== undefined)
    .join(', ');
  await report(
    cluster,
    await cluster.status(),
    `${link.from} -> ${link.to} slowed: ${by}`,
    flags,
    context,
  );
}

export async function drop(text: string, flags: FaultFlags, context: Context): Promise<void> {
  const lossRatio = readPercent(flags.loss ?? '');
  const cluster = await openCluster(undefined, flags, context);
  const link = await readLink(cluster, text);
  const forMs = healAfter(flags.for);
  await cluster.inject({ kind: 'drop', links: [link], lossRatio }, { forMs });
  const what = `${link.from} -> ${link.to} loses ${flags.loss ?? ''} of its packets`;
  await report(cluster, await cluster.status(), what, flags, context);
}

/** "30%" as 0.3. Throws UsageError. */
function readPercent(text: string): number {
  const match = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text);
  const percent = Number(match?.[1] ?? 0);
  if (percent > 0 && percent <= 100) return percent / 100;
  throw new UsageError(`--loss ${text}: a part such as 30% is needed, at most 100%`);
}

export async function breakLink(
  kind: 'refuse' | 'reset',
  text: string,
  flags: FaultFlags,
  context: Context,
): Promise<void> {
  const cluster = await openCluster(undefined, flags, context);
  const link = await readLink(cluster, text);
  const forMs = healAfter(flags.for);
  await cluster.inject({ kind, links: [link] }, { forMs });
  const status = await cluster.settle({ withinMs: settleMs });
  const what = { refuse: 'refused', reset: 'reset' }[kind];
  await report(cluster, status, `${link.from} -> ${link.to} ${what}`, flags, context);
}

export async function heal(
  target: string | undefined,
  flags: FaultFlags,
  context: Context,
): Promise<void> {
  if (target === undefined && flags.all !== true) {
    throw new UsageError('heal what? Give a node, the number of a fault, or --all');
  }
  const cluster = await openCluster(undefined, flags, context);
  const id = target === undefined ? undefined : /^#?(\d+)$/.exec(target)?.[1];
  if (id !== undefined) {
    const known = (await cluster.faults()).some((one) => one.id === Number(id));
    if (!known) throw new UsageError(`no fault ${id} is in force: corral fault ls`);
    await cluster.heal({ id: Number(id) });
  } else if (target === undefined) await cluster.heal();
  else await cluster.heal({ node: (await cluster.resolve(target)).name });
  const status = await cluster.settle({ withinMs: settleMs });
  await report(cluster, status, `healed ${target ?? 'everything'}`, flags, context);
}

export async function runFaultList(flags: FaultFlags, context: Context): Promise<void> {
  const form = outputForm(flags, listForms);
  const faults = await (await openCluster(undefined, flags, context)).faults();
  if (form === 'json' || form === 'yaml') {
    await printObject(context, form, faults);
    return;
  }
  if (form === 'name') {
    for (const { id } of faults) context.streams.stdout(`${id}\n`);
    return;
  }
  if (faults.length === 0) {
    show(context, 'none\n');
    return;
  }
  const wallTime = systemClock.wallTime();
  const wide = form === 'wide';
  const rows = faults.map((one) => [
    String(one.id),
    one.spec.kind,
    whereOf(one),
    age(one.since, wallTime),
    endOf(one, wallTime),
    ...(wide ? [one.since, one.until ?? '-'] : []),
  ]);
  const head = ['ID', 'FAULT', 'WHERE', 'AGE', 'ENDS', ...(wide ? ['SINCE', 'UNTIL'] : [])];
  show(context, `${table([head, ...rows])}\n`);
}

/** `n1:n3`, by names or roles. */
async function readLink(cluster: Cluster, text: string): Promise<LinkName> {
  const [from, to, extra] = text.split(':');
  if (from === undefined || to === undefined || extra !== undefined) {
    throw new UsageError(`${text} is no link: give FROM:TO, for instance n1:n3`);
  }
  const link = { from: (await cluster.resolve(from)).name, to: (await cluster.resolve(to)).name };
  if (link.from !== link.to) return link;
  throw new UsageError(`${text}: a link has two different ends`);
}

/** `n1,n2 / n3`; `n1,n2` alone is cut off from everybody else. */
async function readGroups(
  cluster: Cluster,
  words: readonly string[],
): Promise<[string[], string[]]> {
  const [left = '', right = '', extra] = words.join(' ').split('/');
  const separated = words.some((word) => word.includes('/'));
  if (extra !== undefined || (!separated && words.length > 1)) {
    throw new UsageError(
      'two groups, with one slash between them: corral fault partition n1,n2 / n3',
    );
  }
  const read = async (text: string): Promise<string[]> => {
    const names = text.split(/[\s,]+/).filter((name) => name !== '');
    return Promise.all(names.map(async (name) => (await cluster.resolve(name)).name));
  };
  const a = await read(left);
  const given = await read(right);
  const all = (await cluster.status()).nodes.map((node) => node.name);
  const b = given.length > 0 ? given : all.filter((name) => !a.includes(name));
  if (a.length === 0 || b.length === 0) {
    throw new UsageError('which nodes? For instance: corral fault partition n1 / n2,n3');
  }
  return [a, b];
}
