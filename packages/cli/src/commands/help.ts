// help and version: what can be answered without a cluster.
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { colours, show } from '../context.js';
import { explanations } from '../explanations.js';
import type { ErrorId, Explanation } from '../explanations.js';
import { near } from '../near.js';
import { UsageError } from '../render/error.js';
import { printObject } from '../render/objects.js';
import { table, wrap } from '../render/table.js';
import { version } from '../version.js';
import { outputForm } from './forms.js';
import type { CommonOptions } from './forms.js';

const ids = Object.keys(explanations) as ErrorId[];
const helpWidthMax = 100;

/** Throws UsageError with near topics. */
export function runHelp(topic: readonly string[], program: Command, context: Context): void {
  const [first = '', ...rest] = topic;
  const id = ids.find((one) => one === first.toUpperCase());
  if (id !== undefined && rest.length === 0) show(context, explain(id, explanations[id], context));
  else if (first === 'errors') show(context, listErrors());
  else if (/^E_/i.test(first)) throw unknownTopic(first, ids, 'corral help errors lists all ids');
  else commandOf(topic, program).outputHelp();
}

export async function runVersion(flags: CommonOptions, context: Context): Promise<void> {
  const form = outputForm(flags);
  const facts = { corral: version(), etcd: '2.3.8', node: process.versions.node };
  if (form !== 'table') await printObject(context, form === 'yaml' ? 'yaml' : 'json', facts);
  else show(context, `corral ${facts.corral} (etcd2 ${facts.etcd}, node ${facts.node})\n`);
}

function explain(
  id: ErrorId,
  { exitCode, means, when, todo }: Explanation,
  context: Context,
): string {
  const c = colours(context, 'stdout');
  const width = Math.min(helpWidthMax, context.terminal.width);
  const remedies = todo.map((one) => `  - ${wrap(one, width, '    ').trimStart()}`);
  return [
    `${c.bold(id)}  (exit code ${exitCode})`,
    '',
    wrap(means, width),
    '',
    'When it comes',
    wrap(when, width, '  '),
    '',
    'What to do',
    ...remedies,
    '',
  ].join('\n');
}

function listErrors(): string {
  const sorted = [...ids].sort((a, b) => explanations[a].exitCode - explanations[b].exitCode);
  const rows = sorted.map((id) => [id, String(explanations[id].exitCode), explanations[id].means]);
  return `${table([['ID', 'EXIT', 'MEANS'], ...rows])}\n`;
}

function commandOf(topic: readonly string[], program: Command): Command {
  let command = program;
  for (const word of topic) {
    const names = command.commands.map((one) => one.name());
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) throw unknownTopic(word, names, 'corral help lists all commands');
    command = next;
  }
  return command;
}

function unknownTopic(word: string, known: readonly string[], otherwise: string): UsageError {
  const found = near(/^E_/i.test(word) ? word.toUpperCase() : word, known);
  const hint = found.length === 0 ? otherwise : `Did you mean ${found.join(' or ')}?`;
  return new UsageError(`help has nothing on ${word}. ${hint}`, { near: found });
}
