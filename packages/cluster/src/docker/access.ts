// What a person does on a node that is a container: programs run inside by the engine, as root; logs
// are its journal. The engine is only asked when something is done.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { Ends, FileSide, LogQuery, LogSource, NodeAccess, SshTarget } from '../access.js';
import { ClusterError } from '../errors.js';
import type { Environment } from '../hosts.js';
import { nameFlag } from '../missing.js';
import type { ClusterPlan } from '../plan.js';
import { missingProgram, notRunning, unfitProgram } from '../run-here.js';
import type { ClusterState } from '../state.js';
import type { NodeStatus } from '../status.js';
import { connectEngine, engineMessage } from './engine.js';
import type { Engine } from './engine.js';
import { DockerFiles } from './files.js';
import { Journal } from './journal-source.js';
import { clusterLabels, engineName, keyOf } from './labels.js';
import { sshPort } from './published.js';
import { execForUser, isTerminal } from './user-exec.js';

const [notFound, notFit] = [127, 126];
const enginePort = 2375;
/** As shells look for a program: 127 where there is none, 126 where it cannot be run. */
const lookUp =
  'found=$(command -v -- "$1" 2>/dev/null) || exit 127; case $found in */*) ' +
  '[ -e "$found" ] || exit 127; { [ -x "$found" ] && [ ! -d "$found" ]; } || exit 126;; esac; ';
const login = '[ ! -r /etc/profile.d/corral.sh ] || . /etc/profile.d/corral.sh; ';

export type DockerAccessOptions = {
  readonly state: ClusterState;
  readonly plan: ClusterPlan;
  readonly node: NodeStatus;
  readonly environment: Environment;
};

export class DockerAccess implements NodeAccess {
  readonly node: string;
  readonly files: FileSide;
  readonly logPlace: string;
  readonly #options: DockerAccessOptions;
  readonly #journal: Journal;
  #engine: Promise<Engine> | undefined;

  constructor(options: DockerAccessOptions) {
    const { node, plan, state } = options;
    this.#options = options;
    this.node = node.name;
    this.logPlace = `corral logs ${node.name}${nameFlag(plan.name)}`;
    const shared = {
      node: node.name,
      isRunning: node.state === 'running',
      container: () => this.#container(),
    };
    this.files = new DockerFiles(shared);
    this.#journal = new Journal({
      ...shared,
      labels: clusterLabels(keyOf(state)),
      docker: async () => (await this.#connect()).docker,
    });
  }

  async run(words: readonly string[], ends: Ends): Promise<number> {
    const code = await this.#exec(`${login}${lookUp}exec "$@"`, words, ends, '/');
    if (code !== notFound && code !== notFit) return code;
    // The program's own code, or the shell's?
    const nobody = { ...ends, stdin: undefined };
    const looked = await this.#exec(`${login}${lookUp}`, words.slice(0, 1), nobody, '/');
    const where = `on ${this.node}`;
    if (looked === notFound) throw missingProgram(words[0] ?? '', where);
    if (looked === notFit) throw unfitProgram(words[0] ?? '', where, 'EACCES');
    return code;
  }

  shell(ends: Ends): Promise<number> {
    return this.#exec('exec "$@"', ['bash', '-l'], ends, '/root');
  }

  loggedUnits(): Promise<readonly string[]> {
    return this.#journal.units();
  }

  log(query: LogQuery): LogSource {
    return this.#journal.open(query);
  }

  lastLines(unit: string, count: number): Promise<readonly string[]> {
    return this.#journal.lastLines(unit, count);
  }

  async ssh(): Promise<SshTarget> {
    const { state, plan, node } = this.#options;
    const port = await this.#published(sshPort, 'its sshd cannot be reached');
    const folder = join(state.folder, 'ssh');
    const key = join(folder, 'id_ed25519');
    return {
      host: '127.0.0.1',
      port,
      user: 'core',
      identityFile: existsSync(key) ? key : undefined,
      knownHostsFile: join(folder, 'known_hosts'),
      // A node that was removed and added again has another key.
      alias: `${plan.name}.${node.name}.${(node.container ?? '').slice(0, 12)}`,
    };
  }

  async dockerHost(): Promise<string> {
    const why = 'it has no Docker engine that listens there';
    return `tcp://127.0.0.1:${await this.#published(enginePort, why)}`;
  }

  /** The port of 127.0.0.1 that leads to one of the node's. Throws ClusterError E_NODE_LACKS. */
  async #published(port: number, why: string): Promise<number> {
    const { node, plan } = this.#options;
    if (node.state !== 'running') throw notRunning(node, plan.name);
    const { NetworkSettings: settings } = await (await this.#container()).inspect();
    // The types leave out that a port may have no bindings.
    const ports: Readonly<Record<string, readonly { readonly HostPort: string }[] | null>> =
      settings.Ports;
    const [binding] = ports[`${port}/tcp`] ?? [];
    if (binding !== undefined) return Number(binding.HostPort);
    const opens =
      port === enginePort ? [`give it a socket unit that listens on ${enginePort}`] : [];
    throw new ClusterError(
      'E_NODE_LACKS',
      `port ${port} of ${node.name} is not published: ${why}`,
      {
        remedies: [...opens, `corral shell ${node.name}${nameFlag(plan.name)}`],
      },
    );
  }

  async #exec(
    script: string,
    words: readonly string[],
    ends: Ends,
    folder: string,
  ): Promise<number> {
    const { node, plan, environment } = this.#options;
    if (node.state !== 'running') throw notRunning(node, plan.name);
    const tty = isTerminal(ends);
    const own = { CORRAL_NAME: plan.name, CORRAL_NODE_NAME: node.name };
    const term = tty ? { TERM: environment['TERM'] ?? 'xterm' } : {};
    const line = ['sh', '-c', script, 'corral', ...words];
    const container = await this.#container();
    try {
      return await execForUser(container, line, ends, {
        environment: { ...own, ...term },
        folder,
        tty,
      });
    } catch (error) {
      if (error instanceof ClusterError) throw error;
      throw new ClusterError(
        'E_FAILED',
        `nothing can be run on ${node.name}: ${engineMessage(error)}`,
        { cause: error, remedies: [`corral node inspect ${node.name}${nameFlag(plan.name)}`] },
      );
    }
  }

  async #container(): Promise<Docker.Container> {
    const { state } = this.#options;
    const { docker } = await this.#connect();
    return docker.getContainer(engineName(keyOf(state), this.node));
  }

  #connect(): Promise<Engine> {
    const { plan, environment } = this.#options;
    this.#engine ??= connectEngine(
      plan.engine === undefined ? environment : { DOCKER_HOST: plan.engine },
    );
    return this.#engine;
  }
}
