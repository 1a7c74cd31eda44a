// fault and node: break things, mend them, add and remove nodes.
import type { Command } from 'commander';
import type { Cluster, ClusterStatus, NodeAction } from '@corral/cluster';
import type { Context } from '../context.js';
import { UsageError } from '../render/error.js';
import { renderStatus } from '../render/status.js';
import { addName, addOutput, duration, isJson, openCluster } from './options.js';
import type { CommonOptions } from './options.js';

type FaultFlags = CommonOptions & {
  readonly for?: string;
  readonly oneWay?: boolean;
  readonly delay?: string;
  readonly jitter?: string;
  readonly all?: boolean;
};

/** Election time-outs are 1 to 2 s; a leader that is cut off steps down after as long. */
const settleMs = 5_000;

export function addFaults(program: Command, context: Context): void {
  const fault = program
    .command('fault')
    .description('break the cluster, and mend it')
    .addHelpText(
      'after',
      `
Targets are node names or roles: leader, follower, worker; discovery can be killed and stopped, too.
Links are FROM:TO.
With plain processes a cut stalls the bytes of a link; packet loss, reordering and clocks per node
cannot be imitated. Programs of other make dial nodes directly and do not notice cut links.`,
    );
  const timed = (command: Command): Command =>
    addOutput(addName(command)).option('--for <duration>', 'heal by itself after this time');
  for (const action of ['kill', 'pause', 'stop'] as const) {
    const text = {
      kill: 'SIGKILL to everything on a node; it stays down until healed',
      pause: 'SIGSTOP to everything on a node',
      stop: 'end a node in order',
    }[action];
    timed(fault.command(action).description(text).argument('<target>')).action(
      async (target: string, flags: FaultFlags) => {
        const cluster = openCluster(undefined, flags, context);
        const forMs = duration('--for', flags.for);
        if (action !== 'pause' && target === 'discovery') {
          report(await cluster.stopDiscovery({ forMs }), 'discovery is gone', flags, context);
          return;
        }
        const node = await cluster.resolve(target);
        const begun = performance.now();
        await cluster.act(node.name, action, { forMs });
        const status = await cluster.settle({ lost: node.name, withinMs: settleMs });
        const past = { kill: 'killed', pause: 'paused', stop: 'stopped' }[action];
        const was = node.raft === null ? node.role : `${node.raft.role}, term ${node.raft.term}`;
        const next = node.raft?.role === 'leader' ? succession(status, begun) : '';
        report(status, `${past} ${node.name} (${was})${next}`, flags, context);
      },
    );
  }
  timed(
    fault
      .command('partition')
      .description('cut all links between two groups: n1,n2 / n3')
      .argument('<groups...>', 'two groups with a slash between them')
      .option('--one-way', 'only from the first group to the second'),
  ).action(async (words: readonly string[], flags: FaultFlags) => {
    const cluster = openCluster(undefined, flags, context);
    const [a, b] = await readGroups(cluster, words);
    const oneWay = flags.oneWay === true;
    const { leader } = await cluster.status();
    const begun = performance.now();
    await cluster.partition(a, b, { oneWay, forMs: duration('--for', flags.for) });
    const central = cluster.plan.nodes.filter((one) => one.role === 'central');
    // A leader that a majority cannot reach steps down when it has heard from too few for a while.
    const beyond = [a, b].find((group) => leader !== null && !group.includes(leader)) ?? [];
    const cutOff = leader !== null && [...a, ...b].includes(leader) ? beyond : [];
    const reached = central.filter((one) => !cutOff.includes(one.name)).length;
    const loses = reached <= central.length / 2;
    const lost = loses && leader !== null ? { lost: leader } : {};
    const status = await cluster.settle({ withinMs: settleMs, ...lost });
    const next = loses ? succession(status, begun) : '';
    report(
      status,
      `${a.join(',')} ${oneWay ? '-x>' : '-x-'} ${b.join(',')}${next}`,
      flags,
      context,
    );
  });
  timed(
    fault.command('isolate').description('cut a node off from all others').argument('<target>'),
  ).action(async (target: string, flags: FaultFlags) => {
    const cluster = openCluster(undefined, flags, context);
    const node = await cluster.resolve(target);
    const begun = performance.now();
    await cluster.isolate(node.name, { forMs: duration('--for', flags.for) });
    const status = await cluster.settle({ lost: node.name, withinMs: settleMs });
    const next = node.raft?.role === 'leader' ? succession(status, begun) : '';
    report(status, `isolated ${node.name}${next}`, flags, context);
  });
  timed(
    fault
      .command('slow')
      .description('delay the bytes of a link: n1:n3')
      .argument('<link>')
      .requiredOption('--delay <duration>', 'each way')
      .option('--jitter <duration>', 'random part on top'),
  ).action(async (link: string, flags: FaultFlags) => {
    const cluster = openCluster(undefined, flags, context);
    const [fromName, toName] = link.split(':');
    if (fromName === undefined || toName === undefined) {
      throw new UsageError('E_USAGE', `${link} is no link: give FROM:TO, for instance n1:n3`);
    }
    const from = await cluster.resolve(fromName);
    const to = await cluster.resolve(toName);
    const status = await cluster.slow(
      { from: from.name, to: to.name },
      {
        delayMs: duration('--delay', flags.delay),
        jitterMs: duration('--jitter', flags.jitter),
        forMs: duration('--for', flags.for),
      },
    );
    report(status, `${from.name} -> ${to.name} slowed by ${flags.delay ?? ''}`, flags, context);
  });
  addOutput(
    addName(
      fault
        .command('heal')
        .description('undo faults; killed and paused nodes come back')
        .argument('[target]')
        .option('--all', 'of all nodes'),
    ),
  ).action(async (target: string | undefined, flags: FaultFlags) => {
    if (target === undefined && flags.all !== true) {
      throw new UsageError('E_USAGE', 'heal what? Give a node or --all');
    }
    const cluster = openCluster(undefined, flags, context);
    const node = target === undefined ? undefined : (await cluster.resolve(target)).name;
    await cluster.heal(node);
    const status = await cluster.settle({ withinMs: settleMs });
    report(status, `healed ${node ?? 'everything'}`, flags, context);
  });
  addOutput(addName(fault.command('ls').description('faults in force'))).action(
    async (flags: FaultFlags) => {
      const { nodes, discovery, state } = await openCluster(undefined, flags, context).status();
      const list = nodes.flatMap((node) =>
        node.faults.map((one) => ({ node: node.name, fault: one })),
      );
      if (discovery === null && state !== 'stopped') {
        list.push({ node: 'discovery', fault: 'stop' });
      }
      const text = list.map(({ node, fault: one }) => `${node}  ${one}`).join('\n');
      context.streams.stdout(isJson(flags) ? `${JSON.stringify(list)}\n` : `${text || 'none'}\n`);
    },
  );
  addNodeCommands(program, context);
}

function addNodeCommands(program: Command, context: Context): void {
  const node = program.command('node').description('add, remove, start and stop nodes');
  addOutput(
    addName(
      node
        .command('add')
        .description('add a worker, or a central node as a new member')
        .option('--role <role>', 'worker or central', 'worker'),
    ),
  ).action(async (flags: CommonOptions & { readonly role: string }) => {
    if (flags.role !== 'worker' && flags.role !== 'central') {
      throw new UsageError('E_USAGE', `--role ${flags.role}: worker or central`);
    }
    const cluster = openCluster(undefined, flags, context);
    const name = await cluster.addNode(flags.role);
    report(await cluster.status(), `added ${name}`, flags, context);
  });
  addOutput(
    addName(
      node
        .command('rm')
        .description('remove a node; a central one leaves the cluster')
        .argument('<node>'),
    ),
  ).action(async (target: string, flags: CommonOptions) => {
    const cluster = openCluster(undefined, flags, context);
    const { name } = await cluster.resolve(target);
    report(await cluster.removeNode(name), `removed ${name}`, flags, context);
  });
  for (const action of ['start', 'stop', 'restart', 'kill'] as const) {
    addOutput(
      addName(node.command(action).description(`${action} a node`).argument('<node>')),
    ).action(async (target: string, flags: CommonOptions) => {
      const cluster = openCluster(undefined, flags, context);
      const { name } = await cluster.resolve(target);
      const verb: NodeAction = action;
      await cluster.act(name, verb);
      const lost = action === 'start' || action === 'restart' ? {} : { lost: name };
      const status = await cluster.settle({ withinMs: settleMs, ...lost });
      report(status, `${action}: ${name}`, flags, context);
    });
  }
  addOutput(addName(node.command('ls').description('all nodes'))).action(
    async (flags: CommonOptions) => {
      const status = await openCluster(undefined, flags, context).status();
      context.streams.stdout(
        isJson(flags) ? `${JSON.stringify(status.nodes)}\n` : renderStatus(status, context),
      );
    },
  );
}

/** Who leads after a loss, and since when. */
function succession(status: ClusterStatus, begun: number): string {
  const leader = status.nodes.find((node) => node.name === status.leader);
  if (leader === undefined) return ' · nobody leads';
  const ms = Math.round(performance.now() - begun);
  return ` · ${leader.name} leads, term ${leader.raft?.term ?? 0}, seen ${ms} ms after`;
}

function report(status: ClusterStatus, what: string, flags: CommonOptions, context: Context): void {
  if (isJson(flags)) {
    context.streams.stdout(`${JSON.stringify(status)}\n`);
    return;
  }
  context.streams.stdout(` ${what}\n${renderStatus(status, context)}`);
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
