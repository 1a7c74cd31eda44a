// The corral process.
import { stateHome } from './context.js';
import { runCommand } from './program.js';

const interrupted = new AbortController();
process.on('SIGINT', () => {
  if (interrupted.signal.aborted) process.exit(130);
  interrupted.abort(new Error('interrupted'));
});
const { env, stdout, stderr } = process;
const plain = env['NO_COLOR'] !== undefined || env['TERM'] === 'dumb' || env['CI'] !== undefined;
// Node leaves isTTY undefined where there is no terminal, whatever its types say.
const terminal: { readonly isTTY?: boolean } = stderr;
const isTty = terminal.isTTY === true && env['CI'] === undefined;
const code = await runCommand(process.argv.slice(2), {
  streams: {
    stdout: (text) => stdout.write(text),
    stderr: (text) => stderr.write(text),
    isTty,
    colour: env['FORCE_COLOR'] !== undefined || (isTty && !plain),
  },
  environment: env,
  home: stateHome(env),
  signal: interrupted.signal,
});
process.exitCode = code;
