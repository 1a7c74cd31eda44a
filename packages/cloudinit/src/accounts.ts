// Users and their SSH keys in the files of a root: passwd, shadow, group, authorized_keys. What
// useradd(8), chpasswd(8) and update-ssh-keys do on CoreOS.
import { posix } from 'node:path';
import type { UserConfig } from './config.js';
import { CloudinitError } from './findings.js';

/** The files of a root, by path below it. */
export interface RootFiles {
  read(path: string): string | undefined;
  /** `owner` is USER:GROUP, by name or number; who may not give files away keeps them. */
  write(path: string, text: string, mode: number, owner?: string): unknown;
  /** A folder that is there stays as it is. */
  makeFolder(path: string, mode: number, owner?: string): void;
  /** Sorted; empty when the folder is not there. */
  list(path: string): readonly string[];
}

const passwdStart = 'root:x:0:0:root:/root:/bin/bash\ncore:x:500:500::/home/core:/bin/bash\n';
const shadowStart = 'root:*:15887:0:::::\ncore:*:15887:0:::::\n';
const groupStart =
  'root:x:0:root\nwheel:x:10:root,core\nsudo:x:150:core\nsystemd-journal:x:248:core\n' +
  'docker:x:233:core\ncore:x:500:core\n';

/** Creates the user, or sets the password of one that exists. Throws CloudinitError E_APPLY. */
export function ensureUser(files: RootFiles, user: UserConfig): 'created' | 'exists' {
  checkFields(user);
  const passwd = lineByName(files.read('/etc/passwd') ?? passwdStart);
  if (passwd.has(user.name)) {
    if (user.passwd !== '') setPassword(files, user.name, user.passwd);
    return 'exists';
  }
  const groups = lineByName(files.read('/etc/group') ?? groupStart);
  for (const name of [...user.groups, user.primaryGroup]) {
    if (name !== '' && !groups.has(name)) {
      throw failed(user, `group '${name}' does not exist`);
    }
  }
  const home = homeFolder(user);
  const used = new Set([...passwd.values(), ...groups.values()].map((line) => line.split(':')[2]));
  let id = user.system ? 100 : 1000;
  while (used.has(String(id))) id += 1;
  let gid = groups.get(user.primaryGroup)?.split(':')[2];
  if (gid === undefined && !user.noUserGroup) {
    gid = String(id);
    groups.set(user.name, `${user.name}:x:${gid}:`);
  }
  for (const name of user.groups) {
    const line = groups.get(name) ?? '';
    groups.set(name, `${line}${line.endsWith(':') ? '' : ','}${user.name}`);
  }
  const shell = user.shell === '' ? '/bin/bash' : user.shell;
  // Without a group of its own a user is in "users", whose number is 100.
  const line = [user.name, 'x', id, gid ?? 100, user.gecos, home, shell].join(':');
  files.write('/etc/passwd', asText(passwd.set(user.name, line)), 0o644);
  files.write('/etc/group', asText(groups), 0o644);
  setPassword(files, user.name, user.passwd === '' ? '*' : user.passwd);
  if (!user.noCreateHome) files.makeFolder(home, 0o755, `${id}:${gid ?? 100}`);
  return 'created';
}

/** Replaces the set of keys of this name; authorized_keys holds all sets. */
export function authorizeKeys(
  files: RootFiles,
  user: string,
  keyName: string,
  keys: readonly string[],
): void {
  const passwd = lineByName(files.read('/etc/passwd') ?? passwdStart);
  const [, , uid = '', gid = '', , home = `/home/${user}`] = passwd.get(user)?.split(':') ?? [];
  const owner = uid === '' ? '' : `${uid}:${gid}`;
  const folder = posix.join('/', home, '.ssh');
  const text = `${keys.map((key) => key.trim()).join('\n')}\n`;
  files.makeFolder(folder, 0o700, owner);
  files.makeFolder(`${folder}/authorized_keys.d`, 0o700, owner);
  files.write(`${folder}/authorized_keys.d/${keyName}`, text, 0o600, owner);
  const sets = files.list(`${folder}/authorized_keys.d`);
  const all = sets.map((name) => files.read(`${folder}/authorized_keys.d/${name}`) ?? '');
  files.write(`${folder}/authorized_keys`, all.join(''), 0o600, owner);
}

/** The number of `user[:group]`, `:group`; undefined parts stay as they are. */
export function ownerIds(
  files: RootFiles,
  owner: string,
): { readonly uid: number | undefined; readonly gid: number | undefined } | undefined {
  const [user = '', group] = owner.split(':');
  const uid = idOf(files.read('/etc/passwd') ?? passwdStart, user);
  const gid = idOf(files.read('/etc/group') ?? groupStart, group ?? '');
  const unknown = (name: string | undefined, id: number | undefined): boolean =>
    name !== undefined && name !== '' && id === undefined;
  return unknown(user, uid) || unknown(group, gid) ? undefined : { uid, gid };
}

function idOf(table: string, name: string): number | undefined {
  if (name === '') return undefined;
  if (/^\d+$/.test(name)) return Number(name);
  const id = lineByName(table).get(name)?.split(':')[2];
  return id === undefined ? undefined : Number(id);
}

function setPassword(files: RootFiles, name: string, hash: string): void {
  const shadow = lineByName(files.read('/etc/shadow') ?? shadowStart);
  shadow.set(name, `${name}:${hash}:15887:0:99999:7:::`);
  files.write('/etc/shadow', asText(shadow), 0o600);
}

function homeFolder(user: UserConfig): string {
  return user.homedir === '' ? `/home/${user.name}` : posix.join('/', user.homedir);
}

/** What would break the line of a table, or make another account of it. */
function checkFields(user: UserConfig): void {
  if (!/^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/.test(user.name)) {
    throw failed(user, `invalid user name '${user.name}'`);
  }
  const fields = { passwd: user.passwd, gecos: user.gecos, homedir: user.homedir };
  for (const [field, text] of Object.entries({ ...fields, shell: user.shell })) {
    if (/[:\n\r\0]/.test(text)) throw failed(user, `invalid ${field}: it has a ":" or a line end`);
  }
}

function failed(user: UserConfig, why: string): CloudinitError {
  const message = `line ${user.line}: Failed creating user '${user.name}': ${why}`;
  return new CloudinitError('E_APPLY', message);
}

function lineByName(table: string): Map<string, string> {
  const lines = table.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line]));
}

function asText(table: ReadonlyMap<string, string>): string {
  return [...table.values()].map((line) => `${line}\n`).join('');
}
