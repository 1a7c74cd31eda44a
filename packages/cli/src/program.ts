// The command tree.
import { Command, CommanderError } from 'commander';
import type { Context } from './context.js';
import { addFaults } from './commands/faults.js';
import { addInspect } from './commands/inspect.js';
import { addLifecycle } from './commands/lifecycle.js';
import { addNodes } from './commands/nodes.js';
import { exitCodeOf, reportError } from './render/error.js';

/** Runs one command line; gives the exit code. */
export async function runCommand(words: readonly string[], context: Context): Promise<number> {
  let exitCode = 0;
  const program = new Command('corral')
    .description('Boot a CoreOS-style cluster, break it, prove that it kept its word')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.streams.stdout(text),
      writeErr: (text) => context.streams.stderr(text),
    })
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 failed, 2 usage, 3 no such cluster or node, 4 exists already, 5 environment not
fit, 6 timed out, 7 no quorum, 8 invalid configuration, 10 a bug of ours, 130 interrupted.`,
    );
  addLifecycle(program, context);
  addFaults(program, context);
  addNodes(program, context);
  addInspect(program, context, (code) => {
    exitCode = code;
  });
  const json = words.some(
    (word, i) =>
      word === '-ojson' ||
      word === '--output=json' ||
      (/^(-o|--output)$/.test(word) && words[i + 1] === 'json'),
  );
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (context.signal.aborted) {
      context.streams.stderr('interrupted; what this command made is being undone\n');
      return 130;
    }
    reportError(error, context, json);
    return exitCodeOf(error);
  }
}
