// The corral process: streams, terminal, signals, exit code.
import { stateHome } from './context.js';
import { runCommand } from './program.js';
import { describeTerminal, isCi } from './terminal.js';

const { env, stdin, stdout, stderr } = process;
// Node leaves isTTY and columns undefined where there is no terminal, whatever its types say.
type MaybeTerminal = { readonly isTTY?: boolean; readonly columns?: number };
const [input, output, errors]: readonly MaybeTerminal[] = [stdin, stdout, stderr];

const interrupted = new AbortController();
let leaveHint: string | undefined;
process.on('SIGINT', () => {
  if (interrupted.signal.aborted) {
    stderr.write(`left at once${leaveHint === undefined ? '' : `; ${leaveHint}`}\n`);
    process.exit(130);
  }
  if (leaveHint !== undefined) {
    stderr.write(
      '\ninterrupted; what this command made is being undone (Ctrl-C again leaves at once)\n',
    );
  }
  interrupted.abort(new Error('interrupted'));
});
// Whoever reads us may have seen enough: `corral logs | head`.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const reader = createInterface({ input: stdin, output: stderr });
  try {
    return await reader.question(question, { signal: interrupted.signal });
  } finally {
    reader.close();
  }
}

process.exitCode = await runCommand(process.argv.slice(2), {
  streams: {
    stdout: (text) => stdout.write(text),
    stderr: (text) => stderr.write(text),
  },
  terminal: describeTerminal(env, {
    stdoutIsTty: output?.isTTY === true,
    stderrIsTty: errors?.isTTY === true,
    columns: output?.columns ?? errors?.columns,
  }),
  environment: env,
  home: stateHome(env),
  signal: interrupted.signal,
  ask: input?.isTTY === true && !isCi(env) ? ask : undefined,
  onLeave: (hint) => {
    leaveHint = hint;
  },
});
