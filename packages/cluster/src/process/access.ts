// What a person does on a node that is a folder and plain processes: programs run on this machine with
// the node's environment and its root as folder; logs are files.
import { closeSync, existsSync, fstatSync, openSync, readSync, readdirSync } from 'node:fs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Ends, FileSide, LogQuery, LogSource, NodeAccess, SshTarget } from '../access.js';
import { codeBins } from '../dev/code-files.js';
import { ClusterError } from '../errors.js';
import type { Environment } from '../hosts.js';
import { nameFlag } from '../missing.js';
import type { ClusterPlan } from '../plan.js';
import { notRunning, runHere } from '../run-here.js';
import type { ClusterState } from '../state.js';
import type { NodeStatus } from '../status.js';
import { filesBelow } from '../tar-here.js';
import { LogTail } from './log-tail.js';
import { devPath } from './mapping.js';
import { nodeEnvironment } from './node-environment.js';
import { hostEnvironment } from './programs.js';

const tailBytes = 16_384;

export type ProcessAccessOptions = {
  readonly state: ClusterState;
  readonly plan: ClusterPlan;
  readonly node: NodeStatus;
  readonly environment: Environment;
};

export class ProcessAccess implements NodeAccess {
  readonly node: string;
  readonly files: FileSide;
  readonly logPlace: string;
  readonly #options: ProcessAccessOptions;
  readonly #root: string;
  readonly #logs: string;

  constructor(options: ProcessAccessOptions) {
    const { state, node } = options;
    this.#options = options;
    this.node = node.name;
    this.#root = node.root ?? state.nodeRoot(node.name);
    this.#logs = state.nodeLogs(node.name);
    this.files = filesBelow(this.#root, `${node.name}:`);
    this.logPlace = this.#logFile('etcd2.service');
  }

  run(words: readonly string[], ends: Ends): Promise<number> {
    return this.#run(words, ends, {});
  }

  /** $SHELL of whoever asks; its prompt begins with the node's name where that can be had. */
  shell(ends: Ends): Promise<number> {
    const shell = this.#options.environment['SHELL'] ?? '';
    const file = shell === '' ? '/bin/sh' : shell;
    if (basename(file) !== 'bash') return this.#run([file], ends, { PS1: `[${this.node}] \\$ ` });
    return this.#run([file, '--rcfile', this.#startFile()], ends, {});
  }

  loggedUnits(): Promise<readonly string[]> {
    const files = existsSync(this.#logs) ? readdirSync(this.#logs) : [];
    return Promise.resolve(files.map((file) => basename(file, '.log')));
  }

  log({ unit }: LogQuery): LogSource {
    return new LogTail(this.node, this.#logFile(unit));
  }

  lastLines(unit: string, count: number): Promise<readonly string[]> {
    return Promise.resolve(lastLines(this.#logFile(unit), count));
  }

  ssh(): Promise<SshTarget> {
    const { plan } = this.#options;
    return Promise.reject(
      new ClusterError('E_NODE_LACKS', 'nodes that are plain processes have no sshd', {
        remedies: [`corral shell ${this.node}${nameFlag(plan.name)}`],
      }),
    );
  }

  dockerHost(): Promise<string> {
    return Promise.reject(
      new ClusterError(
        'E_NODE_LACKS',
        `${this.node} has no Docker engine: nodes that are plain processes have none of their own`,
        { remedies: ['corral up OTHER-NAME --runtime docker boots nodes that can have one'] },
      ),
    );
  }

  #logFile(unit: string): string {
    return join(this.#logs, `${unit}.log`);
  }

  async #run(words: readonly string[], ends: Ends, more: Environment): Promise<number> {
    const { node, plan, environment } = this.#options;
    if (node.state !== 'running') throw notRunning(node, plan.name);
    return runHere(words, ends, {
      cwd: this.#root,
      env: {
        ...hostEnvironment(environment, codeBins(join(this.#root, devPath))),
        ...this.#ownEnvironment(),
        ...more,
      },
      where: `on ${node.name}`,
    });
  }

  /**
   * What the node's units get. Our own programs reach other nodes through its links, so they notice
   * what is done to these.
   */
  #ownEnvironment(): Environment {
    const { plan, state, node } = this.#options;
    const planned = plan.nodes.find((one) => one.name === node.name);
    const own =
      planned === undefined
        ? {}
        : nodeEnvironment({ plan, node: planned, clusterFolder: state.folder });
    return { ...own, CORRAL_NAME: plan.name, CORRAL_NODE_NAME: node.name };
  }

  /** bash reads its own start file last, so nothing of the user's undoes the prompt. */
  #startFile(): string {
    const folder = join(this.#options.state.folder, 'shell');
    const path = join(folder, 'bashrc');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(
      path,
      '[ -f ~/.bashrc ] && . ~/.bashrc\nPS1="[$CORRAL_NODE_NAME] ${PS1-\\\\$ }"\n',
      { mode: 0o600 },
    );
    return path;
  }
}

/** The end of a log; nothing where there is none yet. */
function lastLines(path: string, count: number): readonly string[] {
  try {
    const file = openSync(path, 'r');
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, tailBytes));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    closeSync(file);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-count);
  } catch {
    return [];
  }
}
