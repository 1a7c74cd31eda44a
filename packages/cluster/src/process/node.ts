// One node as plain processes: a folder as its root file system, its cloud-config applied there, and
// a supervisor that runs its units.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as installed from '@corral/cloudinit';
import type { Clock, Logger } from '@corral/kit';
import { Supervisor, writeUnit } from '@corral/units';
import type { UnitState } from '@corral/units';
import { startFailure, storeUnit, unitFailure } from '../boot-failure.js';
import { shippedFiles, shippedUnits } from '../defaults.js';
import { loadCode } from '../dev/load-code.js';
import { ClusterError } from '../errors.js';
import { nodeUrls } from '../node-urls.js';
import { addressed } from '../plan.js';
import type { ClusterPlan, NodePlan } from '../plan.js';
import type { NodeFacts, NodeHandle, NodeState } from '../runtime.js';
import { devPath, mapEnvironment, resolveExecutable } from './mapping.js';
import type { OwnPrograms } from './mapping.js';
import { nodeEnvironment } from './node-environment.js';

/** Marks every process of a node, so that leftovers can be found. */
export const markVariable = 'CORRAL_NODE';

export type ProcessNodeOptions = {
  readonly plan: ClusterPlan;
  readonly node: NodePlan;
  readonly root: string;
  readonly logFolder: string;
  readonly clusterFolder: string;
  readonly programs: OwnPrograms;
  readonly nodeBinary: string;
  readonly hostPath: string;
  readonly bootId: string;
  /** host:port of the discovery proxy. */
  readonly discoveryProxy: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The store became ready or ended. */
  readonly onStore: (up: boolean) => void;
};

type UnitCommand = { readonly command: string; readonly unit: string };

export class ProcessNode implements NodeHandle {
  readonly plan: NodePlan;
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
  readonly devFolder: string;
  readonly #root: string;
  readonly #options: ProcessNodeOptions;
  #state: NodeState = 'stopped';
  /** Made at the first start, when it is known what the node's environment is. */
  #supervisor: Supervisor | undefined;

  constructor(options: ProcessNodeOptions) {
    this.#options = options;
    this.plan = options.node;
    this.#root = options.root;
    this.devFolder = join(options.root, devPath);
    const urls = nodeUrls(options.node);
    this.clientUrls = urls.client;
    this.peerUrls = urls.peer;
  }

  async start(): Promise<void> {
    if (this.#state === 'paused') {
      this.#goOn();
      return;
    }
    if (this.#state === 'running') return;
    this.#state = 'running';
    this.#supervisor ??= this.#createSupervisor();
    const commands = await this.#configure(this.#supervisor);
    this.#checkWanted();
    await this.#boot(this.#supervisor, commands);
    this.#checkWanted();
    // Restart=always would try for ever: what does not come up at boot is told now.
    const store = this.#unit(storeUnit);
    const state = store?.state ?? 'inactive';
    if (state === 'active' || state === 'inactive') return;
    throw await startFailure(this, store?.reason ?? state);
  }

  /** It may be stopped or killed while it starts. */
  #checkWanted(): void {
    if (this.#state === 'running' || this.#state === 'paused') return;
    const message = `${this.plan.name} was ${this.#state} while it started`;
    throw new ClusterError('E_FAILED', message, {
      remedies: [`corral node start ${this.plan.name}`],
    });
  }

  async stop(): Promise<void> {
    this.#goOn();
    this.#state = 'stopped';
    await this.#supervisor?.stopAll();
  }

  async kill(): Promise<void> {
    this.#state = 'killed';
    await this.#supervisor?.killAll();
  }

  pause(): Promise<void> {
    if (this.#state !== 'running') {
      const message = `${this.plan.name} is ${this.#state}: only a node that runs can be paused`;
      return Promise.reject(new ClusterError('E_FAILED', message));
    }
    this.#state = 'paused';
    this.#supervisor?.signalAll('SIGSTOP');
    return Promise.resolve();
  }

  async restartUnit(unit: string): Promise<void> {
    const supervisor = this.#supervisor;
    if (this.#state !== 'running' || supervisor === undefined) {
      throw await unitFailure(this, unit, `cannot be restarted: the node is ${this.#state}`);
    }
    if (this.#unit(unit) === undefined) throw await unitFailure(this, unit, 'is not there');
    supervisor.resetFailed(unit);
    const result = await supervisor.restart(unit);
    if (result === 'done') return;
    const why = this.#unit(unit)?.reason ?? result;
    throw await unitFailure(this, unit, `does not come up (${why})`);
  }

  inspect(): Promise<NodeFacts> {
    return Promise.resolve({
      state: this.#state,
      pid: this.#supervisor?.pidOf(storeUnit) ?? null,
      container: null,
      root: this.#root,
      units: this.#supervisor?.units() ?? [],
    });
  }

  lastLogLines(count: number): Promise<readonly string[]> {
    const path = join(this.#options.logFolder, `${storeUnit}.log`);
    if (!existsSync(path)) return Promise.resolve([]);
    return Promise.resolve(readFileSync(path, 'utf8').trimEnd().split('\n').slice(-count));
  }

  /**
   * The skeleton of the root, then the user's config below it; gives what it asks of units. Rejects
   * with CloudinitError.
   */
  async #configure(supervisor: Supervisor): Promise<readonly UnitCommand[]> {
    this.#writeSkeleton();
    const { node, logger } = this.#options;
    const { applyPlan, parseUserData, planCloudConfig, rootTarget } = await loadCode(
      this.devFolder,
      'coreos-cloudinit',
      installed,
    );
    const data = parseUserData(addressed(node));
    if (data.kind !== 'cloud-config') return [];
    const addresses = { privateIpv4: node.address, publicIpv4: node.address };
    // Commands on units come after boot's own order: they are kept until then.
    const commands: UnitCommand[] = [];
    const target = rootTarget({
      root: this.#root,
      units: {
        daemonReload: () => supervisor.daemonReload(),
        enable: (unit, how) => supervisor.enable(unit, how),
        command: (command, unit) => {
          commands.push({ command, unit });
          return Promise.resolve('done');
        },
      },
    });
    const report = await applyPlan(planCloudConfig(data.config, addresses), target);
    for (const problem of report.problems) logger.warn(problem, { node: node.name });
    return commands;
  }

  /** Starts what the config and the system ask for; resolves when the store is ready. */
  async #boot(supervisor: Supervisor, commands: readonly UnitCommand[]): Promise<void> {
    const asked = commands.map(({ command, unit }) => supervisor.command(command, unit));
    await Promise.all([...asked, supervisor.boot()]);
  }

  #createSupervisor(): Supervisor {
    const { node, programs, nodeBinary, bootId, clock, logger, logFolder } = this.#options;
    const root = this.#root;
    const resolve = (path: string): ReturnType<typeof resolveExecutable> =>
      resolveExecutable(path, root, programs, nodeBinary);
    return new Supervisor({
      stopMsMax: 10_000,
      root,
      logFolder,
      clock,
      logger: logger.child({ node: node.name }),
      mapping: {
        specifiers: { hostname: node.hostname, machineId: node.machineId, bootId },
        baseEnvironment: this.#baseEnvironment(),
        mapEnvironment: (environment) => ({
          ...mapEnvironment(environment, { address: node.address, root }),
          ...node.environment,
        }),
        resolveExecutable: resolve,
        isOwnServer: (path) => {
          const found = resolve(path);
          return found?.file === nodeBinary && found.words.length === 1;
        },
      },
      onChange: (unit, state) => {
        if (unit === storeUnit) this.#options.onStore(state === 'active');
      },
    });
  }

  #goOn(): void {
    this.#supervisor?.signalAll('SIGCONT');
    if (this.#state === 'paused') this.#state = 'running';
  }

  #unit(name: string): UnitState | undefined {
    return this.#supervisor?.units().find((unit) => unit.name === name);
  }

  /** What every unit of the node gets. */
  #baseEnvironment(): Record<string, string> {
    const { node, hostPath, discoveryProxy, clusterFolder } = this.#options;
    return {
      PATH: hostPath,
      HOME: '/root',
      [markVariable]: `${clusterFolder}#${node.name}`,
      ETCD_DISCOVERY_PROXY: discoveryProxy(),
      ...nodeEnvironment(this.#options),
    };
  }

  #writeSkeleton(): void {
    const { node } = this.#options;
    for (const [name, text] of Object.entries(shippedUnits)) writeUnit(this.#root, name, text);
    const files = {
      ...shippedFiles,
      '/etc/machine-id': `${node.machineId}\n`,
      '/etc/hostname': `${node.hostname}\n`,
    };
    for (const [path, text] of Object.entries(files)) {
      const target = join(this.#root, path);
      mkdirSync(dirname(target), { recursive: true });
      if (!existsSync(target)) writeFileSync(target, text);
    }
    mkdirSync(join(this.#root, 'var/lib'), { recursive: true });
  }
}
