// The words of exec, shell, ssh and cp; what they do is in commands/.
import type { Command } from 'commander';
import type { CommonOptions } from '../commands/forms.js';
import type { Context } from '../context.js';
import { addName } from './options.js';

const load = () => import('../commands/access.js');

export function addAccess(program: Command, context: Context, exit: (code: number) => void): void {
  addName(
    program
      .command('exec')
      .description('run a command on a node: exec NODE [-n NAME] -- CMD')
      .argument('<node>', 'a node or a role')
      .argument('<command...>', 'the command; what begins with -- or here is its own')
      .addHelpText(
        'after',
        `
The exit code is the command's. On a node that is plain processes it runs on this machine with the
node's environment and its root as folder; in a container it runs inside, as root.`,
      ),
  ).action(async (target: string, words: readonly string[], flags: CommonOptions) =>
    exit(await (await load()).runExec(target, words, flags, context)),
  );
  addName(
    program
      .command('shell')
      .description('a shell on a node')
      .argument('<node>', 'a node or a role'),
  ).action(async (target: string, flags: CommonOptions) =>
    exit(await (await load()).runShell(target, flags, context)),
  );
  addName(
    program
      .command('ssh')
      .description('log in to a node as core, or run a command there, by ssh')
      .argument('<node>', 'a node or a role')
      .argument('[command...]', 'as ssh takes it: joined by spaces for the shell of the node')
      .addHelpText(
        'after',
        `
Containers only: nodes that are plain processes have no sshd. The cluster's own key is used besides
yours; the keys of nodes are remembered in the folder of the cluster, not in ~/.ssh/known_hosts.`,
      ),
  ).action(async (target: string, words: readonly string[], flags: CommonOptions) =>
    exit(await (await load()).runSsh(target, words, flags, context)),
  );
  addName(
    program
      .command('cp')
      .description('copy files and folders between nodes and this machine: cp n1:/etc/hosts .')
      .argument('<source>', 'PATH, NODE:PATH, or - for a tar archive on stdin')
      .argument('<target>', 'PATH, NODE:PATH, or - for a tar archive on stdout')
      .addHelpText(
        'after',
        `
A source goes into a folder that is there under its own name, FOLDER/. as its content; else the target
is its new name. Modes are kept, links stay links, owners are those of the target.`,
      ),
  ).action(async (source: string, target: string, flags: CommonOptions) =>
    (await import('../commands/copy.js')).runCopy(source, target, flags, context),
  );
}
