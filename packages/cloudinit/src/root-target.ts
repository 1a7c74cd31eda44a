// A folder as a root file system. Nothing is ever written or read outside it: links are resolved
// below the root, and the last part of a path is replaced, never followed.
import {
  chmodSync,
  chownSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
} from 'node:fs';
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorMessage, systemErrorCode } from '@corral/kit';
import { enableUnit, isFileName, isThere, resolveBelow } from '@corral/units';
import { authorizeKeys, ensureUser, ownerIds } from './accounts.js';
import type { RootFiles } from './accounts.js';
import { CloudinitError } from './findings.js';
import type { Target, UnitManager } from './target.js';

export type RootTargetOptions = {
  /** Made when it is not there. */
  readonly root: string;
  /** Without it units are enabled and masked by links, and commands are reported as skipped. */
  readonly units?: UnitManager | undefined;
  /** The name under which SSH keys are registered; default coreos-cloudinit. */
  readonly sshKeyName?: string;
};

/** Throws CloudinitError E_APPLY when the root or the name of the keys is unusable. */
export function rootTarget(options: RootTargetOptions): Target {
  const { units, sshKeyName = 'coreos-cloudinit' } = options;
  if (!isFileName(sshKeyName)) {
    throw new CloudinitError('E_APPLY', `"${sshKeyName}" is no name for a set of SSH keys`);
  }
  const root = resolve(options.root);
  mkdirSync(root, { recursive: true });
  const files = new Files(root);
  return {
    setHostname(name) {
      files.write('/etc/hostname', `${name}\n`, 0o644);
      return Promise.resolve();
    },
    hostname: () => Promise.resolve((files.read('/etc/hostname') ?? 'localhost').trim()),
    ensureUser: (user) => Promise.resolve(ensureUser(files, user)),
    authorizeKeys(user, keys) {
      authorizeKeys(files, user, sshKeyName, keys);
      return Promise.resolve();
    },
    writeFile: ({ path, bytes, mode, owner }) =>
      Promise.resolve({ problem: files.write(path, bytes, mode, owner) }),
    readText: (path) => Promise.resolve(files.read(path)),
    mask(path) {
      const target = files.place(path);
      rmSync(target, { recursive: true, force: true });
      symlinkSync('/dev/null', target);
      return Promise.resolve();
    },
    unmask: (path) => Promise.resolve(unmask(root, path)),
    daemonReload: () => units?.daemonReload() ?? Promise.resolve(),
    enable(unit, how) {
      if (units !== undefined) return units.enable(unit, how);
      enableUnit(root, unit, how);
      return Promise.resolve();
    },
    command: (command, unit) => units?.command(command, unit) ?? Promise.resolve('skipped'),
  };
}

class Files implements RootFiles {
  readonly #root: string;
  #staged = 0;

  constructor(root: string) {
    this.#root = root;
  }

  read(path: string): string | undefined {
    try {
      return readFileSync(resolveBelow(this.#root, path), 'utf8');
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  list(path: string): readonly string[] {
    const folder = resolveBelow(this.#root, path);
    return isThere(folder) ? readdirSync(folder).sort() : [];
  }

  makeFolder(path: string, mode: number, owner = ''): void {
    const folder = join(this.place(path));
    if (isThere(folder)) return;
    mkdirSync(folder, { mode });
    chmodSync(folder, mode);
    if (owner !== '') this.#changeOwner(folder, owner);
  }

  /** Where a file of this path goes; its parents are made (0755) and are folders. */
  place(path: string): string {
    const target = resolveBelow(this.#root, path, { followLast: false });
    if (target === this.#root) {
      throw new CloudinitError('E_APPLY', `${path === '' ? '""' : path} is no path of a file`);
    }
    let folder = this.#root;
    const below = dirname(target).slice(this.#root.length);
    for (const part of below.split('/').filter((one) => one !== '')) {
      folder = join(folder, part);
      if (!isThere(folder)) {
        mkdirSync(folder, { mode: 0o755 });
        chmodSync(folder, 0o755);
      } else if (!lstatSync(folder).isDirectory()) {
        const shown = `/${folder.slice(this.#root.length).replace(/^\/+/, '')}`;
        throw new CloudinitError('E_APPLY', `${shown} is not a directory`);
      }
    }
    return target;
  }

  /** Written beside its place and renamed onto it. The answer is what is wrong with the owner. */
  write(path: string, bytes: Buffer | string, mode: number, owner = ''): string | undefined {
    const target = this.place(path);
    this.#staged += 1;
    const name = `cloudinit-temp${process.pid}-${this.#staged}`;
    const staged = join(dirname(target), name);
    try {
      rmSync(staged, { force: true });
      writeFileSync(staged, bytes, { flag: 'wx', mode: 0o600 });
      chmodSync(staged, mode);
      const problem = owner === '' ? undefined : this.#changeOwner(staged, owner);
      this.#moveOnto(target, staged, mode);
      return problem;
    } catch (error) {
      rmSync(staged, { force: true });
      const message = `writing ${path} failed: ${basenameOnly(errorMessage(error), staged)}`;
      throw new CloudinitError('E_APPLY', message, { cause: error });
    }
  }

  /** A file that is mounted (an engine's /etc/hosts) cannot be replaced: it is rewritten. */
  #moveOnto(target: string, staged: string, mode: number): void {
    try {
      renameSync(staged, target);
    } catch (error) {
      if (systemErrorCode(error) !== 'EBUSY') throw error;
      copyFileSync(staged, target);
      chmodSync(target, mode);
      rmSync(staged);
    }
  }

  /** Names are those of the root's own tables. */
  #changeOwner(path: string, owner: string): string | undefined {
    const ids = ownerIds(this, owner);
    if (ids === undefined) {
      return `owner ${owner} is not known below this root; the file keeps its owner`;
    }
    const now = lstatSync(path);
    try {
      chownSync(path, ids.uid ?? now.uid, ids.gid ?? now.gid);
      return undefined;
    } catch (error) {
      return `owner ${owner} cannot be set: ${systemErrorCode(error) ?? errorMessage(error)}`;
    }
  }
}

function basenameOnly(message: string, path: string): string {
  return message.replaceAll(path, basename(path));
}

function unmask(root: string, path: string): 'done' | 'refused' {
  const place = resolveBelow(root, path, { followLast: false });
  if (!isThere(place)) return 'done';
  const found = lstatSync(place);
  const isMask = found.isSymbolicLink()
    ? resolveBelow(root, path) === join(root, 'dev/null')
    : found.isCharacterDevice() || (found.isFile() && found.size === 0);
  if (!isMask) return 'refused';
  rmSync(place);
  return 'done';
}
