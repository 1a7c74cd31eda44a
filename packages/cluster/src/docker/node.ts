// One node as a container whose first process is systemd. What it is, the engine knows: a handle keeps
// nothing but what it was given, so that any keeper can take over from another.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { Clock, Logger } from '@corral/kit';
import { startFailure, storeUnit, unitFailure } from '../boot-failure.js';
import { ClusterError } from '../errors.js';
import { nodeUrls } from '../node-urls.js';
import type { ClusterPlan, NodePlan } from '../plan.js';
import type { InspectOptions, NodeFacts, NodeHandle, NodeState } from '../runtime.js';
import { statusOf } from './engine.js';
import type { Engine } from './engine.js';
import { execIn } from './exec.js';
import type { ExecResult } from './exec.js';
import { engineName, isOf } from './labels.js';
import type { ClusterKey } from './labels.js';
import { nodeContainer, stopSeconds } from './node-container.js';
import { nodeFiles } from './node-files.js';
import { nodeError, removeContainer, removeVolume } from './removal.js';
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
  /** Its container may be made; else it has to be there, since it has data. */
  readonly isNew: () => boolean;
  /** It runs again: what is in force on its links has ended with its last life. */
  readonly onStarted: (node: NodePlan) => Promise<void>;
  /** It was paused, and goes on. */
  readonly onContinued: (node: NodePlan) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** An exec costs a process on either side: who asks often is told the same. */
const unitsKeptMs = 1_000;
const unitsLateMs = 2_000;

export class DockerNode implements NodeHandle {
  readonly plan: NodePlan;
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
  readonly containerName: string;
  readonly devFolder: string;
  readonly #options: DockerNodeOptions;
  #units: { readonly at: number; readonly read: Promise<void> } | undefined;
  /** What was read last. */
  #unitsText = '';
  /** How often it was ended: what starts meanwhile gives up. */
  #ends = 0;
  #start: Promise<void> | undefined;
  /** The container is being made and started: who ends it waits for that. */
  #coming: Promise<unknown> = Promise.resolve();

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

  /** Who asks while it starts joins that start. */
  start(): Promise<void> {
    if (this.#start !== undefined) return this.#start;
    const start = this.#startNow(this.#ends).finally(() => {
      if (this.#start === start) this.#start = undefined;
    });
    this.#start = start;
    return start;
  }

  async stop(): Promise<void> {
    await this.#endStart();
    if ((await this.#look()) === undefined) return;
    await this.#restartBy('no');
    // The engine lets a paused container go on before it stops it.
    await this.#end('stopped', () => this.#container.stop({ t: stopSeconds }));
  }

  async kill(): Promise<void> {
    await this.#endStart();
    const facts = await this.#look();
    if (facts?.State.Running !== true) return;
    await this.#restartBy('no');
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
    await this.#endStart();
    await removeContainer(this.#options.engine, this.containerName);
    await removeVolume(this.#options.engine, this.#volume);
  }

  async inspect(options?: InspectOptions): Promise<NodeFacts> {
    const { state, container } = await this.#state();
    if (options?.units === false) return { state, pid: null, container, root: null, units: [] };
    if (options?.fresh === true) this.#units = undefined;
    // A paused one tells nothing: it is as it was.
    if (state === 'running') await this.#readUnits();
    const text = state === 'running' || state === 'paused' ? this.#unitsText : '';
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

  async #startNow(ends: number): Promise<void> {
    const facts = await this.#look();
    if (facts?.State.Paused === true) {
      await this.#container.unpause().catch((error: unknown) => {
        throw this.#failed('continued', error);
      });
      // What was done to its links while it was paused has not reached it.
      await this.#options.onContinued(this.plan);
      return;
    }
    this.#checkWanted(ends);
    this.#coming = this.#bringUp(facts);
    await this.#coming;
    this.#checkWanted(ends);
    await this.#options.onStarted(this.plan);
    const ready = await this.run('/usr/lib/corral/wait-ready').catch((error: unknown) => error);
    this.#units = undefined;
    this.#checkWanted(ends);
    await this.#checkReady(ready);
  }

  async #bringUp(facts: Docker.ContainerInspectInfo | undefined): Promise<void> {
    const { engine, isNew } = this.#options;
    if (facts?.State.Running === true) return;
    // One that never ran holds nothing, and may have been left without its files.
    const isUnused = facts?.State.Status === 'created';
    if (facts === undefined && !isNew()) throw containerGone(this.plan.name);
    if (isUnused) await removeContainer(engine, this.containerName);
    if (facts === undefined || isUnused) await this.#make();
    else await this.#restartBy('on-failure');
    if (engine.isLocal) makeFolder(this.devFolder);
    await this.#container.start().catch((error: unknown) => {
      if (statusOf(error) !== 304) throw this.#failed('started', error);
    });
  }

  async #make(): Promise<void> {
    const { engine, key, node, publicKey } = this.#options;
    const authority = await this.#options.authority();
    const image = await this.#options.image();
    if (engine.isLocal) makeFolder(this.devFolder);
    const options = nodeContainer({
      key,
      node,
      image,
      name: this.containerName,
      volume: this.#volume,
      devFolder: engine.isLocal ? this.devFolder : undefined,
    });
    const container = await engine.docker.createContainer(options).catch((error: unknown) => {
      throw this.#failed('created', error);
    });
    const files = nodeFiles({ node, authority, publicKey: await publicKey() });
    await container.putArchive(await tarOf(files), { path: '/' }).catch(async (error: unknown) => {
      await removeContainer(engine, this.containerName);
      throw this.#failed('given its files', error);
    });
  }

  /** A start under way gives up; what it is just making is there when this resolves. */
  async #endStart(): Promise<void> {
    this.#ends += 1;
    this.#start = undefined;
    await this.#coming.catch(() => undefined);
  }

  /** Off on purpose it stays off, also over a restart of the engine. */
  async #restartBy(policy: 'no' | 'on-failure'): Promise<void> {
    await this.#end('told when to start', () =>
      this.#container.update({ RestartPolicy: { Name: policy } }),
    );
  }

  async #look(): Promise<Docker.ContainerInspectInfo | undefined> {
    const { key } = this.#options;
    try {
      const facts = await this.#container.inspect();
      if (isOf(key, facts.Config.Labels)) return facts;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw this.#failed('looked at', error);
    }
    const { name } = this.plan;
    throw new ClusterError(
      'E_FAILED',
      `a container that is not of this cluster has the name of ${name}: ${this.containerName}`,
      { remedies: [`docker inspect ${this.containerName} shows whose it is`] },
    );
  }

  async #state(): Promise<{ readonly state: NodeState; readonly container: string | null }> {
    const facts = await this.#look();
    if (facts === undefined) return { state: 'stopped', container: null };
    return { state: nodeStateOf(facts.State), container: facts.Id };
  }

  /** One that is paused meanwhile would answer when it goes on: then what was known is told. */
  async #readUnits(): Promise<void> {
    const { clock } = this.#options;
    if (this.#units === undefined || clock.now() - this.#units.at > unitsKeptMs) {
      const read = this.exec(['/usr/lib/corral/units']).then(
        ({ stdout }) => {
          this.#unitsText = stdout;
        },
        () => undefined,
      );
      this.#units = { at: clock.now(), read };
    }
    const end = new AbortController();
    const late = clock.sleep(unitsLateMs, { signal: end.signal }).catch(() => undefined);
    await Promise.race([this.#units.read, late]).finally(() => end.abort());
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

  #checkWanted(ends: number): void {
    if (ends === this.#ends) return;
    const { name } = this.plan;
    throw new ClusterError('E_FAILED', `${name} was ended while it started`, {
      remedies: [`corral node start ${name}`],
    });
  }

  #failed(what: string, error: unknown): ClusterError {
    if (error instanceof ClusterError) return error;
    return nodeError(this.plan.name, what, error);
  }
}

/** SIGKILL leaves 137, whoever sent it. */
function nodeStateOf(state: Docker.ContainerInspectInfo['State']): NodeState {
  if (state.Paused) return 'paused';
  if (state.Running && !state.Restarting) return 'running';
  return state.ExitCode === 137 ? 'killed' : 'stopped';
}

/** A new one in its place would vote for the second time, with an empty log. */
function containerGone(name: string): ClusterError {
  return new ClusterError('E_FAILED', `the container of ${name} is gone, and its data with it`, {
    details: { node: name },
    remedies: [
      `corral node rm ${name}, then corral node add: it comes back as a new member`,
      'corral down, then corral up, to begin anew',
    ],
  });
}

/** Programs of a node, which are not ours, find what lies there. */
function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
}
