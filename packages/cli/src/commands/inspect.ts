// logs, exec, env, wait, etcdctl, version: look inside, and run things.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Command } from 'commander';
import { ClusterError } from '@corral/cluster';
import type { Cluster, ClusterStatus } from '@corral/cluster';
import { errorMessage, poll, systemClock } from '@corral/kit';
import type { Context } from '../context.js';
import { version } from '../version.js';
import { UsageError } from '../render/error.js';
import { addName, addOutput, duration, isJson, openCluster } from './options.js';
import type { CommonOptions } from './options.js';

export function addInspect(program: Command, context: Context, exit: (code: number) => void): void {
  addName(
    program
      .command('logs')
      .description('logs of nodes, by default of all stores')
      .argument('[nodes...]')
      .option('-f, --follow', 'go on as they grow')
      .option('--unit <unit>', 'which unit', 'etcd2.service')
      .option('--grep <expression>', 'only matching lines')
      .option('--since <duration>', 'only what is younger, for instance 5m'),
  ).action((nodes: readonly string[], flags: LogFlags) => runLogs(nodes, flags, context));
  addName(
    program
      .command('exec')
      .description('run a command with the environment of a node: exec NODE -- CMD')
      .argument('<node>')
      .argument('<command...>'),
  )
    .passThroughOptions()
    .action(async (target: string, words: readonly string[], flags: CommonOptions) => {
      const cluster = openCluster(undefined, flags, context);
      const node = await cluster.resolve(target);
      const { cwd, env } = cluster.execEnvironment(node, context.environment);
      exit(await run(words[0] === '--' ? words.slice(1) : words, { cwd, env }));
    });
  addName(
    program
      .command('env')
      .description('variables for etcd clients: eval "$(corral env)"')
      .option('--unset', 'take them away'),
  ).action(async (flags: CommonOptions & { readonly unset?: boolean }) => {
    if (flags.unset === true) {
      context.streams.stdout('unset ETCDCTL_ENDPOINTS ETCDCTL_API CORRAL_NAME\n');
      return;
    }
    const cluster = openCluster(undefined, flags, context);
    const urls = centralUrls(await cluster.status()).join(',');
    context.streams.stdout(
      `export ETCDCTL_ENDPOINTS=${urls}\nexport ETCDCTL_API=2\nexport CORRAL_NAME=${cluster.name}\n`,
    );
  });
  addOutput(
    addName(
      program
        .command('wait')
        .description('wait for a condition: ready, leader, converged, key/PATH')
        .option('--for <condition>', 'ready, leader, converged or key/PATH', 'ready')
        .option('--timeout <duration>', 'give up after', '60s'),
    ),
  ).action((flags: WaitFlags) => runWait(flags, context));
  program
    .command('etcdctl')
    .description('the etcd v2 client against the cluster (-n NAME before its own words)')
    .option('-n, --name <name>', 'name of the cluster')
    .argument('[words...]')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: readonly string[], flags: CommonOptions) => {
      const cluster = openCluster(undefined, flags, context);
      const status = await cluster.status();
      const env = cluster.hostEnvironment(context.environment);
      const endpoints = centralUrls(status).join(',');
      exit(
        await run(['etcdctl', ...words], {
          cwd: '.',
          env: { ...env, ETCDCTL_ENDPOINTS: endpoints },
        }),
      );
    });
  addOutput(
    program.command('version').description('versions of Corral and of what it claims to be'),
  ).action((flags: CommonOptions) => {
    const facts = { corral: version(), etcd: '2.3.8', node: process.versions.node };
    const text = `corral ${facts.corral} (etcd2 ${facts.etcd}, node ${facts.node})\n`;
    context.streams.stdout(isJson(flags) ? `${JSON.stringify(facts)}\n` : text);
  });
}

type LogFlags = CommonOptions & {
  readonly follow?: boolean;
  readonly unit: string;
  readonly grep?: string;
  readonly since?: string;
};

async function runLogs(names: readonly string[], flags: LogFlags, context: Context): Promise<void> {
  const cluster = openCluster(undefined, flags, context);
  const nodes =
    names.length === 0
      ? cluster.plan.nodes.map((node) => node.name)
      : await resolveAll(cluster, names);
  const unit = flags.unit.includes('.') ? flags.unit : `${flags.unit}.service`;
  const pattern = readPattern(flags.grep);
  const since =
    flags.since === undefined
      ? ''
      : new Date(systemClock.wallTime() - duration('--since', flags.since)).toISOString();
  const print = (node: string, text: string): void => {
    for (const line of text.split('\n')) {
      if (line === '' || pattern?.test(line) === false || isOlder(line, since)) continue;
      context.streams.stdout(nodes.length > 1 ? `${node}  ${line}\n` : `${line}\n`);
    }
  };
  const files = nodes.map((node) => ({ node, path: cluster.logFile(node, unit) }));
  const present = files.filter(({ path }) => existsSync(path));
  if (present.length === 0) {
    throw new ClusterError(
      'E_FAILED',
      `no log of ${unit} on ${nodes.join(' ')}: it never ran there`,
    );
  }
  for (const { node, path } of present) print(node, readFileSync(path, 'utf8'));
  if (flags.follow !== true) return;
  await Promise.all(
    present.map(({ node, path }) => follow(path, (text) => print(node, text), context.signal)),
  );
}

function readPattern(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError('E_USAGE', `--grep ${text}: ${errorMessage(error)}`);
  }
}

/** By the time that our programs write; lines of others have none and are shown. */
function isOlder(line: string, since: string): boolean {
  const time = /"time":"([^"]+)"/.exec(line)?.[1];
  return time !== undefined && time < since;
}

/** Hands out what is appended to a file until aborted. */
async function follow(
  path: string,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let offset = statSync(path).size;
  const file = await open(path, 'r');
  const readMore = async (): Promise<void> => {
    const { size } = await file.stat();
    if (size <= offset) return;
    const buffer = Buffer.alloc(size - offset);
    await file.read(buffer, 0, buffer.length, offset);
    offset = size;
    onText(buffer.toString('utf8'));
  };
  const watcher = watch(dirname(path), (_event, name) => {
    if (name === basename(path)) void readMore();
  });
  await new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  watcher.close();
  await file.close();
}

type WaitFlags = CommonOptions & { readonly for: string; readonly timeout: string };

async function runWait(flags: WaitFlags, context: Context): Promise<void> {
  const cluster = openCluster(undefined, flags, context);
  type Condition = (status: ClusterStatus) => boolean | Promise<boolean>;
  const conditions: Readonly<Record<string, Condition>> = {
    ready: (status) => status.state === 'healthy',
    leader: (status) => status.leader !== null,
    converged: (status) =>
      new Set(status.nodes.flatMap((node) => (node.raft === null ? [] : [node.raft.applied])))
        .size === 1,
  };
  const key = flags.for.startsWith('key/') ? flags.for.slice('key'.length) : undefined;
  const holds = key === undefined ? conditions[flags.for] : () => hasKey(cluster, key);
  if (holds === undefined) {
    throw new UsageError('E_USAGE', `--for ${flags.for}: ready, leader, converged or key/PATH`);
  }
  const timeoutMs = duration('--timeout', flags.timeout);
  const status = await poll(
    async () => {
      const now = await cluster.status();
      return (await holds(now)) ? now : undefined;
    },
    { clock: systemClock, what: flags.for, timeoutMs, signal: context.signal },
  ).catch((error: unknown) => {
    throw new ClusterError('E_TIMEOUT', `"${flags.for}" did not come within ${flags.timeout}`, {
      cause: error,
      remedies: [`corral status -n ${cluster.name}`],
    });
  });
  context.streams.stdout(isJson(flags) ? `${JSON.stringify(status)}\n` : `${flags.for}\n`);
}

async function hasKey(cluster: Cluster, key: string): Promise<boolean> {
  const client = await cluster.client({ timeoutMs: 2_000 });
  try {
    return await client.keys.get(key).then(
      () => true,
      () => false,
    );
  } finally {
    client.close();
  }
}

async function resolveAll(cluster: Cluster, names: readonly string[]): Promise<string[]> {
  return Promise.all(names.map(async (name) => (await cluster.resolve(name)).name));
}

function centralUrls(status: ClusterStatus): readonly string[] {
  const central = status.nodes.filter((node) => node.role === 'central');
  // Nodes that are down come last, so that a client does not begin with them.
  const sorted = [...central].sort((a, b) => Number(b.raft !== null) - Number(a.raft !== null));
  return sorted.flatMap((node) => node.clientUrls.slice(0, 1));
}

/** Runs a program with our terminal; its exit code. */
function run(
  words: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<number> {
  const [file = '', ...rest] = words;
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, {
      stdio: 'inherit',
      cwd: options.cwd,
      env: { ...options.env },
    });
    child.once('error', (error) => {
      reject(
        new ClusterError('E_FAILED', `cannot run ${file}: ${error.message}`, { cause: error }),
      );
    });
    child.once('exit', (code, signal) => resolve(signal === null ? (code ?? 0) : 128));
  });
}
