// The words of logs, env, wait, etcdctl, version and help; what they do is in commands/.
import type { Command } from 'commander';
import type { CommonOptions } from '../commands/forms.js';
import type { LogFlags } from '../commands/logs.js';
import type { EnvFlags } from '../commands/run.js';
import type { WaitFlags } from '../commands/wait.js';
import type { Context } from '../context.js';
import { addName, addOutput, addTalk } from './options.js';

type Exit = (code: number) => void;

export function addInspect(program: Command, context: Context, exit: Exit): void {
  addName(
    program
      .command('logs')
      .description('logs of nodes in the order of time, by default of all stores')
      .argument('[nodes...]')
      .option('-f, --follow', 'go on as they grow')
      .option('--unit <unit>', 'which unit: etcd2, fleet.service', 'etcd2.service')
      .option('--grep <expression>', 'only matching lines')
      .option('--since <duration>', 'only what is younger, for instance 5m'),
  ).action(async (nodes: readonly string[], flags: LogFlags) =>
    (await import('../commands/logs.js')).runLogs(nodes, flags, context, exit),
  );
  addPrograms(program, context, exit);
  addName(
    program
      .command('env')
      .description('variables for etcd clients: eval "$(corral env)"')
      .argument('[node]', 'also DOCKER_HOST, for the engine that runs on this node')
      .option('--unset', 'take them away'),
  ).action(async (target: string | undefined, flags: EnvFlags) =>
    (await import('../commands/run.js')).runEnv(target, flags, context),
  );
  addOutput(
    addName(
      program
        .command('wait')
        .description('wait for a condition: ready, leader, converged, key/PATH')
        .option('--for <condition>', 'ready, leader, converged or key/PATH', 'ready')
        .option('--timeout <duration>', 'give up after', '60s'),
    ),
  ).action(async (flags: WaitFlags) =>
    (await import('../commands/wait.js')).runWait(flags, context),
  );
  addTalk(
    addOutput(
      program.command('version').description('versions of Corral and of what it claims to be'),
    ),
  ).action(async (flags: CommonOptions) =>
    (await import('../commands/help.js')).runVersion(flags, context),
  );
  program
    .command('help')
    .description('help for a command, or for an error: help node add, help E_PORT_TAKEN')
    .argument('[topic...]', 'a command, the id of an error, or "errors"')
    .action(async (topic: readonly string[]) =>
      (await import('../commands/help.js')).runHelp(topic, program, context),
    );
}

function addPrograms(program: Command, context: Context, exit: Exit): void {
  program
    .command('etcdctl')
    .description('the etcd v2 client against the cluster (-n NAME before its own words)')
    .option('-n, --name <name>', 'name of the cluster')
    .argument('[words...]')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(async (words: readonly string[], flags: CommonOptions) =>
      exit(await (await import('../commands/run.js')).runEtcdctl(words, flags, context)),
    );
}
