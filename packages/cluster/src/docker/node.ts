// One node as a container whose first process is systemd. What it is, the engine knows: a handle keeps
// nothing but what it was given, so that any keeper can take over from another.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { Logger } from '@corral/kit';
import { startFailure, storeUnit, unitFailure } from '../boot-failure.js';
import { ClusterError } from '../errors.js';
import { nodeUrls } from '../node-urls.js';
import type { ClusterPlan, NodePlan } from '../plan.js';
import type { InspectOptions, NodeFacts, NodeHandle, NodeState } from '../runtime.js';
import { statusOf } from './engine.js';
import type { Engine } from './engine.js';
import { execIn } from './exec.js';
import type { ExecResult } from './exec.js';
import { engineName, nodeLabels } from './labels.js';
import type { ClusterKey } from './labels.js';
import { nodeFiles } from './node-files.js';
import { nodeError, removeContainer, removeVolume } from './removal.js';
import { runsInnerEngine } from './published.js';
import { tarOf } from './tar.js';
import { readJournal } from './journal.js';
import { mainPid, readUnits } from './unit-facts.js';

export type DockerNodeOptions = {
  readonly engine: Engine;
  readonly key: ClusterKey;
  readonly plan: ClusterPlan;
  readonly node: NodePlan;
  /** The cluster's folder on this machine; the engine's own machine, where `engine.isLocal`. */
  readonly folder: string;
  readonly image: () => Promise<string>;
  readonly authority: () => Promise<string>;
  readonly publicKey: () => Promise<string>;
  /** It runs again: what is in force on its links has ended with its last life. */
  readonly onStarted: (node: NodePlan) => Promise<void>;
  readonly logger: Logger;
};

/** systemd's own signal for an orderly halt. (systemd(1), SIGRTMIN+3) */
const stopSignal = 'SIGRTMIN+3';
const stopSeconds = 10;
/** An exec costs a process on either side: who asks often is told the same. */
const unitsKeptMs = 1_000;

/** Where a node finds what lies in its `devFolder`. */
export const devFolderInside = '/usr/lib/corral/dev';

export class DockerNode implements NodeHandle {
  readonly plan: NodePlan;
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
  readonly containerName: string;
  readonly devFolder: string;
  readonly #options: DockerNodeOptions;
  #units: { readonly at: number; readonly read: Promise<string> } | undefined;
  /** Ended while it started: it stays so. */
  #life = 0;
  #starting: Promise<unknown> = Promise.resolve();

  constructor(options: DockerNodeOptions) {
    this.#options = options;
    this.plan = options.node;
    this.containerName = engineName(options.key, options.node.name);
    this.devFolder = join(options.folder, 'nodes', options.node.name, 'dev');
    const urls = nodeUrls(options.node);
    const published = options.node.published ?? {};
    this.clientUrls = urls.client.flatMap((url) => {
      const port = published[new URL(url).port];
      return port === undefined ? [] : [`http://127.0.0.1:${port}`];
    });
    this.peerUrls = urls.peer;
  }

  /** Makes the container, if there is none yet, without starting it. Throws ClusterError. */
  async prepare(): Promise<void> {
    const { engine, node, publicKey } = this.#options;
    const authority = await this.#options.authority();
    const options = await this.#containerOptions();
    let container: Docker.Container;
    try {
      container = await engine.docker.createContainer(options);
    } catch (error) {
      if (statusOf(error) === 409) return;
      throw this.#failed('created', error);
    }
    const files = nodeFiles({
      node,
      authority,
      publicKey: await publicKey(),
    });
    await container.putArchive(await tarOf(files), { path: '/' }).catch(async (error: unknown) => {
      await container.remove({ force: true, v: true });
      throw this.#failed('given its files', error);
    });
  }

  async start(): Promise<void> {
    const life = (this.#life += 1);
    const facts = await this.#look();
    if (facts?.State.Paused === true) {
      await this.#container.unpause().catch((error: unknown) => {
        throw this.#failed('continued', error);
      });
      return;
    }
    if (facts === undefined) await this.prepare();
    this.#checkWanted(life);
    if (facts?.State.Running !== true) {
      this.#starting = this.#container.start().catch((error: unknown) => {
        if (statusOf(error) !== 304) throw this.#failed('started', error);
      });
      await this.#starting;
      this.#checkWanted(life);
    }
    await this.#options.onStarted(this.plan);
    const ready = await this.run('/usr/lib/corral/wait-ready').catch((error: unknown) => error);
    this.#units = undefined;
    this.#checkWanted(life);
    await this.#checkReady(ready);
  }

  async stop(): Promise<void> {
    this.#life += 1;
    await this.#starting.catch(() => undefined);
    // The engine lets a paused container go on before it stops it.
    await this.#end('stopped', () => this.#container.stop({ t: stopSeconds }));
  }

  async kill(): Promise<void> {
    this.#life += 1;
    await this.#starting.catch(() => undefined);
    const facts = await this.#look();
    if (facts?.State.Running !== true) return;
    await this.#end('killed', () => this.#container.kill({ signal: 'SIGKILL' }));
    await this.#container.wait({ condition: 'not-running' }).catch(() => undefined);
  }

  async pause(): Promise<void> {
    const { state } = await this.#state();
    if (state !== 'running') {
      const { name } = this.plan;
      throw new ClusterError(
        'E_FAILED',
        `${name} is ${state}: only a node that runs can be paused`,
      );
    }
    await this.#container.pause().catch((error: unknown) => {
      throw this.#failed('paused', error);
    });
  }

  async restartUnit(unit: string): Promise<void> {
    const { state } = await this.#state();
    if (state !== 'running') {
      throw await unitFailure(this, unit, `cannot be restarted: the node is ${state}`);
    }
    // What was restarted too often is started all the same. One exec: each costs as much as a start.
    const script = 'systemctl reset-failed "$0" 2> /dev/null; exec systemctl restart "$0"';
    const result = await this.exec(['/bin/sh', '-c', script, unit]);
    this.#units = undefined;
    if (result.code === 0) return;
    throw await unitFailure(this, unit, `does not come up (${result.stderr.trim()})`);
  }

  /** Ends it and removes it with its volume. */
  async remove(): Promise<void> {
    this.#life += 1;
    await removeContainer(this.#options.engine, this.containerName);
    await removeVolume(this.#options.engine, this.#volume);
  }

  async inspect(options?: InspectOptions): Promise<NodeFacts> {
    const { state, container } = await this.#state();
    if (options?.units === false) return { state, pid: null, container, root: null, units: [] };
    // A paused one tells nothing: it is as it was.
    const text =
      state === 'running'
        ? await this.#readUnits()
        : state === 'paused'
          ? ((await this.#units?.read) ?? '')
          : '';
    const pid = mainPid(text, storeUnit);
    return { state, pid, container, root: null, units: readUnits(text) };
  }

  async lastLogLines(count: number): Promise<readonly string[]> {
    // What systemd says of the unit is among them: more are read than are wanted.
    const lines = String(count + 20);
    const words = ['journalctl', '-q', '-u', storeUnit, '-n', lines, '-o', 'json'];
    const result = await this.exec(words).catch(() => undefined);
    return readJournal(result?.stdout ?? '').slice(-count);
  }

  /** Throws ClusterError E_FAILED where it does not run. */
  exec(words: readonly string[], stdin?: string): Promise<ExecResult> {
    const options = stdin === undefined ? {} : { stdin };
    return execIn(this.#options.engine, this.containerName, words, options);
  }

  run(script: string): Promise<ExecResult> {
    return this.exec(['sh', '-c', script]);
  }

  async isRunning(): Promise<boolean> {
    return (await this.#state()).state === 'running';
  }

  // own affairs

  get #container(): Docker.Container {
    return this.#options.engine.docker.getContainer(this.containerName);
  }

  get #volume(): string {
    return engineName(this.#options.key, `${this.plan.name}-docker`);
  }

  async #look(): Promise<Docker.ContainerInspectInfo | undefined> {
    try {
      return await this.#container.inspect();
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw this.#failed('looked at', error);
    }
  }

  async #state(): Promise<{ readonly state: NodeState; readonly container: string | null }> {
    const facts = await this.#look();
    if (facts === undefined) return { state: 'stopped', container: null };
    return { state: nodeStateOf(facts.State), container: facts.Id };
  }

  #readUnits(): Promise<string> {
    const now = performance.now();
    if (this.#units === undefined || now - this.#units.at > unitsKeptMs) {
      const read = this.exec(['/usr/lib/corral/units']).then(
        ({ stdout }) => stdout,
        () => '',
      );
      this.#units = { at: now, read };
    }
    return this.#units.read;
  }

  async #end(what: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      // Not there, or ended already.
      if (![304, 404, 409].includes(statusOf(error) ?? 0)) throw this.#failed(what, error);
    }
  }

  async #checkReady(ready: unknown): Promise<void> {
    const result = ready as ExecResult;
    if (!(ready instanceof Error) && result.code === 0) return;
    const units = readUnits(ready instanceof Error ? '' : result.stdout);
    const store = units.find((unit) => unit.name === storeUnit);
    if (store !== undefined && store.state !== 'active') {
      throw await startFailure(this, store.reason ?? store.state);
    }
    const { name } = this.plan;
    if (!(await this.isRunning())) throw await this.#diedAtBoot();
    const why = ready instanceof Error ? ready.message : `${result.stdout}${result.stderr}`.trim();
    throw new ClusterError('E_FAILED', `${name} does not come up: ${why}`, {
      details: { node: name, log: why.split('\n').slice(-5) },
      remedies: [`corral up --keep-on-failure, then corral logs ${name}`],
    });
  }

  async #diedAtBoot(): Promise<ClusterError> {
    const { name } = this.plan;
    const code = (await this.#look())?.State.ExitCode ?? -1;
    return new ClusterError('E_FAILED', `${name} ended while it booted (exit code ${code})`, {
      details: { node: name, container: this.containerName },
      remedies: [
        'an engine without the capability SYS_ADMIN or private cgroup namespaces cannot run systemd',
        `docker logs ${this.containerName}`,
        'corral up --runtime process',
      ],
    });
  }

  #checkWanted(life: number): void {
    if (life === this.#life) return;
    const { name } = this.plan;
    throw new ClusterError('E_FAILED', `${name} was ended while it started`, {
      remedies: [`corral node start ${name}`],
    });
  }

  #failed(what: string, error: unknown): ClusterError {
    if (error instanceof ClusterError) return error;
    return nodeError(this.plan.name, what, error);
  }

  async #containerOptions(): Promise<Docker.ContainerCreateOptions> {
    const { engine, key, node, image } = this.#options;
    const ports = Object.entries(node.published ?? {});
    const seccomp = runsInnerEngine(node) ? ['seccomp=unconfined'] : [];
    if (engine.isLocal) mkdirSync(this.devFolder, { recursive: true });
    // The types do not know the name space of cgroups.
    const cgroups: Docker.HostConfig & { readonly CgroupnsMode: string } = {
      CgroupnsMode: 'private',
    };
    return {
      name: this.containerName,
      Image: await image(),
      Hostname: node.hostname,
      Labels: nodeLabels(key, node),
      StopSignal: stopSignal,
      StopTimeout: stopSeconds,
      Env: ['container=docker', `container_uuid=${uuidOf(node.machineId)}`],
      ExposedPorts: Object.fromEntries(ports.map(([port]) => [`${port}/tcp`, {}])),
      HostConfig: {
        NetworkMode: engineName(key, undefined),
        CapAdd: ['SYS_ADMIN', 'NET_ADMIN'],
        SecurityOpt: [...seccomp, 'apparmor=unconfined'],
        ...cgroups,
        Init: false,
        RestartPolicy: { Name: 'on-failure' },
        Tmpfs: {
          '/run': 'rw,nosuid,nodev,mode=755,size=64m',
          '/run/lock': 'rw,nosuid,nodev,noexec,size=5m',
          '/tmp': 'rw,nosuid,nodev,mode=1777',
        },
        Binds: engine.isLocal ? [`${this.devFolder}:${devFolderInside}:ro`] : [],
        Mounts: [
          {
            Type: 'volume',
            Source: this.#volume,
            Target: '/var/lib/docker',
            VolumeOptions: {
              NoCopy: true,
              Labels: nodeLabels(key, node),
              DriverConfig: { Name: 'local', Options: {} },
            },
          },
        ],
        PortBindings: Object.fromEntries(
          ports.map(([port, host]) => [
            `${port}/tcp`,
            [{ HostIp: '127.0.0.1', HostPort: String(host) }],
          ]),
        ),
      },
      NetworkingConfig: {
        EndpointsConfig: {
          [engineName(key, undefined)]: {
            IPAMConfig: { IPv4Address: node.address },
            Aliases: [node.name, node.hostname],
          },
        },
      },
    };
  }
}

/** SIGKILL leaves 137, whoever sent it. */
function nodeStateOf(state: Docker.ContainerInspectInfo['State']): NodeState {
  if (state.Paused) return 'paused';
  if (state.Running && !state.Restarting) return 'running';
  return state.ExitCode === 137 ? 'killed' : 'stopped';
}

/** 32 digits in the form that systemd reads a machine id from. (machine-id(5)) */
function uuidOf(machineId: string): string {
  return machineId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
