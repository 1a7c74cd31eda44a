// From what a user asks for to a plan: names, numbers, addresses, cloud-configs. Pure; the plan is
// what is kept on disk, so a cluster that is started again is the same cluster.
import { createHash } from 'node:crypto';
import { parseUserData, substitute } from '@corral/cloudinit';
import { nodeAddress } from './addresses.js';
import { ClusterError } from './errors.js';
import { defaultCloudConfigs } from './defaults.js';
import type { RuntimeKind } from './runtime.js';

export type Role = 'central' | 'worker';

export type CloudConfigFile = { readonly file: string; readonly text: string };

export type ClusterSpec = {
  readonly name: string;
  /** Where its nodes live; plain processes unless something else is said. */
  readonly runtime?: RuntimeKind;
  readonly central: number;
  readonly workers: number;
  readonly cloudConfigs: Readonly<Partial<Record<Role, CloudConfigFile>>>;
  /** Unknown keys of a cloud-config are a warning instead of an error. */
  readonly ignoreUnknown: boolean;
};

export type NodePlan = {
  readonly name: string;
  readonly role: Role;
  /** Its place in the cluster's addresses. (addresses.ts) */
  readonly number: number;
  readonly address: string;
  readonly hostname: string;
  readonly machineId: string;
  readonly cloudConfig: CloudConfigFile;
  /** Wins over what the cloud-config says; for members that join a running cluster. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of a container: which port of 127.0.0.1 leads to which of its ports. */
  readonly published?: Readonly<Record<string, number>>;
};

export type ClusterPlan = {
  readonly schema: 1;
  readonly name: string;
  readonly runtime: RuntimeKind;
  /** Which addresses are its nodes'. (addresses.ts) */
  readonly number: number;
  readonly discoveryPort: number;
  readonly token: string;
  /** Tokens that the cloud-configs name on the public service: issued with the cluster's size. */
  readonly publicTokens: readonly string[];
  readonly size: number;
  readonly nodes: readonly NodePlan[];
  readonly createdAt: string;
  /** Of containers: the address of the engine they are on. */
  readonly engine?: string;
};

/** What all nodes of a cluster share. */
type Scene = Pick<ClusterPlan, 'runtime' | 'number' | 'discoveryPort' | 'token'>;

export type PlanWarning = { readonly text: string };

const centralMax = 99;
const workersMax = 140;
const namePattern = /^[a-z0-9][a-z0-9_-]{0,38}$/;
export const publicHost = 'discovery.etcd.io';
/** A host name is the name of the node and of its folder, too. (RFC 1123) */
const hostnamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** What commands take for something else than the name of a node. */
const reservedName = /^(leader|follower|worker|any|discovery|\d+)$/;

/** Throws ClusterError E_CONFIG or E_CLOUD_CONFIG; nothing has been touched then. */
export function makePlan(
  spec: ClusterSpec,
  given: {
    readonly number: number;
    readonly discoveryPort: number;
    readonly token: string;
    readonly createdAt: string;
  },
): { readonly plan: ClusterPlan; readonly warnings: readonly PlanWarning[] } {
  checkSpec(spec);
  const warnings: PlanWarning[] = [];
  if (spec.central % 2 === 0) {
    const same = spec.central - 1;
    warnings.push({
      text: `${spec.central} central nodes tolerate no more failures than ${same}: an even number adds none`,
    });
  }
  const runtime = spec.runtime ?? 'process';
  const scene = { ...given, runtime };
  const nodes: NodePlan[] = [];
  for (let i = 1; i <= spec.central; i += 1) {
    nodes.push(planNode(spec, 'central', i, scene));
  }
  for (let i = 1; i <= spec.workers; i += 1) {
    nodes.push(planNode(spec, 'worker', i, scene));
  }
  const tokens = new Set<string>();
  for (const node of nodes) {
    const { discovery, found } = inspectCloudConfig(node, spec);
    warnings.push(...found);
    const url = discovery === undefined ? undefined : safeUrl(discovery);
    const token = url?.hostname === publicHost ? url.pathname.replaceAll('/', '') : '';
    if (token !== '') tokens.add(token);
  }
  const plan: ClusterPlan = {
    schema: 1,
    name: spec.name,
    runtime,
    number: given.number,
    discoveryPort: given.discoveryPort,
    token: given.token,
    publicTokens: [...tokens],
    size: spec.central,
    nodes: applyHostnames(nodes, spec),
    createdAt: given.createdAt,
  };
  return { plan, warnings: unique(warnings) };
}

/** A node that is added later: the next free name of its role. */
export function planAddedNode(
  plan: ClusterPlan,
  role: Role,
  environment: Readonly<Record<string, string>>,
): NodePlan {
  const used = new Set(plan.nodes.map((node) => node.name));
  let index = 1;
  while (used.has(nodeName(role, index))) index += 1;
  const like = plan.nodes.find((node) => node.role === role);
  const cloudConfigs = like === undefined ? {} : { [role]: like.cloudConfig };
  if (like !== undefined && hostnameOf(like) !== '') {
    throw sharedHostname(like, plan.nodes.filter((node) => node.role === role).length + 1);
  }
  const spec = { name: plan.name, central: 0, workers: 0, cloudConfigs, ignoreUnknown: true };
  return { ...planNode(spec, role, index, plan), environment };
}

/** A number for a name, to begin probing with: 2..250. */
export function firstNumber(name: string): number {
  const digest = createHash('sha256').update(name).digest();
  return 2 + (digest.readUInt32BE(0) % 249);
}

function nodeName(role: Role, index: number): string {
  return `${role === 'central' ? 'n' : 'w'}${index}`;
}

function planNode(spec: ClusterSpec, role: Role, index: number, scene: Scene): NodePlan {
  const number = role === 'central' ? index : 100 + index;
  const name = nodeName(role, index);
  const machineId = createHash('md5').update(`${spec.name}/${name}`).digest('hex');
  const cloudConfig = spec.cloudConfigs[role] ?? {
    file: `built-in ${role}.yaml`,
    text: builtInCloudConfig(role, discoveryUrlOf(scene)),
  };
  const address = nodeAddress(scene.runtime, scene.number, number);
  return { name, role, number, address, hostname: name, machineId, cloudConfig, environment: {} };
}

/** The text of a role's cloud-config in a cluster that is planned already. */
export function planCloudConfigText(
  given: CloudConfigFile | undefined,
  role: Role,
  plan: ClusterPlan,
): string {
  return given?.text ?? builtInCloudConfig(role, discoveryUrlOf(plan));
}

/** As the nodes of the cluster reach it. */
function discoveryUrlOf({ runtime, discoveryPort, token }: Scene): string {
  return runtime === 'docker'
    ? `https://${publicHost}/${token}`
    : `http://127.0.0.1:${discoveryPort}/${token}`;
}

function builtInCloudConfig(role: Role, discoveryUrl: string): string {
  return defaultCloudConfigs[role].replaceAll('DISCOVERY_URL', discoveryUrl);
}

/** What the plan needs of a cloud-config; its errors end the plan. */
function inspectCloudConfig(
  node: NodePlan,
  spec: ClusterSpec,
): { readonly discovery: string | undefined; readonly found: readonly PlanWarning[] } {
  const { file, text } = node.cloudConfig;
  const data = parseUserData(addressed(node));
  const bad = data.findings.filter(
    (one) => one.severity === 'error' || (one.unknownKey && !spec.ignoreUnknown),
  );
  if (data.kind === 'script' || data.kind === 'empty' || data.kind === 'ignition') {
    const what = { script: 'a script', empty: 'empty', ignition: 'an Ignition config' }[data.kind];
    throw new ClusterError('E_CLOUD_CONFIG', `${file} is ${what}; a cloud-config is needed`);
  }
  if (data.kind === 'error' || bad.length > 0) {
    const [first] = bad.length > 0 ? bad : data.findings;
    const place = first === undefined ? file : `${file}:${first.line}:${first.column}`;
    const more = bad.length > 1 ? ` (and ${bad.length - 1} more)` : '';
    const hint = first?.hint === undefined ? '' : `, ${first.hint}`;
    throw new ClusterError('E_CLOUD_CONFIG', `${place}  ${first?.message ?? ''}${hint}${more}`, {
      details: { file, findings: bad, text },
      remedies: [
        'correct the file',
        ...(bad.every((one) => one.unknownKey) ? ['--ignore-unknown turns it into a warning'] : []),
      ],
    });
  }
  const found = data.findings.map((one) => ({
    text: `${file}:${one.line}:${one.column} ${one.message}`,
  }));
  const discovery = data.config.etcd2.find(({ variable }) => variable === 'ETCD_DISCOVERY')?.value;
  return { discovery, found };
}

/** A host name in the file is the node's; in a file of several nodes it is a mistake. */
function applyHostnames(nodes: readonly NodePlan[], spec: ClusterSpec): NodePlan[] {
  const named = nodes.map((node) => {
    const hostname = hostnameOf(node);
    if (hostname === '') return node;
    const count = node.role === 'central' ? spec.central : spec.workers;
    if (count > 1) throw sharedHostname(node, count);
    if (hostnamePattern.test(hostname) && !reservedName.test(hostname)) {
      return { ...node, name: hostname, hostname };
    }
    throw new ClusterError(
      'E_CLOUD_CONFIG',
      `${node.cloudConfig.file} sets hostname: ${hostname}, which cannot be the name of a node`,
      { remedies: ['use letters, digits, ".", "-" and "_", at most 63, and no word for a role'] },
    );
  });
  const names = named.map((node) => node.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return named;
  throw new ClusterError('E_CONFIG', `two nodes are called ${twice}`, {
    remedies: ['give each cloud-config a host name of its own, other than n1 n2 w1 w2'],
  });
}

function hostnameOf(node: NodePlan): string {
  const data = parseUserData(addressed(node));
  return data.kind === 'cloud-config' ? data.config.hostname : '';
}

function sharedHostname(node: NodePlan, count: number): ClusterError {
  const option = node.role === 'central' ? 'central' : 'workers';
  return new ClusterError(
    'E_CLOUD_CONFIG',
    `${node.cloudConfig.file} sets hostname: ${hostnameOf(node)} and serves ${count} nodes: they ` +
      'would all have the same name',
    { remedies: ['leave hostname out', `use the file for one node: --${option} 1`] },
  );
}

/** The node's cloud-config with its addresses in place. */
export function addressed(node: NodePlan): string {
  const { address } = node;
  return substitute(node.cloudConfig.text, { privateIpv4: address, publicIpv4: address });
}

function checkSpec({ name, central, workers }: ClusterSpec): void {
  const bad = (message: string): ClusterError => new ClusterError('E_CONFIG', message);
  if (!namePattern.test(name)) {
    throw bad(`"${name}" is no name for a cluster: use a-z, 0-9, - and _, at most 39`);
  }
  if (!Number.isInteger(central) || central < 1 || central > centralMax) {
    throw bad(`--central ${central}: between 1 and ${centralMax} central nodes`);
  }
  if (!Number.isInteger(workers) || workers < 0 || workers > workersMax) {
    throw bad(`--workers ${workers}: between 0 and ${workersMax} workers`);
  }
}

function safeUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function unique(warnings: readonly PlanWarning[]): PlanWarning[] {
  return [...new Map(warnings.map((one) => [one.text, one])).values()];
}
