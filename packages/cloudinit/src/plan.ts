// A config as an ordered list of steps: what will be done, as data. Pure. The order is the
// original's; the first failing step ends the run. (coreos-cloudinit 1.9.3, initialize/config.go)
import { posix } from 'node:path';
import { isFileName } from '@corral/units';
import type { Assignment, CloudConfig, UnitConfig, UserConfig } from './config.js';
import { decodeContent } from './content.js';
import { CloudinitError } from './findings.js';
import { commandPattern, strategyPattern } from './schema.js';
import type { Addresses } from './substitute.js';
import { environmentVariables } from './substitute.js';

export type Step =
  /** Nothing is done; a line of the log says why. */
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'hostname'; readonly name: string }
  | { readonly kind: 'user'; readonly user: UserConfig }
  | { readonly kind: 'ssh-keys'; readonly user: string; readonly keys: readonly string[] }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly bytes: Buffer;
      readonly mode: number;
      readonly owner: string;
    }
  /** Changes a file that is there (or its shipped template) by variable. */
  | { readonly kind: 'update-conf'; readonly values: readonly (readonly [string, string])[] }
  | { readonly kind: 'etc-hosts' }
  | { readonly kind: 'environment'; readonly values: readonly (readonly [string, string])[] }
  | { readonly kind: 'mask'; readonly path: string; readonly unit: string }
  | { readonly kind: 'unmask'; readonly path: string; readonly unit: string }
  | { readonly kind: 'enable'; readonly unit: string; readonly runtime: boolean }
  | { readonly kind: 'daemon-reload' }
  | { readonly kind: 'unit-command'; readonly unit: string; readonly command: string };

/** Throws CloudinitError: an option that stops the run, or one that is not there yet. */
export function planCloudConfig(config: CloudConfig, addresses: Addresses): Step[] {
  const steps: Step[] = [];
  if (config.hostname !== '') steps.push({ kind: 'hostname', name: config.hostname });
  for (const user of config.users) {
    if (user.name === '') {
      steps.push({ kind: 'note', text: "User object has no 'name' field, skipping" });
      continue;
    }
    if (user.importsKeys) {
      throw new CloudinitError(
        'E_NOT_THERE_YET',
        `line ${user.line}: importing SSH keys of user ${user.name} from GitHub or a URL is not ` +
          'there yet. Put the keys into ssh_authorized_keys',
      );
    }
    steps.push({ kind: 'user', user });
    if (user.sshAuthorizedKeys.length > 0) {
      steps.push({ kind: 'ssh-keys', user: user.name, keys: user.sshAuthorizedKeys });
    }
  }
  if (config.sshAuthorizedKeys.length > 0) {
    steps.push({ kind: 'ssh-keys', user: 'core', keys: config.sshAuthorizedKeys });
  }
  steps.push(...planFiles(config));
  const ownEnvironment = config.writeFiles.some(
    (file) => posix.normalize(file.path) === '/etc/environment',
  );
  const values = environmentVariables(addresses);
  if (!ownEnvironment && values.length > 0) steps.push({ kind: 'environment', values });
  steps.push(...planUnits(config));
  return steps;
}

function planFiles(config: CloudConfig): Step[] {
  const steps: Step[] = config.writeFiles.map((file) => {
    const path = posix.normalize(`/${file.path}`);
    if (path.endsWith('/')) {
      const where = `line ${file.line}: "${file.path}"`;
      const message = `${where} is no path of a file. Give path: /DIR/NAME`;
      throw new CloudinitError('E_APPLY', message);
    }
    const decoded = decodeContent(file.content, file.encoding);
    if (!decoded.ok) {
      throw new CloudinitError('E_APPLY', `Unable to decode ${file.path} (${decoded.reason})`);
    }
    const permissions = file.permissions === '' ? '0644' : file.permissions;
    if (!/^[0-7]{1,10}$/.test(permissions)) {
      const message = `Unable to parse file permissions "${permissions}" as integer`;
      throw new CloudinitError('E_APPLY', `${message} (${file.path})`);
    }
    const mode = parseInt(permissions, 8) & 0o777;
    return { kind: 'file', path, bytes: decoded.bytes, mode, owner: file.owner };
  });
  const { oem, update, flannel, manageEtcHosts } = config;
  if (oem.has('id')) steps.push(textFile('/etc/oem-release', oemRelease(oem)));
  if (update.size > 0) {
    const strategy = update.get('reboot_strategy');
    if (strategy !== undefined && !strategyPattern.test(strategy)) {
      throw new CloudinitError(
        'E_APPLY',
        `invalid value "${strategy}" for option "RebootStrategy" (valid options: ` +
          `"^(best-effort|etcd-lock|reboot|off)$")`,
      );
    }
    const values = [...update].map(([key, value]) => [key.toUpperCase(), value] as const);
    steps.push({ kind: 'update-conf', values });
  }
  if (manageEtcHosts !== '' && manageEtcHosts !== 'localhost') {
    throw new CloudinitError('E_APPLY', 'Invalid option to manage_etc_hosts');
  }
  if (manageEtcHosts === 'localhost') steps.push({ kind: 'etc-hosts' });
  if (flannel.length > 0) {
    const lines = flannel.map(({ variable, value }) => `${variable}=${value}`);
    steps.push(textFile('/run/flannel/options.env', lines.join('\n')));
  }
  return steps;
}

function planUnits(config: CloudConfig): Step[] {
  const place: Step[] = [];
  const commands: Step[] = [];
  let reload = false;
  let restartsNetwork = false;
  for (const unit of allUnits(config)) {
    if (unit.name === '') {
      place.push({ kind: 'note', text: 'Skipping unit without name' });
      continue;
    }
    checkUnit(unit);
    const base = unit.runtime ? '/run' : '/etc';
    const network = /\.(network|netdev|link)$/.test(unit.name);
    const path = `${base}/systemd/${network ? 'network' : 'system'}/${unit.name}`;
    restartsNetwork ||= network;
    if (unit.content !== '') {
      place.push(textFile(path, unit.content));
      reload = true;
    }
    for (const dropIn of unit.dropIns) {
      if (dropIn.name === '' || dropIn.content === '') continue;
      place.push(textFile(`${path}.d/${dropIn.name}`, dropIn.content));
      reload = true;
    }
    if (unit.mask) place.push({ kind: 'mask', path, unit: unit.name });
    else if (unit.runtime) place.push({ kind: 'unmask', path, unit: unit.name });
    if (unit.enable && network) {
      const text = `Skipping enable for network-like unit "${unit.name}"`;
      place.push({ kind: 'note', text });
    } else if (unit.enable) {
      place.push({ kind: 'enable', unit: unit.name, runtime: unit.runtime });
    }
    if (unit.command !== '' && !network) {
      commands.push({ kind: 'unit-command', unit: unit.name, command: unit.command });
    }
  }
  if (reload) place.push({ kind: 'daemon-reload' });
  if (restartsNetwork) {
    place.push({ kind: 'unit-command', unit: 'systemd-networkd.service', command: 'restart' });
  }
  return [...place, ...commands];
}

/** A name with a slash would lead out of the folder of units, and a mask deletes what it finds. */
function checkUnit(unit: UnitConfig): void {
  const where = `line ${unit.line}: unit "${unit.name}"`;
  if (!isFileName(unit.name)) {
    throw new CloudinitError('E_APPLY', `${where}: a unit's name is a file name, without "/"`);
  }
  for (const { name } of unit.dropIns) {
    if (name === '' || isFileName(name)) continue;
    const message = `${where}: the drop-in "${name}" needs a file name, without "/"`;
    throw new CloudinitError('E_APPLY', message);
  }
  if (unit.command !== '' && !commandPattern.test(unit.command)) {
    const message = `${where}: Unsupported systemd command "${unit.command}"`;
    throw new CloudinitError('E_APPLY', message);
  }
}

/** The user's units, then the implicit ones, then those of `update`. Equal names are not merged. */
function allUnits(config: CloudConfig): UnitConfig[] {
  const units = [
    ...config.units,
    implicit('etcd.service', config.etcd),
    implicit('etcd2.service', config.etcd2),
    implicit('fleet.service', config.fleet),
    implicit('locksmithd.service', config.locksmith),
  ];
  const strategy = config.update.get('reboot_strategy');
  const plain = { enable: false, content: '', dropIns: [], mask: false, line: 0 };
  if (strategy !== undefined) {
    const off = strategy === 'off';
    units.push({
      ...plain,
      name: 'locksmithd.service',
      runtime: true,
      command: off ? 'stop' : 'restart',
      mask: off,
    });
  }
  if (config.update.has('group') || config.update.has('server')) {
    units.push({ ...plain, name: 'update-engine.service', runtime: false, command: 'restart' });
  }
  return units;
}

function implicit(name: string, options: readonly Assignment[]): UnitConfig {
  const lines = options.map(({ variable, value }) => `Environment="${variable}=${value}"\n`);
  const content = lines.length === 0 ? '' : `[Service]\n${lines.join('')}`;
  const dropIns = [{ name: '20-cloudinit.conf', content }];
  const plain = { enable: false, content: '', command: '', mask: false, line: 0 };
  return { ...plain, name, runtime: true, dropIns };
}

function oemRelease(oem: ReadonlyMap<string, string>): string {
  const value = (key: string): string => oem.get(key) ?? '';
  const quoted = (key: string): string => JSON.stringify(value(key));
  return (
    `ID=${value('id')}\nVERSION_ID=${value('version_id')}\nNAME=${quoted('name')}\n` +
    `HOME_URL=${quoted('home_url')}\nBUG_REPORT_URL=${quoted('bug_report_url')}\n`
  );
}

function textFile(path: string, content: string): Step {
  return { kind: 'file', path, bytes: Buffer.from(content), mode: 0o644, owner: '' };
}
