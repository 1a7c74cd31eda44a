// The words of `corral node`; what they do is in commands/node.ts.
import type { Command } from 'commander';
import type { AddFlags, RemoveFlags } from '../commands/node.js';
import type { CommonOptions } from '../commands/forms.js';
import type { Context } from '../context.js';
import { addConsent, addListOutput, addName, addOutput } from './options.js';

const load = () => import('../commands/node.js');

export function addNodes(program: Command, context: Context): void {
  const node = program.command('node').description('add, remove, start and stop nodes');
  addListOutput(addName(node.command('ls').description('all nodes'))).action(
    async (flags: CommonOptions) => (await load()).runNodeList(flags, context),
  );
  addOutput(
    addName(node.command('inspect').description('all facts of a node').argument('<node>')),
  ).action(async (target: string, flags: CommonOptions) =>
    (await load()).runInspect(target, flags, context),
  );
  addOutput(
    addName(
      node
        .command('add')
        .description('add a worker, or a central node as a new member')
        .option('--role <role>', 'worker or central', 'worker')
        .option('--timeout <duration>', 'give up after, and take the node back'),
    ),
  ).action(async (flags: AddFlags) => (await load()).runAdd(flags, context));
  addConsent(
    addOutput(
      addName(
        node
          .command('rm')
          .description('remove a node; a central one leaves the cluster')
          .argument('<node>'),
      ),
    ),
  ).action(async (target: string, flags: RemoveFlags) =>
    (await load()).runRemove(target, flags, context),
  );
  for (const action of ['start', 'stop', 'restart', 'kill'] as const) {
    addOutput(
      addName(node.command(action).description(`${action} a node`).argument('<node>')),
    ).action(async (target: string, flags: CommonOptions) =>
      (await load()).runAct(action, target, flags, context),
    );
  }
}
