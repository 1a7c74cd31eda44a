// The discovery service as a container: under the name of the public one, over TLS with a certificate
// of the cluster's own CA, so that a cloud-config with the public address boots as it is.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { poll } from '@corral/kit';
import type { Clock } from '@corral/kit';
import { clusterNetwork } from '../addresses.js';
import { issueCertificates } from '../ca.js';
import { ClusterError } from '../errors.js';
import { publicHost } from '../plan.js';
import type { ClusterPlan } from '../plan.js';
import { ask } from '../store-probe.js';
import { bootLimitMs } from '../time-limit.js';
import { statusOf } from './engine.js';
import type { Engine } from './engine.js';
import { authorityLabel, clusterLabels, engineName } from './labels.js';
import type { ClusterKey } from './labels.js';
import { devMount } from './node-container.js';
import { nodeError, removeContainer } from './removal.js';
import { tarOf } from './tar.js';

export type DockerDiscoveryOptions = {
  readonly engine: Engine;
  readonly key: ClusterKey;
  readonly plan: ClusterPlan;
  readonly image: () => Promise<string>;
  /** Makes what the container needs, and then itself. */
  readonly prepare: () => Promise<unknown>;
  /** The cluster's folder. */
  readonly folder: string;
  readonly clock: Clock;
};

const plainPort = 80;

export class DockerDiscovery {
  readonly containerName: string;
  readonly devFolder: string;
  readonly #options: DockerDiscoveryOptions;
  #authority: string | undefined;

  constructor(options: DockerDiscoveryOptions) {
    this.#options = options;
    this.containerName = engineName(options.key, 'discovery');
    this.devFolder = join(options.folder, 'discovery', 'dev');
  }

  /** The certificate of the cluster's CA: makes the container, which carries it, if there is none. */
  async authority(): Promise<string> {
    if (this.#authority === undefined) await this.#make();
    return this.#authority ?? '';
  }

  /** Makes the container with a new CA, or takes the CA of the one that is there. */
  async #make(): Promise<void> {
    const { engine, plan, clock } = this.#options;
    const there = await this.look();
    // One that never ran may have been left without its certificate.
    if (there?.State.Status === 'created') await removeContainer(engine, this.containerName);
    else if (there !== undefined) {
      this.#authority = there.Config.Labels[authorityLabel] ?? '';
      return;
    }
    const { authority, server } = issueCertificates({
      authorityName: `Corral ${plan.name}`,
      hosts: [publicHost],
      now: clock.wallTime(),
    });
    try {
      const container = await engine.docker.createContainer(
        await this.#containerOptions(authority),
      );
      const files = await tarOf([
        { path: '/etc/corral/discovery.crt', text: server.cert },
        { path: '/etc/corral/discovery.key', text: server.key, mode: 0o600 },
      ]);
      await container.putArchive(files, { path: '/' });
      this.#authority = authority;
    } catch (error) {
      await removeContainer(engine, this.containerName);
      throw nodeError('the discovery service', 'created', error);
    }
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const { engine, plan, prepare, clock } = this.#options;
    await prepare();
    await engine.docker
      .getContainer(this.containerName)
      .start()
      .catch((error: unknown) => {
        if (statusOf(error) !== 304) throw nodeError('the discovery service', 'started', error);
      });
    const health = `http://127.0.0.1:${plan.discoveryPort}/health`;
    const answers = async (): Promise<true | undefined> => {
      if ((await ask(health))?.status === 200) return true;
      if ((await this.look())?.State.Running !== true) throw await this.#died();
      return undefined;
    };
    const what = 'the discovery service to answer';
    await poll(answers, { clock, what, timeoutMs: bootLimitMs, intervalMs: 20 });
  }

  async #died(): Promise<ClusterError> {
    const container = this.#options.engine.docker.getContainer(this.containerName);
    const log = await container.logs({ stdout: true, stderr: true, tail: 3 });
    // Without a terminal each piece has a head of eight bytes.
    const lines = log
      .toString('utf8')
      .split('\n')
      .map((line) => line.replace(/^[^]{7}./, ''));
    return new ClusterError('E_FAILED', 'the discovery service ended when it was started', {
      details: { container: this.containerName, log: lines.filter((line) => line !== '') },
      remedies: [`docker logs ${this.containerName}`],
    });
  }

  async stop(): Promise<void> {
    await this.#options.engine.docker
      .getContainer(this.containerName)
      .stop({ t: 5 })
      .catch((error: unknown) => {
        if (![304, 404].includes(statusOf(error) ?? 0)) {
          throw nodeError('the discovery service', 'stopped', error);
        }
      });
  }

  async look(): Promise<Docker.ContainerInspectInfo | undefined> {
    try {
      return await this.#options.engine.docker.getContainer(this.containerName).inspect();
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw nodeError('the discovery service', 'looked at', error);
    }
  }

  async #containerOptions(authority: string): Promise<Docker.ContainerCreateOptions> {
    const { engine, key, plan, image } = this.#options;
    if (engine.isLocal) mkdirSync(this.devFolder, { recursive: true, mode: 0o755 });
    const network = engineName(key, undefined);
    const tokens = [...new Set([plan.token, ...plan.publicTokens])];
    return {
      name: this.containerName,
      Image: await image(),
      Labels: { ...clusterLabels(key), [authorityLabel]: authority },
      Entrypoint: ['/usr/bin/discovery-service'],
      Cmd: [
        ...['--addr', '0.0.0.0:443', '--plain-addr', `0.0.0.0:${plainPort}`],
        ...['--cert-file', '/etc/corral/discovery.crt'],
        ...['--key-file', '/etc/corral/discovery.key'],
        ...['--data-dir', '/var/lib/discovery'],
        ...tokens.flatMap((token) => ['--token', `${token}=${plan.size}`]),
      ],
      StopSignal: 'SIGTERM',
      ExposedPorts: { [`${plainPort}/tcp`]: {} },
      HostConfig: {
        NetworkMode: network,
        RestartPolicy: { Name: 'unless-stopped' },
        Mounts: [...devMount(engine.isLocal ? this.devFolder : undefined)],
        PortBindings: {
          [`${plainPort}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: String(plan.discoveryPort) }],
        },
      },
      NetworkingConfig: {
        EndpointsConfig: {
          [network]: {
            IPAMConfig: { IPv4Address: clusterNetwork(plan.number).discovery },
            Aliases: [publicHost],
          },
        },
      },
    };
  }
}
