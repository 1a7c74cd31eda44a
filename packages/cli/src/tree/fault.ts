// The words of `corral fault`; what they do is in commands/fault.ts.
import type { Command } from 'commander';
import type { FaultFlags } from '../commands/fault.js';
import type { Context } from '../context.js';
import { addListOutput, addName, addOutput } from './options.js';

const load = () => import('../commands/fault.js');

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
silent. Lost packets, clocks and disks per node cannot be imitated: drop, clock and disk say so.
Programs of other make dial nodes directly and do not notice what is done to links.
With containers packets are dropped inside the node, for every program. Lost packets can be had; a
delay only where the kernel has netem.`,
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
      async (target: string, flags: FaultFlags) =>
        (await load()).breakNode(kind, target, flags, context),
    );
  }
  timed(
    fault
      .command('partition')
      .description('cut all links between two groups: n1,n2 / n3')
      .argument(
        '<groups...>',
        'two groups with a slash between them; one group alone is cut off from all others',
      )
      .option('--one-way', 'only from the first group to the second'),
  ).action(async (words: readonly string[], flags: FaultFlags) =>
    (await load()).partition(words, flags, context),
  );
  timed(
    fault.command('isolate').description('cut a node off from all others').argument('<target>'),
  ).action(async (target: string, flags: FaultFlags) =>
    (await load()).isolate(target, flags, context),
  );
  timed(
    fault
      .command('slow')
      .description('delay or throttle what travels over a link: n1:n3')
      .argument('<link>')
      .option('--delay <duration>', 'every byte takes that much longer')
      .option('--jitter <duration>', 'random part on top of the delay')
      .option('--rate <rate>', 'at most this much, for instance 1mbit'),
  ).action(async (link: string, flags: FaultFlags) => (await load()).slow(link, flags, context));
  timed(
    fault
      .command('refuse')
      .description('reset the connections of a link and refuse new ones: n1:n3')
      .argument('<link>'),
  ).action(async (link: string, flags: FaultFlags) =>
    (await load()).breakLink('refuse', link, flags, context),
  );
  addOutput(
    addName(
      fault
        .command('reset')
        .description('reset the connections of a link, once: n1:n3')
        .argument('<link>'),
    ),
  ).action(async (link: string, flags: FaultFlags) =>
    (await load()).breakLink('reset', link, flags, context),
  );
  timed(
    fault
      .command('drop')
      .description('lose packets of a link (not with plain processes): n1:n3')
      .argument('<link>')
      .option('--loss <percent>', 'how many of them', '30%'),
  ).action(async (link: string, flags: FaultFlags) => (await load()).drop(link, flags, context));
  for (const kind of ['clock', 'disk'] as const) {
    const text = {
      clock: 'set the clock of a node wrong',
      disk: 'make the disk of a node slow, full or broken',
    }[kind];
    timed(fault.command(kind).description(`${text} (not there yet)`).argument('<target>')).action(
      async (on: string, flags: FaultFlags) =>
        (await load()).breakMachine(kind, on, flags, context),
    );
  }
  addOutput(
    addName(
      fault
        .command('heal')
        .description('undo faults; killed and paused nodes come back')
        .argument('[target]', 'a node, or the number of a fault')
        .option('--all', 'everything'),
    ),
  ).action(async (target: string | undefined, flags: FaultFlags) =>
    (await load()).heal(target, flags, context),
  );
  addListOutput(addName(fault.command('ls').description('faults in force'))).action(
    async (flags: FaultFlags) => (await load()).runFaultList(flags, context),
  );
}
