// Options that several commands share. Nothing of a cluster is loaded here: `corral --help` reads all
// of these files, and none of what the commands need.
import type { Command } from 'commander';

export function addName(command: Command): Command {
  return addTalk(command.option('-n, --name <name>', 'name of the cluster'));
}

export function addTalk(command: Command): Command {
  return command
    .option('-q, --quiet', 'only the result: no progress, no hints')
    .option('-v, --verbose', 'more facts');
}

/** Of commands that do something. */
export function addOutput(command: Command): Command {
  return command.option('-o, --output <form>', 'table, json or yaml');
}

/** Of commands that list things. */
export function addListOutput(command: Command): Command {
  return command.option('-o, --output <form>', 'table, wide, name, json or yaml');
}

/** Of commands that destroy something. */
export function addConsent(command: Command): Command {
  return command
    .option('--dry-run', 'only say what would go')
    .option('--yes', 'ask nothing')
    .option('--no-input', 'ask nothing, as without a terminal');
}
