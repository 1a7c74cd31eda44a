// User-data to a typed config. What does not fit is dropped, as in the original; the findings say
// so.
import type { Finding } from './findings.js';
import type { Option } from './options.js';
import {
  etcd2Options,
  etcdOptions,
  flannelOptions,
  fleetOptions,
  locksmithOptions,
} from './options.js';
import { readTree } from './tree.js';
import type { Position, TreeNode } from './tree.js';
import { isIgnition } from './user-data.js';
import { validateTree } from './validate.js';

export type Assignment = { readonly variable: string; readonly value: string };

export type UserConfig = {
  readonly name: string;
  readonly passwd: string;
  readonly gecos: string;
  readonly homedir: string;
  readonly noCreateHome: boolean;
  readonly primaryGroup: string;
  readonly groups: readonly string[];
  readonly noUserGroup: boolean;
  readonly system: boolean;
  readonly noLogInit: boolean;
  readonly shell: string;
  readonly sshAuthorizedKeys: readonly string[];
  /** Keys from GitHub or a URL: not there yet. */
  readonly importsKeys: boolean;
  readonly line: number;
};

export type FileConfig = {
  readonly path: string;
  /** As the config has it, still encoded. */
  readonly content: Buffer;
  readonly owner: string;
  readonly permissions: string;
  readonly encoding: string;
  readonly line: number;
};

export type DropInConfig = { readonly name: string; readonly content: string };

export type UnitConfig = {
  readonly name: string;
  readonly runtime: boolean;
  readonly enable: boolean;
  readonly content: string;
  readonly command: string;
  readonly mask: boolean;
  readonly dropIns: readonly DropInConfig[];
  /** Where the config has it; 0 for units that a section implies. */
  readonly line: number;
};

export type CloudConfig = {
  readonly hostname: string;
  readonly sshAuthorizedKeys: readonly string[];
  readonly users: readonly UserConfig[];
  readonly writeFiles: readonly FileConfig[];
  readonly manageEtcHosts: string;
  readonly etcd: readonly Assignment[];
  readonly etcd2: readonly Assignment[];
  readonly fleet: readonly Assignment[];
  readonly locksmith: readonly Assignment[];
  readonly flannel: readonly Assignment[];
  readonly oem: ReadonlyMap<string, string>;
  readonly update: ReadonlyMap<string, string>;
  readonly units: readonly UnitConfig[];
};

export type UserData =
  | {
      readonly kind: 'cloud-config';
      readonly config: CloudConfig;
      readonly findings: readonly Finding[];
    }
  /** Known, and not applied by this package. */
  | { readonly kind: 'script'; readonly findings: readonly Finding[] }
  | { readonly kind: 'ignition'; readonly findings: readonly Finding[] }
  | { readonly kind: 'empty'; readonly findings: readonly Finding[] }
  | { readonly kind: 'error'; readonly findings: readonly Finding[]; readonly isYaml: boolean };

/**
 * Reads user-data and says all that is wrong with it; never throws. Substitute addresses before
 * (substitute.ts). The kind is told by the first line.
 * (coreos-cloudinit 1.9.3, initialize/user_data.go)
 */
export function parseUserData(text: string): UserData {
  if (text === '') return { kind: 'empty', findings: [] };
  const firstLine = text.split('\n', 1)[0] ?? '';
  if (firstLine.startsWith('#!')) return { kind: 'script', findings: [] };
  if (firstLine.replace(/[\s\u0085]+$/, '') !== '#cloud-config') {
    if (isIgnition(text)) return { kind: 'ignition', findings: [] };
    const message = 'must be "#cloud-config" or begin with "#!"';
    const finding = failure(message, { line: 1, column: 1 });
    return { kind: 'error', findings: [finding], isYaml: false };
  }
  const tree = readTree(text);
  if (!tree.ok) {
    const { message, at, referenceLine, hint } = tree.problem;
    return {
      kind: 'error',
      findings: [{ ...failure(message, at), referenceLine, hint }],
      isYaml: true,
    };
  }
  return {
    kind: 'cloud-config',
    config: decode(tree.root),
    findings: validateTree(tree.root, text),
  };
}

/** A config that sets nothing. */
export function emptyConfig(): CloudConfig {
  return decode({ kind: 'null', at: { line: 1, column: 1 } });
}

function failure(message: string, at: Position): Finding {
  const place = { ...at, referenceLine: at.line };
  return { severity: 'error', ...place, message, hint: undefined, unknownKey: false };
}

function decode(root: TreeNode): CloudConfig {
  const coreos = valueOf(root, 'coreos');
  const section = (name: string): TreeNode | undefined => valueOf(coreos, name);
  return {
    hostname: text(root, 'hostname'),
    sshAuthorizedKeys: texts(root, 'ssh_authorized_keys'),
    users: items(root, 'users').map(decodeUser),
    writeFiles: items(root, 'write_files').map((item) => ({
      path: text(item, 'path'),
      content: bytes(item, 'content'),
      owner: text(item, 'owner'),
      permissions: text(item, 'permissions'),
      encoding: text(item, 'encoding'),
      line: item.at.line,
    })),
    manageEtcHosts: text(root, 'manage_etc_hosts'),
    etcd: assignments(section('etcd'), etcdOptions),
    etcd2: assignments(section('etcd2'), etcd2Options),
    fleet: assignments(section('fleet'), fleetOptions),
    locksmith: assignments(section('locksmith'), locksmithOptions),
    flannel: assignments(section('flannel'), flannelOptions),
    oem: named(section('oem'), ['id', 'name', 'version_id', 'home_url', 'bug_report_url']),
    update: named(section('update'), ['group', 'reboot_strategy', 'server']),
    units: items(coreos, 'units').map((item) => ({
      name: text(item, 'name'),
      runtime: flag(item, 'runtime'),
      enable: flag(item, 'enable'),
      content: text(item, 'content'),
      command: text(item, 'command'),
      mask: flag(item, 'mask'),
      dropIns: items(item, 'drop_ins').map((dropIn) => ({
        name: text(dropIn, 'name'),
        content: text(dropIn, 'content'),
      })),
      line: item.at.line,
    })),
  };
}

function decodeUser(item: TreeNode): UserConfig {
  return {
    name: text(item, 'name'),
    passwd: text(item, 'passwd'),
    gecos: text(item, 'gecos'),
    homedir: text(item, 'homedir'),
    noCreateHome: flag(item, 'no_create_home'),
    primaryGroup: text(item, 'primary_group'),
    groups: texts(item, 'groups'),
    noUserGroup: flag(item, 'no_user_group'),
    system: flag(item, 'system'),
    noLogInit: flag(item, 'no_log_init'),
    shell: text(item, 'shell'),
    sshAuthorizedKeys: texts(item, 'ssh_authorized_keys'),
    importsKeys:
      text(item, 'coreos_ssh_import_github') !== '' ||
      text(item, 'coreos_ssh_import_url') !== '' ||
      texts(item, 'coreos_ssh_import_github_users').length > 0,
    line: item.at.line,
  };
}

/** Options that are set, in the order of the table; zero values count as not set. */
function assignments(node: TreeNode | undefined, options: readonly Option[]): Assignment[] {
  const found: Assignment[] = [];
  for (const { key, type, variable } of options) {
    const value = valueOf(node, key);
    if (value?.kind !== 'scalar') continue;
    const rendered = renderOption(value, type);
    if (rendered !== undefined) found.push({ variable, value: rendered });
  }
  return found;
}

function renderOption(
  node: TreeNode & { readonly kind: 'scalar' },
  type: Option['type'],
): string | undefined {
  switch (type) {
    case 'string':
      return node.text === '' ? undefined : node.text;
    case 'bool':
      return node.type === 'bool' && node.value === true ? 'true' : undefined;
    case 'int': {
      if (node.type === 'int') return Number(node.value) === 0 ? undefined : String(node.value);
      const value = node.type === 'float' ? Math.trunc(Number(node.value)) : 0;
      return value === 0 || !Number.isFinite(value) ? undefined : String(value);
    }
    case 'float': {
      if (node.type !== 'int' && node.type !== 'float') return undefined;
      const value = Number(node.value);
      return value === 0 ? undefined : goFloat(value);
    }
    default:
      return type satisfies never;
  }
}

/** The fewest digits that tell the number, in exponent form below 1e-4 and from 1e6 on. */
export function goFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value < 0 ? '-Inf' : '+Inf';
  const [digits = '', power = '0'] = value.toExponential().split('e');
  if (Number(power) >= -4 && Number(power) < 6) return String(value);
  const sign = power.startsWith('-') ? '-' : '+';
  return `${digits}e${sign}${power.replace(/^[+-]/, '').padStart(2, '0')}`;
}

function named(node: TreeNode | undefined, keys: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const key of keys) {
    const value = text(node, key);
    if (value !== '') found.set(key, value);
  }
  return found;
}

/** The value of a key. A key that comes again adds to maps and lists, and replaces the rest. */
function valueOf(node: TreeNode | undefined, key: string): TreeNode | undefined {
  if (node?.kind !== 'map') return undefined;
  const all = node.entries.filter((entry) => entry.key === key).map(({ value }) => value);
  const last = all.findLast(({ kind }) => kind !== 'null') ?? all[0];
  if (last?.kind === 'map') {
    return { ...last, entries: all.flatMap((one) => (one.kind === 'map' ? one.entries : [])) };
  }
  if (last?.kind === 'list') {
    return { ...last, items: all.flatMap((one) => (one.kind === 'list' ? one.items : [])) };
  }
  return last;
}

function text(node: TreeNode | undefined, key: string): string {
  const value = valueOf(node, key);
  return value?.kind === 'scalar' ? value.text : '';
}

function bytes(node: TreeNode | undefined, key: string): Buffer {
  const value = valueOf(node, key);
  if (value?.kind !== 'scalar') return Buffer.alloc(0);
  return value.bytes ?? Buffer.from(value.text);
}

function flag(node: TreeNode | undefined, key: string): boolean {
  const value = valueOf(node, key);
  return value?.kind === 'scalar' && value.type === 'bool' && value.value === true;
}

function items(node: TreeNode | undefined, key: string): readonly TreeNode[] {
  const value = valueOf(node, key);
  return value?.kind === 'list' ? value.items.filter((item) => item.kind === 'map') : [];
}

function texts(node: TreeNode | undefined, key: string): readonly string[] {
  const value = valueOf(node, key);
  if (value?.kind !== 'list') return [];
  return value.items.flatMap((item) =>
    item.kind === 'scalar' ? [item.text] : item.kind === 'null' ? [''] : [],
  );
}
