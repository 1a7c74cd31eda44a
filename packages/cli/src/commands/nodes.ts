// node: add, remove, start and stop nodes.
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { UsageError } from '../render/error.js';
import { renderStatus } from '../render/status.js';
import { addName, addOutput, isJson, openCluster } from './options.js';
import type { CommonOptions } from './options.js';
import { report, settleMs } from './report.js';

export function addNodes(program: Command, context: Context): void {
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
      if (action === 'kill') await cluster.kill(name);
      else await cluster.act(name, action);
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
