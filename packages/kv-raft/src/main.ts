// The etcd2 process: command line and environment in, a member or a proxy out, signals to an orderly
// end. Nothing else.
import {
  dialMapFrom,
  dialVariable,
  errorMessage,
  joinOwner,
  jsonLogger,
  randomPrng,
  systemClock,
  trustedCertificates,
} from '@corral/kit';
import type { LogLevel } from '@corral/kit';
import { readConfig } from './config/config.js';
import { startMember } from './server.js';
import type { StartOptions } from './server.js';

const stopGraceMs = 5_000;
/** A removed member goes on for a moment, so that the answer to the removal can leave. */
const removedGraceMs = 1_000;

const read = readConfig(process.argv.slice(2), process.env);
if (read.kind === 'exit') {
  process.stdout.write(read.stdout);
  process.stderr.write(read.stderr);
  process.exit(read.code);
}
const { config } = read;
let level: LogLevel = config.debug ? 'debug' : 'info';
const order: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const logger = jsonLogger({
  clock: systemClock,
  write: (line) => process.stderr.write(line),
  enabled: (wanted) => order.indexOf(wanted) >= order.indexOf(level),
});
for (const warning of config.warnings) logger.warn(warning);

const stopping = new AbortController();
let stop: (() => Promise<void>) | undefined;

function end(code: number): void {
  owner.close();
  process.exit(code);
}

function onSignal(signal: NodeJS.Signals): void {
  if (stopping.signal.aborted) return;
  stopping.abort(new Error('the server stops'));
  logger.info(
    `received ${signal === 'SIGINT' ? 'interrupt' : 'terminated'} signal, shutting down...`,
  );
  const die = (): void => {
    if (process.pid === 1) end(0);
    // An orderly stop, then the death that was asked for: supervisors see the signal.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  };
  void (stop?.() ?? Promise.resolve()).then(die, die);
}

process.on('SIGTERM', onSignal);
process.on('SIGINT', onSignal);
// The owner is gone (its end of the pipe closed): nothing may outlive it.
const owner = joinOwner(process.env, () => process.exit(1));

const options: StartOptions = {
  config,
  clock: systemClock,
  prng: randomPrng(),
  logger,
  setLogLevel: (wanted) => {
    level = wanted;
  },
  dialMap: dialMapFrom(process.env[dialVariable]),
  trusted: () => trustedCertificates(process.env),
  pid: process.pid,
  commandLine: process.argv.slice(1),
  signal: stopping.signal,
  onFatal: (error) => {
    logger.error(errorMessage(error));
    end(1);
  },
  onRemoved: () => {
    if (stopping.signal.aborted) return;
    stopping.abort(new Error('this member was removed'));
    systemClock.setTimer(removedGraceMs, () => {
      logger.error('the member has been permanently removed from the cluster');
      logger.error('the data-dir used by this member must be removed.');
      void (stop?.() ?? Promise.resolve()).then(() => end(0));
    });
  },
};

try {
  const started = await startMember(options);
  if (started.kind === 'member') {
    stop = () => started.stop({ graceMs: stopGraceMs });
  } else {
    const { runProxy } = await import('./proxy-mode.js');
    const proxy = await runProxy(options, started.peerUrls);
    stop = () => proxy.close();
  }
  owner.ready();
} catch (error) {
  if (!stopping.signal.aborted) {
    logger.error(errorMessage(error));
    end(1);
  }
}
