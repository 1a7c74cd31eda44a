// One node as plain processes: a folder as its root file system, its cloud-config applied there, and
// a supervisor that runs its units.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { applyPlan, parseUserData, planCloudConfig, rootTarget } from '@corral/cloudinit';
import { dialVariable } from '@corral/kit';
import type { Clock, Logger } from '@corral/kit';
import { Supervisor, writeUnit } from '@corral/units';
import type { UnitState } from '@corral/units';
import { shippedFiles, shippedUnits } from '../defaults.js';
import { addressed } from '../plan.js';
import type { ClusterPlan, NodePlan } from '../plan.js';
import { mapEnvironment, mapUrls, resolveExecutable } from './mapping.js';
import type { OwnPrograms } from './mapping.js';

export const storeUnit = 'etcd2.service';
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
  /** host:port of the discovery proxy, and the CA file that nodes trust. */
  readonly discoveryProxy: string;
  readonly authorityFile: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The store became ready or ended. */
  readonly onStore: (up: boolean) => void;
};

export type NodeUrls = { readonly client: readonly string[]; readonly peer: readonly string[] };

export class ProcessNode {
  readonly plan: NodePlan;
  readonly root: string;
  readonly #options: ProcessNodeOptions;
  readonly #supervisor: Supervisor;
  #reports: readonly string[] = [];

  constructor(options: ProcessNodeOptions) {
    this.#options = options;
    this.plan = options.node;
    this.root = options.root;
    const { node, root, programs, bootId, clock, logger } = options;
    this.#supervisor = new Supervisor({
      root,
      logFolder: options.logFolder,
      clock,
      logger: logger.child({ node: node.name }),
      mapping: {
        specifiers: { hostname: node.hostname, machineId: node.machineId, bootId },
        baseEnvironment: this.baseEnvironment(),
        mapEnvironment: (environment) => ({
          ...mapEnvironment(environment, { address: node.address, root }),
          ...node.environment,
        }),
        resolveExecutable: (path) => resolveExecutable(path, root, programs, options.nodeBinary),
        isOwnServer: (path) => {
          const found = resolveExecutable(path, root, programs, options.nodeBinary);
          return found?.file === options.nodeBinary && found.words.length === 1;
        },
      },
      onChange: (unit, state) => {
        if (unit === storeUnit) options.onStore(state === 'active');
      },
    });
  }

  /** The skeleton of the root, then the user's config below it. Rejects with CloudinitError. */
  async configure(): Promise<void> {
    this.#writeSkeleton();
    const { node } = this.#options;
    const data = parseUserData(addressed(node));
    if (data.kind !== 'cloud-config') return;
    const addresses = { privateIpv4: node.address, publicIpv4: node.address };
    // Commands on units come after boot's own order: they are kept until then.
    const deferred: (readonly [string, string])[] = [];
    const target = rootTarget({
      root: this.root,
      units: {
        daemonReload: () => this.#supervisor.daemonReload(),
        enable: (unit, how) => this.#supervisor.enable(unit, how),
        command: (command, unit) => {
          deferred.push([command, unit]);
          return Promise.resolve('done');
        },
      },
    });
    const report = await applyPlan(planCloudConfig(data.config, addresses), target);
    this.#reports = report.problems;
    this.#commands = deferred;
  }

  #commands: readonly (readonly [string, string])[] = [];

  /** Starts what the config and the system ask for; resolves when the store is ready. */
  async boot(): Promise<void> {
    const { logger, node } = this.#options;
    for (const problem of this.#reports) logger.warn(problem, { node: node.name });
    const commands = this.#commands.map(([command, unit]) =>
      this.#supervisor.command(command, unit),
    );
    await Promise.all([...commands, this.#supervisor.boot()]);
  }

  get problems(): readonly string[] {
    return this.#reports;
  }

  units(): readonly UnitState[] {
    return this.#supervisor.units();
  }

  get storePid(): number | undefined {
    return this.#supervisor.pidOf(storeUnit);
  }

  /** systemd's word for the store's unit. */
  get storeState(): string {
    return this.units().find((unit) => unit.name === storeUnit)?.state ?? 'inactive';
  }

  get storeReason(): string {
    const unit = this.units().find((one) => one.name === storeUnit);
    return unit?.reason ?? unit?.state ?? '';
  }

  /** The end of the store's log. */
  lastLogLines(count: number): readonly string[] {
    const path = join(this.#options.logFolder, `${storeUnit}.log`);
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-count);
  }

  stop(): Promise<void> {
    return this.#supervisor.stopAll();
  }

  kill(): Promise<void> {
    return this.#supervisor.killAll();
  }

  pause(): void {
    this.#supervisor.signalAll('SIGSTOP');
  }

  resume(): void {
    this.#supervisor.signalAll('SIGCONT');
  }

  /** What every process of the node gets, and `corral exec` too. */
  baseEnvironment(): Record<string, string> {
    const { plan, node, hostPath, discoveryProxy, authorityFile } = this.#options;
    return {
      PATH: hostPath,
      HOME: '/root',
      [markVariable]: `${this.#options.clusterFolder}#${node.name}`,
      [dialVariable]: `${plan.number}.${node.number}`,
      ETCD_DISCOVERY_PROXY: discoveryProxy,
      SSL_CERT_FILE: authorityFile,
    };
  }

  /** Where the store listens, by what its configuration says. */
  urls(): NodeUrls {
    return nodeUrls(this.plan);
  }

  #writeSkeleton(): void {
    const { node } = this.#options;
    for (const [name, text] of Object.entries(shippedUnits)) writeUnit(this.root, name, text);
    const files = {
      ...shippedFiles,
      '/etc/machine-id': `${node.machineId}\n`,
      '/etc/hostname': `${node.hostname}\n`,
    };
    for (const [path, text] of Object.entries(files)) {
      const target = join(this.root, path);
      mkdirSync(dirname(target), { recursive: true });
      if (!existsSync(target)) writeFileSync(target, text);
    }
    mkdirSync(join(this.root, 'var/lib'), { recursive: true });
  }
}

/** Client and peer URLs of a node from its cloud-config, as reached from this machine. */
export function nodeUrls(node: NodePlan): NodeUrls {
  const data = parseUserData(addressed(node));
  const options = data.kind === 'cloud-config' ? data.config.etcd2 : [];
  const listed = (name: string, fallback: readonly string[]): readonly string[] => {
    const value = options.find(({ variable }) => variable === name)?.value;
    const urls = value === undefined ? fallback : value.split(',').map((url) => url.trim());
    return [...new Set(urls.map((url) => mapUrls(url, node.address)))];
  };
  if (options.length === 0) return { client: [], peer: [] };
  const local = `http://${node.address}`;
  return {
    client: listed('ETCD_LISTEN_CLIENT_URLS', [`${local}:2379`, `${local}:4001`]),
    peer: isProxy(node) ? [] : listed('ETCD_LISTEN_PEER_URLS', [`${local}:2380`, `${local}:7001`]),
  };
}

/** Its cloud-config says `proxy: on` (or readonly): it never becomes a member. */
export function isProxy(node: NodePlan): boolean {
  const data = parseUserData(addressed(node));
  const options = data.kind === 'cloud-config' ? data.config.etcd2 : [];
  return options.some(({ variable, value }) => variable === 'ETCD_PROXY' && value !== 'off');
}

export function portsOf(urls: NodeUrls): readonly number[] {
  return [...new Set([...urls.client, ...urls.peer].map((url) => Number(new URL(url).port)))];
}
