// The command tree, and where errors end. Only the words are here: each command loads what it needs
// when it runs, so that help and mistakes are answered at once.
import { Command, CommanderError } from 'commander';
import type { Context } from './context.js';
import { addAccess } from './tree/access.js';
import { addDev } from './tree/dev.js';
import { addFaults } from './tree/fault.js';
import { delimitForeignWords } from './tree/foreign-words.js';
import { addImages } from './tree/image.js';
import { addInspect } from './tree/inspect.js';
import { addLifecycle } from './tree/lifecycle.js';
import { addNodes } from './tree/nodes.js';

type Style = { readonly form?: string | undefined; readonly verbose: boolean };

/** Runs one command line; gives the exit code. */
export async function runCommand(given: readonly string[], context: Context): Promise<number> {
  let exitCode = 0;
  let complaint = '';
  const { width } = context.terminal;
  const program = new Command('corral')
    .description('Boot a CoreOS-style cluster, break it, prove that it kept its word')
    .enablePositionalOptions()
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.streams.stdout(text),
      writeErr: (text) => context.streams.stderr(text),
      // The message is printed with its id, or as JSON, below.
      outputError: (text) => (complaint += text),
      getOutHelpWidth: () => width,
      getErrHelpWidth: () => width,
    })
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 failed, 2 usage, 3 no such cluster or node, 4 exists already, 5 environment not
fit, 6 timed out, 7 no quorum, 8 invalid configuration, 10 a bug of ours, 130 interrupted; 126 and 127
as in shells: a program cannot be run, is not there.
corral help E_PORT_TAKEN explains an error at length; corral help errors lists them.`,
    );
  const exit = (code: number): void => {
    exitCode = code;
  };
  addLifecycle(program, context, exit);
  addFaults(program, context);
  addNodes(program, context);
  addImages(program, context);
  addInspect(program, context, exit);
  addAccess(program, context, exit);
  addDev(program, context, exit);
  const words = delimitForeignWords(program, given);
  let style = styleOf(words);
  program.hook('preAction', (_program, command) => {
    const { output, verbose } = command.opts<{ output?: string; verbose?: boolean }>();
    style = { form: output, verbose: verbose === true };
  });
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exitCode;
  } catch (error) {
    return fail(error, complaint, style, context);
  }
}

async function fail(
  error: unknown,
  complaint: string,
  style: Style,
  context: Context,
): Promise<number> {
  if (context.signal.aborted) return 130;
  if (error instanceof CommanderError && (error.exitCode === 0 || complaint === '')) {
    return error.exitCode === 0 ? 0 : 2;
  }
  const { UsageError, exitCodeOf, reportError } = await import('./render/error.js');
  const known =
    error instanceof CommanderError
      ? new UsageError(complaint.trim().replace(/^error: /, ''), { code: error.code })
      : error;
  await reportError(known, context, style);
  return exitCodeOf(known);
}

/** For mistakes that are found before a command is known; words for other programs do not count. */
function styleOf(words: readonly string[]): Style {
  const end = words.findIndex((word) => word === '--' || word === 'etcdctl');
  const own = end === -1 ? words : words.slice(0, end);
  const given = own.map((word, i) => {
    if (/^(-o|--output)$/.test(word)) return own[i + 1];
    return /^(?:-o=?|--output=)(.+)$/.exec(word)?.[1];
  });
  return { form: given.find((form) => form !== undefined), verbose: own.includes('-v') };
}
