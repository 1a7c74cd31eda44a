// Nodes as containers of a Docker engine. It holds nothing that the engine does not know, but the
// rules on links that were set through it.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '@corral/kit';
import type { Clock, Logger } from '@corral/kit';
import { ClusterError } from '../errors.js';
import type { ClusterPlan, NodePlan } from '../plan.js';
import type {
  DiscoveryHandle,
  LinkName,
  LinkProbe,
  LinkRule,
  NodeHandle,
  NodeRuntime,
} from '../runtime.js';
import { destroyCluster } from './clusters.js';
import { DockerDiscovery } from './discovery.js';
import type { Engine } from './engine.js';
import { watchStarts } from './events.js';
import { findNodeImage } from './image/index.js';
import type { ClusterKey } from './labels.js';
import { DockerLinks } from './links.js';
import { ensureNetwork } from './network.js';
import { DockerNode } from './node.js';
import { portsOfPlan, publishPorts } from './published.js';
import { ensureSshKey } from './ssh-key.js';

export type DockerRuntimeOptions = {
  readonly engine: Engine;
  readonly key: ClusterKey;
  readonly plan: ClusterPlan;
  /** The cluster's folder. */
  readonly folder: string;
  /** It has never been proven: its containers may be made. Those of another hold data. */
  readonly isNew: boolean;
  /** The image of the nodes; default: that of this very tree. */
  readonly image?: string;
  readonly clock: Clock;
  readonly logger: Logger;
};

const unavailable: Readonly<Record<string, string>> = {
  clock: 'containers share the clock of this machine',
  disk: 'containers share the disk of this machine',
};

export class DockerRuntime implements NodeRuntime {
  readonly kind = 'docker';
  readonly discovery: DiscoveryHandle;
  readonly #options: DockerRuntimeOptions;
  readonly #discovery: DockerDiscovery;
  readonly #links: DockerLinks;
  readonly #nodes = new Map<string, DockerNode>();
  readonly #mayMake: Set<string>;
  #events: { close(): void } | undefined;
  #plan: ClusterPlan;
  #image: Promise<string> | undefined;
  #prepared: Promise<string> | undefined;
  #discoveryUp = false;

  constructor(options: DockerRuntimeOptions) {
    this.#options = options;
    const { plan } = options;
    this.#plan = plan;
    this.#mayMake = new Set(options.isNew ? plan.nodes.map(({ name }) => name) : []);
    const image = (): Promise<string> => this.#findImage();
    const prepare = (): Promise<string> => this.#prepare();
    this.#discovery = new DockerDiscovery({ ...options, image, prepare });
    const isUp = (): boolean => this.#discoveryUp;
    this.discovery = {
      mayLag: true,
      devFolder: this.#discovery.devFolder,
      get url() {
        return isUp() ? `http://127.0.0.1:${plan.discoveryPort}` : undefined;
      },
      start: () => this.#startDiscovery(),
      stop: async () => {
        this.#discoveryUp = false;
        await this.#discovery.stop();
      },
    };
    this.#links = new DockerLinks({
      plan,
      run: async (name, script) => {
        const node = this.#nodes.get(name);
        return node !== undefined && (await node.isRunning()) ? node.run(script) : undefined;
      },
    });
  }

  unavailable(fault: string): string | undefined {
    return unavailable[fault];
  }

  async place(node: NodePlan): Promise<NodePlan> {
    const [placed = node] = await publishPorts([node], portsOfPlan(this.#plan));
    this.#mayMake.add(node.name);
    return placed;
  }

  create(node: NodePlan): NodeHandle {
    const made = new DockerNode({
      ...this.#options,
      node,
      image: () => this.#findImage(),
      authority: () => this.#prepare(),
      publicKey: () => Promise.resolve(ensureSshKey(this.#options.folder).publicKey),
      isNew: () => this.#mayMake.has(node.name),
      onStarted: async ({ name }) => {
        this.#mayMake.delete(name);
        await this.#links.applyAgain(name);
      },
      onContinued: ({ name }) => this.#links.apply(name),
    });
    this.#nodes.set(node.name, made);
    return made;
  }

  async remove(node: NodeHandle): Promise<void> {
    const { name } = node.plan;
    await node.stop();
    await this.#nodes.get(name)?.remove();
    this.#nodes.delete(name);
    // Another node of that name must not run the code that was tried on this one.
    rmSync(join(this.#options.folder, 'nodes', name), { recursive: true, force: true });
  }

  setPlan(plan: ClusterPlan): Promise<void> {
    this.#events ??= this.#watchStarts();
    this.#plan = plan;
    this.#links.setPlan(plan);
    return Promise.resolve();
  }

  setLink(link: LinkName, rule: LinkRule): Promise<void> {
    return this.#links.setRule(link, rule);
  }

  resetLink(link: LinkName): Promise<void> {
    return this.#links.reset(link);
  }

  probeLink(link: LinkName): Promise<LinkProbe> {
    return this.#links.probe(link);
  }

  /** Takes over what runs from a keeper that is gone: its rules on links end. */
  async adopt(): Promise<void> {
    const { folder, plan } = this.#options;
    const { publicKey, isNew } = ensureSshKey(folder);
    this.#discoveryUp = (await this.#discovery.look())?.State.Running === true;
    const running: DockerNode[] = [];
    for (const node of this.#nodes.values()) if (await node.isRunning()) running.push(node);
    const names = new Set(running.map((node) => node.plan.name));
    await this.#links.clear(plan.nodes.filter((node) => names.has(node.name)));
    if (!isNew) return;
    await Promise.all(
      running.map((node) =>
        node.exec(['sh', '-c', 'cat > /etc/corral/authorized_keys'], publicKey),
      ),
    );
  }

  async close(remove: boolean): Promise<void> {
    this.#events?.close();
    if (remove) await destroyCluster(this.#options.engine, this.#options.key);
    else await this.discovery.stop();
  }

  async #startDiscovery(): Promise<void> {
    await this.#discovery.start();
    this.#discoveryUp = true;
  }

  /** Reboots inside and restarts of the engine end what is in force on a node's links: set it again. */
  #watchStarts(): { close(): void } {
    const { engine, key, clock, logger } = this.#options;
    return watchStarts(engine, key, clock, (node) => {
      this.#links.applyAgain(node).catch((error: unknown) => {
        logger.warn('the links of a node that came up cannot be set', {
          node,
          error: errorMessage(error),
        });
      });
    });
  }

  /** What nodes need before they are made: their network, and the CA that they trust. */
  #prepare(): Promise<string> {
    const { engine, key, plan } = this.#options;
    this.#prepared ??= ensureNetwork(engine, key, plan).then(() => this.#discovery.authority());
    this.#prepared.catch(() => (this.#prepared = undefined));
    return this.#prepared;
  }

  #findImage(): Promise<string> {
    this.#image ??= this.#lookForImage();
    this.#image.catch(() => (this.#image = undefined));
    return this.#image;
  }

  async #lookForImage(): Promise<string> {
    const { engine, image } = this.#options;
    const found = image ?? (await findNodeImage(engine));
    if (found !== undefined) return found;
    throw new ClusterError('E_IMAGE_MISSING', 'the image of the nodes is not on this machine', {
      remedies: ['corral image build', 'corral image load FILE.tar'],
    });
  }
}
