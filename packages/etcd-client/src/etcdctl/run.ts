// etcdctl: one command against a cluster. Texts and exit codes are those of the original.
import { CodedError, errorMessage } from '@corral/kit';
import { ClientError, EtcdApiError } from '../errors.js';
import { EtcdClient } from '../etcd-client.js';
import { EtcdctlUsageError, commands, helpText, parseCommandLine } from './flags.js';
import type { Parsed } from './flags.js';
import { runKeyCommand } from './key-commands.js';
import { runClusterHealth, runMember } from './member-commands.js';

export type Io = {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** All of standard input, or undefined when it is a terminal. */
  readonly readInput: () => Promise<string | undefined>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
};

export type CommandContext = Io & {
  readonly client: EtcdClient;
  readonly parsed: Parsed;
  readonly form: string;
};

/** A message and its exit code; `text` is printed as it stands. */
export class EtcdctlExit extends CodedError<'E_ETCDCTL_EXIT'> {
  readonly exitCode: number;

  constructor(exitCode: number, text: string) {
    super('E_ETCDCTL_EXIT', text);
    this.exitCode = exitCode;
  }
}

const defaultEndpoints = 'http://127.0.0.1:2379,http://127.0.0.1:4001';

/** Runs one command line; gives the exit code. Never rejects. */
export async function runEtcdctl(words: readonly string[], io: Io): Promise<number> {
  let parsed: Parsed;
  try {
    parsed = parseCommandLine(words);
  } catch (error) {
    if (!(error instanceof EtcdctlUsageError)) throw error;
    io.stderr(`Incorrect Usage: ${error.message}\n\n${helpText}`);
    return 1;
  }
  const { global, command } = parsed;
  if (global.has('version') || global.has('v')) {
    io.stdout('etcdctl version 2.3.8\n');
    return 0;
  }
  if (global.has('help') || global.has('h') || command === '' || command === 'help') {
    io.stdout(helpText);
    return 0;
  }
  if (commands[command] === undefined) {
    io.stderr(`No help topic for '${command}'\n`);
    return 3;
  }
  const timeoutMs = readDuration(global.get('total-timeout') ?? '5s');
  const endpoints = readEndpoints(parsed, io.environment);
  const client = new EtcdClient({ endpoints, timeoutMs });
  try {
    const form = global.get('output') ?? global.get('o') ?? 'simple';
    const context = { ...io, client, parsed, form };
    if (command === 'cluster-health') return await runClusterHealth(context);
    if (!global.has('no-sync')) await sync(client);
    if (command.startsWith('member ')) return await runMember(context);
    return await runKeyCommand(context);
  } catch (error) {
    return report(error, io);
  } finally {
    client.close();
  }
}

/** The members' own addresses from here on; what was given stays as a fall-back. */
async function sync(client: EtcdClient): Promise<void> {
  const given = client.endpoints;
  try {
    await client.sync();
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== 'E_NO_ENDPOINT') return;
    const tried = (error.details['tried'] ?? []) as readonly string[];
    const reasons = tried.map((one, i) => `error #${i}: ${one}`).join('\n');
    const text = `Error:  client: etcd cluster is unavailable or misconfigured\n${reasons}\n`;
    throw new EtcdctlExit(2, text);
  }
  client.addEndpoints(given);
}

function report(error: unknown, io: Io): number {
  if (error instanceof EtcdctlExit) {
    io.stderr(error.message);
    return error.exitCode;
  }
  if (error instanceof EtcdApiError) {
    io.stderr(`Error:  ${error.message} [${error.index}]\n`);
    return 4;
  }
  io.stderr(`Error:  ${errorMessage(error)}\n`);
  return 4;
}

function readEndpoints(
  { global }: Parsed,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const sources = [
    global.get('endpoints'),
    environment['ETCDCTL_ENDPOINTS'],
    global.get('endpoint'),
    environment['ETCDCTL_ENDPOINT'],
    global.get('peers') ?? global.get('C'),
    environment['ETCDCTL_PEERS'],
  ];
  const text = sources.find((one) => one !== undefined && one !== '') ?? defaultEndpoints;
  return text.split(',').map((url) => (url.includes('://') ? url : `http://${url}`));
}

function readDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  const factor = { ms: 1, s: 1_000, m: 60_000 }[match?.[2] ?? 's'];
  return match === null ? 5_000 : Number(match[1]) * (factor ?? 1_000);
}
