// What may stand where: keys, types, patterns, deprecations. One description serves the validator
// and the "did you mean" of the messages.
import type { Option } from './options.js';
import {
  etcd2Options,
  etcdOptions,
  flannelOptions,
  fleetOptions,
  locksmithOptions,
} from './options.js';

export type Schema =
  | { readonly kind: 'string' | 'bool' | 'int' | 'float'; readonly pattern?: RegExp }
  | { readonly kind: 'list'; readonly of: Schema }
  | {
      readonly kind: 'map';
      readonly keys: ReadonlyMap<string, Schema>;
      readonly deprecated: ReadonlyMap<string, string>;
    };

const text: Schema = { kind: 'string' };
const flag: Schema = { kind: 'bool' };
const texts: Schema = { kind: 'list', of: text };

function pattern(expression: RegExp): Schema {
  return { kind: 'string', pattern: expression };
}

function map(
  keys: Readonly<Record<string, Schema>>,
  deprecated: Readonly<Record<string, string>> = {},
): Schema {
  return {
    kind: 'map',
    keys: new Map(Object.entries(keys)),
    deprecated: new Map(Object.entries(deprecated)),
  };
}

function section(
  options: readonly Option[],
  patterns: Readonly<Record<string, RegExp>> = {},
  deprecated: Readonly<Record<string, string>> = {},
): Schema {
  const keys = options.map(({ key, type }): [string, Schema] => {
    const expression = patterns[key];
    return [
      key,
      expression === undefined ? { kind: type } : { kind: 'string', pattern: expression },
    ];
  });
  return map(Object.fromEntries(keys), deprecated);
}

export const commandPattern =
  /^(start|stop|restart|reload|try-restart|reload-or-restart|reload-or-try-restart)$/;
export const encodingPattern = /^(base64|b64|gz|gzip|gz\+base64|gzip\+base64|gz\+b64|gzip\+b64)$/;
export const strategyPattern = /^(best-effort|etcd-lock|reboot|off)$/;
const windowStart =
  /^((sun|mon|tue|wed|thu|fri|sat) )?0*([0-9]|1[0-9]|2[0-3]):0*([0-9]|[1-5][0-9])$/i;
// The original's ^[-+]?([0-9]*(\.[0-9]*)?[a-z]+)+$ without its exponential backtracking.
const windowLength = /^[-+]?(?!$)(?:[0-9]+(?:\.[0-9]*)?(?=[a-z])|\.[0-9]*(?=[a-z])|[a-z])+$/;
const noEtcd = 'etcd2 options no longer work for etcd';
const movedToEtcd2 = (
  'advertise_client_urls discovery_fallback discovery_srv discovery_proxy election_timeout ' +
  'force_new_cluster heartbeat_interval initial_advertise_peer_urls initial_cluster ' +
  'initial_cluster_state initial_cluster_token listen_client_urls listen_peer_urls max_snapshots ' +
  'max_wals proxy'
).split(' ');
const fetchText = 'trying to fetch from a remote endpoint introduces too many intermittent errors';

const user = map(
  {
    name: text,
    passwd: text,
    gecos: text,
    homedir: text,
    no_create_home: flag,
    primary_group: text,
    groups: texts,
    no_user_group: flag,
    system: flag,
    no_log_init: flag,
    shell: text,
    ssh_authorized_keys: texts,
    coreos_ssh_import_github: text,
    coreos_ssh_import_github_users: texts,
    coreos_ssh_import_url: text,
  },
  {
    coreos_ssh_import_github: fetchText,
    coreos_ssh_import_github_users: fetchText,
    coreos_ssh_import_url: fetchText,
  },
);

const unit = map({
  name: text,
  runtime: flag,
  enable: flag,
  content: text,
  command: pattern(commandPattern),
  mask: flag,
  drop_ins: { kind: 'list', of: map({ name: text, content: text }) },
});

export const cloudConfigSchema: Schema = map({
  ssh_authorized_keys: texts,
  coreos: map({
    etcd: section(etcdOptions, {}, Object.fromEntries(movedToEtcd2.map((key) => [key, noEtcd]))),
    etcd2: section(
      etcd2Options,
      { proxy: /^(on|off|readonly)$/ },
      {
        ca_file: 'ca_file obsoleted by trusted_ca_file and client_cert_auth',
        peer_ca_file: 'peer_ca_file obsoleted peer_trusted_ca_file and peer_client_cert_auth',
      },
    ),
    flannel: section(flannelOptions),
    fleet: section(fleetOptions),
    locksmith: section(locksmithOptions, {
      window_start: windowStart,
      window_length: windowLength,
    }),
    oem: map({ id: text, name: text, version_id: text, home_url: text, bug_report_url: text }),
    update: map({ reboot_strategy: pattern(strategyPattern), group: text, server: text }),
    units: { kind: 'list', of: unit },
  }),
  write_files: {
    kind: 'list',
    of: map({
      path: text,
      content: text,
      owner: text,
      permissions: pattern(/^0?[0-7]{3,4}$/),
      encoding: pattern(encodingPattern),
    }),
  },
  hostname: text,
  users: { kind: 'list', of: user },
  manage_etc_hosts: text,
});

/** As the original names a wanted type. */
export function typeName(schema: Schema): string {
  switch (schema.kind) {
    case 'map':
      return 'struct';
    case 'float':
      return 'float64';
    case 'list':
      return `[]${schema.of.kind === 'map' ? 'struct' : schema.of.kind}`;
    case 'string':
    case 'bool':
    case 'int':
      return schema.kind;
    default:
      return schema satisfies never;
  }
}
