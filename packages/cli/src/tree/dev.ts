// The words of `corral dev`; what it does is in commands/dev.ts.
import type { Command } from 'commander';
import type { DevFlags } from '../commands/dev.js';
import type { Context } from '../context.js';
import { addName, addOutput } from './options.js';

export function addDev(program: Command, context: Context, exit: (code: number) => void): void {
  addOutput(
    addName(
      program
        .command('dev')
        .description('put a component from the working tree into running nodes')
        .argument('[component]', 'kv-raft, discovery-service, cloudinit or etcd-client')
        .argument('[nodes...]', 'names or roles (default: all that run it)')
        .option('-w, --watch', 'again at each change of a source, until Ctrl-C')
        .option('--reset', 'take such code away again: dev --reset [component] [nodes...]')
        .option('--from <dir>', 'another working tree than that of this program')
        .option('--no-check', 'do not look at types beside')
        .addHelpText(
          'after',
          `
The component is built from packages/*/src, and put into one node after the other: workers first, the
leader last. Each must be up and caught up before the next one, and the cluster as well as before;
otherwise that node gets the code back that it had. Errors of types are told and stop nothing.
corral status -o wide shows which node runs which code.`,
        ),
    ),
  ).action(async (component: string | undefined, nodes: readonly string[], flags: DevFlags) =>
    (await import('../commands/dev.js')).runDev(component, nodes, flags, context, exit),
  );
}
