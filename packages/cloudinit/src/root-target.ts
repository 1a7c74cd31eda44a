// A folder as a root file system. Nothing is ever written outside it: paths are resolved below the
// root, and no symbolic link on the way is followed.
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { errorMessage, systemErrorCode } from '@corral/kit';
import type { UserConfig } from './config.js';
import { CloudinitError } from './findings.js';
import type { Target, UnitManager } from './target.js';

const keyName = 'coreos-cloudinit';

/** Without `units`, units are enabled and masked by links, and commands are reported as not run. */
export function rootTarget(options: {
  readonly root: string;
  readonly units?: UnitManager | undefined;
}): Target {
  const { root, units } = options;
  let temporary = 0;

  const write = (path: string, bytes: Buffer | string, mode: number): string => {
    const target = resolveBelow(root, path);
    makeParents(root, target);
    temporary += 1;
    const staged = join(dirname(target), `cloudinit-temp${process.pid}-${temporary}`);
    rmSync(staged, { force: true });
    writeFileSync(staged, bytes, { flag: 'wx', mode });
    chmodSync(staged, mode);
    renameSync(staged, target);
    return target;
  };
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(resolveBelow(root, path), 'utf8');
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  };
  const homeOf = (user: string): string => {
    const line = read('/etc/passwd')
      ?.split('\n')
      .find((one) => one.startsWith(`${user}:`));
    return line?.split(':')[5] ?? `/home/${user}`;
  };

  return {
    setHostname(name) {
      write('/etc/hostname', `${name}\n`, 0o644);
      return Promise.resolve();
    },
    hostname: () => Promise.resolve((read('/etc/hostname') ?? 'localhost').trim()),
    ensureUser(user) {
      addUser({ read, write }, user);
      return Promise.resolve();
    },
    authorizeKeys(user, keys) {
      const folder = posix.join(homeOf(user), '.ssh');
      const text = `${keys.map((key) => key.trim()).join('\n')}\n`;
      write(`${folder}/authorized_keys.d/${keyName}`, text, 0o600);
      write(`${folder}/authorized_keys`, text, 0o600);
      return Promise.resolve();
    },
    writeFile({ path, bytes, mode, owner }) {
      const target = write(path, bytes, mode);
      return Promise.resolve({ problem: owner === '' ? undefined : changeOwner(target, owner) });
    },
    readText: (path) => Promise.resolve(read(path)),
    mask(path) {
      const target = resolveBelow(root, path);
      makeParents(root, target);
      rmSync(target, { recursive: true, force: true });
      symlinkSync('/dev/null', target);
      return Promise.resolve();
    },
    unmask(path) {
      return Promise.resolve(unmask(resolveBelow(root, path)));
    },
    daemonReload: () => units?.daemonReload() ?? Promise.resolve(),
    enable(unit, how) {
      if (units !== undefined) return units.enable(unit, how);
      const base = how.runtime ? '/run' : '/etc';
      const wants = read(`${base}/systemd/system/${unit}`) ?? '';
      for (const match of wants.matchAll(/^(WantedBy|RequiredBy)=(.+)$/gm)) {
        const suffix = match[1] === 'WantedBy' ? 'wants' : 'requires';
        for (const target of (match[2] ?? '').trim().split(/\s+/)) {
          const link = `${base}/systemd/system/${target}.${suffix}/${unit}`;
          const path = resolveBelow(root, link);
          makeParents(root, path);
          rmSync(path, { force: true });
          symlinkSync(`${base}/systemd/system/${unit}`, path);
        }
      }
      return Promise.resolve();
    },
    command(command, unit) {
      return units?.command(command, unit) ?? Promise.resolve('skipped');
    },
  };
}

/** A path below the root; `..` cannot climb out of it. */
function resolveBelow(root: string, path: string): string {
  return join(root, posix.normalize(`/${path}`));
}

/** Makes missing folders (0755); a link or a file in the way is an error. */
function makeParents(root: string, target: string): void {
  const below = dirname(target)
    .slice(root.length)
    .split('/')
    .filter((part) => part !== '');
  let folder = root;
  for (const part of below) {
    folder = join(folder, part);
    let found;
    try {
      found = lstatSync(folder);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      mkdirSync(folder, { mode: 0o755 });
      chmodSync(folder, 0o755);
      continue;
    }
    if (found.isSymbolicLink()) {
      throw new CloudinitError('E_APPLY', `${folder} is a symbolic link; it is not followed`);
    }
    if (!found.isDirectory()) throw new CloudinitError('E_APPLY', `${folder} is not a directory`);
  }
}

function unmask(path: string): 'done' | 'refused' {
  let found;
  try {
    found = lstatSync(path);
  } catch {
    return 'done';
  }
  const leadsToDevice = (): boolean => {
    try {
      return statSync(path).isCharacterDevice();
    } catch {
      return false;
    }
  };
  const isMask = found.isSymbolicLink() ? leadsToDevice() : found.isFile() && found.size === 0;
  if (!isMask) return 'refused';
  rmSync(path);
  return 'done';
}

/** Numeric owners only: the names of a root file system are not this machine's. */
function changeOwner(path: string, owner: string): string | undefined {
  const [user = '', group = user] = owner.split(':');
  const ids = [user, group].map((name) =>
    name === 'root' ? 0 : /^\d+$/.test(name) ? Number(name) : -1,
  );
  const [uid = -1, gid = -1] = ids;
  if (uid < 0) return `owner ${owner} is not known below this root; the file keeps its owner`;
  try {
    chownSync(path, uid, gid < 0 ? uid : gid);
    return undefined;
  } catch (error) {
    return `owner ${owner} cannot be set: ${errorMessage(error)}`;
  }
}

type Files = {
  readonly read: (path: string) => string | undefined;
  readonly write: (path: string, text: string, mode: number) => string;
};

/** What useradd does to the files of a root. */
function addUser({ read, write }: Files, user: UserConfig): void {
  const passwd =
    read('/etc/passwd') ??
    'root:x:0:0:root:/root:/bin/bash\ncore:x:500:500::/home/core:/bin/bash\n';
  const shadow = read('/etc/shadow') ?? 'root:*:15887:0:::::\ncore:*:15887:0:::::\n';
  const group = read('/etc/group') ?? 'root:x:0:root\ncore:x:500:core\n';
  const { name } = user;
  const hash = user.passwd === '' ? '*' : user.passwd;
  const exists = passwd.split('\n').some((line) => line.startsWith(`${name}:`));
  const others = shadow.split('\n').filter((line) => line !== '' && !line.startsWith(`${name}:`));
  if (exists) {
    if (user.passwd === '') return;
    write(
      '/etc/shadow',
      `${[...others, `${name}:${hash}:15887:0:99999:7:::`].join('\n')}\n`,
      0o600,
    );
    return;
  }
  const used = [...passwd.matchAll(/^[^:]+:[^:]*:(\d+):/gm)].map((match) => Number(match[1]));
  const first = user.system ? 100 : 1000;
  let id = first;
  while (used.includes(id)) id += 1;
  const home = user.homedir === '' ? `/home/${name}` : user.homedir;
  const shell = user.shell === '' ? '/bin/bash' : user.shell;
  write('/etc/passwd', `${passwd}${name}:x:${id}:${id}:${user.gecos}:${home}:${shell}\n`, 0o644);
  write('/etc/shadow', `${[...others, `${name}:${hash}:15887:0:99999:7:::`].join('\n')}\n`, 0o600);
  const own = user.noUserGroup ? '' : `${name}:x:${id}:\n`;
  const extra = user.groups.map((one) => `${one}:x:${name}\n`).join('');
  write('/etc/group', `${group}${own}${extra}`, 0o644);
}
