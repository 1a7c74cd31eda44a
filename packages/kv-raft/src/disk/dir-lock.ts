// One process per data directory. The lock is a file with the holder's pid, its start time and the
// machine's boot id, put in place by link(2), which either makes it whole or fails. A lock whose
// holder is gone is taken over; the takeover itself is guarded by a second link, so that two
// processes cannot both win it.
import { linkSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode } from '@corral/kit';
import { DiskError } from './errors.js';

export const lockName = '.corral-lock';

type Holder = { readonly pid: number; readonly startTime: string; readonly bootId: string };

/** Takes the lock or throws DiskError E_DATA_DIR_LOCKED naming the holder. */
export function lockDirectory(folder: string, pid: number): { release(): void } {
  const path = join(folder, lockName);
  const own = join(folder, `${lockName}.${pid}`);
  const guard = join(folder, `${lockName}.takeover`);
  const self = describeProcess(pid);
  rmSync(own, { force: true });
  writeFileSync(own, JSON.stringify(self), { mode: 0o600, flag: 'wx' });
  try {
    if (tryLink(own, path)) return releaser(path, self);
    const holder = readHolder(path);
    if (holder !== undefined && isAlive(holder)) throw locked(folder, holder);
    if (!tryLink(own, guard)) {
      const other = readHolder(guard);
      if (other !== undefined && isAlive(other)) throw locked(folder, other);
      rmSync(guard, { force: true });
      if (!tryLink(own, guard)) throw locked(folder, readHolder(guard));
    }
    try {
      // Under the guard: is it still the same dead holder's?
      const again = readHolder(path);
      if (again !== undefined && isAlive(again)) throw locked(folder, again);
      rmSync(path, { force: true });
      if (!tryLink(own, path)) throw locked(folder, readHolder(path));
    } finally {
      rmSync(guard, { force: true });
    }
    return releaser(path, self);
  } finally {
    rmSync(own, { force: true });
  }
}

function releaser(path: string, self: Holder): { release(): void } {
  return {
    release() {
      if (readHolder(path)?.pid === self.pid) rmSync(path, { force: true });
    },
  };
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    // A file system without hard links: an exclusive copy is the next best thing.
    if (systemErrorCode(error) !== 'EPERM' && systemErrorCode(error) !== 'ENOTSUP') throw error;
    return tryCopy(from, to);
  }
}

function tryCopy(from: string, to: string): boolean {
  try {
    writeFileSync(to, readFileSync(from), { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    unlinkSync(from);
    throw error;
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function describeProcess(pid: number): Holder {
  return { pid, startTime: startTimeOf(pid) ?? '', bootId: bootId() };
}

/** The same process, not another one that got its number. */
function isAlive(holder: Holder): boolean {
  if (holder.bootId !== bootId()) return false;
  const startTime = startTimeOf(holder.pid);
  return startTime !== undefined && startTime === holder.startTime;
}

/** Field 22 of /proc/PID/stat; undefined when there is no such process or it is a zombie. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

function locked(folder: string, holder: Holder | undefined): DiskError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`;
  return new DiskError(
    'E_DATA_DIR_LOCKED',
    `the data directory ${folder} is in use by ${who}. Stop it first, or give this member a data ` +
      'directory of its own',
    { details: { folder, pid: holder?.pid } },
  );
}
