// etcdctl: one command against a cluster. Texts and exit codes are those of the original.
import {
  CodedError,
  dialMapFrom,
  dialVariable,
  errorMessage,
  trustedCertificates,
} from '@corral/kit';
import { ClientError, EtcdApiError } from '../errors.js';
import { EtcdClient } from '../etcd-client.js';
import { EtcdctlUsageError, commands, helpText, parseCommandLine, readDuration } from './flags.js';
import type { Parsed } from './flags.js';
import type { ConnectionOptions } from '../request.js';
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
  /** How members are dialled directly. */
  readonly connection: ConnectionOptions;
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
  try {
    return await run(words, io);
  } catch (error) {
    return report(error, io);
  }
}

async function run(words: readonly string[], io: Io): Promise<number> {
  const parsed = parseCommandLine(words);
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
    const unknown = command.startsWith('member ') ? command.slice('member '.length) : command;
    throw new EtcdctlExit(3, `No help topic for '${unknown}'\n`);
  }
  const endpoints = readEndpoints(parsed, io.environment);
  const connection = {
    dialTimeoutMs: readDuration(parsed, 'timeout', 2_000),
    dialMap: dialMapFrom(io.environment[dialVariable]),
    ca: trustedCertificates(io.environment),
  };
  const timeoutMs = readDuration(parsed, 'total-timeout', 5_000);
  const client = new EtcdClient({ endpoints, timeoutMs, ...connection });
  try {
    const form = global.get('output') ?? global.get('o') ?? 'simple';
    const context = { ...io, client, connection, parsed, form };
    if (command === 'cluster-health') return await runClusterHealth(context);
    if (!global.has('no-sync')) await sync(client);
    if (command.startsWith('member ')) return await runMember(context);
    return await runKeyCommand(context);
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
    if (!isUnavailable(error)) return;
    throw new EtcdctlExit(2, unavailableText(error));
  }
  client.addEndpoints(given);
}

function isUnavailable(error: unknown): error is ClientError {
  return error instanceof ClientError && error.code === 'E_NO_ENDPOINT';
}

/** What etcdctl says when no endpoint answers: the reasons twice, the second time one a line. */
export function unavailableText(error: ClientError): string {
  const causes = (error.details['causes'] ?? []) as readonly unknown[];
  const reasons = causes.map((cause, i) => `error #${i}: ${goReason(cause)}\n`);
  const head = 'Error:  client: etcd cluster is unavailable or misconfigured; ';
  return `${head}${reasons.join('; ')}\n${reasons.join('')}\n`;
}

/** The words of Go's net package for the commonest failure. */
function goReason(cause: unknown): string {
  const refused = /^connect ECONNREFUSED (\S+)$/.exec(errorMessage(cause))?.[1];
  if (refused === undefined) return errorMessage(cause);
  return `dial tcp ${refused}: connect: connection refused`;
}

function report(error: unknown, io: Io): number {
  if (error instanceof EtcdctlUsageError) {
    const mark = error.details['command'] === undefined ? '.' : ':';
    io.stdout(`Incorrect Usage${mark} ${error.message}\n\n${helpText}`);
    io.stderr(`${error.message}\n`);
    return 1;
  }
  if (error instanceof EtcdctlExit) {
    io.stderr(error.message);
    return error.exitCode;
  }
  if (error instanceof EtcdApiError) io.stderr(`Error:  ${error.message} [${error.index}]\n`);
  else if (isUnavailable(error)) io.stderr(unavailableText(error));
  else io.stderr(`Error:  ${errorMessage(error)}\n`);
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
  const urls = text.split(',').map((url) => url.trim());
  return urls
    .filter((url) => url !== '')
    .map((url) => (url.includes('://') ? url : `http://${url}`));
}
