// The corral process: streams, terminal, signals, exit code.
import { stateHome } from './context.js';
import { runCommand } from './program.js';
import { describeTerminal, isCi } from './terminal.js';

const { env, stdin, stdout, stderr } = process;
// Node leaves isTTY and columns undefined where there is no terminal, whatever its types say.
type MaybeTerminal = { readonly isTTY?: boolean; readonly columns?: number };
const [input, output, errors]: readonly MaybeTerminal[] = [stdin, stdout, stderr];

type SignalListener = (signal: NodeJS.Signals) => void;
/** Programs that have the terminal now: signals are theirs. */
const foreign = new Set<SignalListener>();
const handedOn = ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
const handOn: SignalListener = (signal) => {
  for (const listener of foreign) listener(signal);
};
const interrupted = new AbortController();
let leaveHint: string | undefined;
process.on('SIGINT', () => {
  if (foreign.size > 0) {
    handOn('SIGINT');
    return;
  }
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

function onSignal(listener: SignalListener): () => void {
  if (foreign.size === 0) for (const signal of handedOn) process.on(signal, handOn);
  foreign.add(listener);
  return () => {
    foreign.delete(listener);
    if (foreign.size === 0) for (const signal of handedOn) process.off(signal, handOn);
  };
}

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
  ends: { stdin, stdout, stderr, onSignal },
  folder: process.cwd(),
  environment: env,
  home: stateHome(env),
  signal: interrupted.signal,
  ask: input?.isTTY === true && !isCi(env) ? ask : undefined,
  onLeave: (hint) => {
    leaveHint = hint;
  },
});
