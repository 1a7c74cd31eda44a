// Where clusters live on disk: one folder per cluster below the home. The plan is the only thing kept
// besides the nodes' own files; everything else is asked of the running keeper.
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorMessage, systemErrorCode } from '@corral/kit';
import { ClusterError } from './errors.js';
import type { ClusterPlan } from './plan.js';

/** A path without links: the same place has one name, whatever way leads there. */
export function canonicalPath(path: string): string {
  const whole = resolve(path);
  if (existsSync(whole) || whole === dirname(whole)) return realpathSync(whole);
  return join(canonicalPath(dirname(whole)), basename(whole));
}

export class ClusterState {
  readonly folder: string;

  constructor(home: string, name: string) {
    this.folder = join(canonicalPath(home), 'clusters', name);
  }

  get name(): string {
    return basename(this.folder);
  }

  get exists(): boolean {
    return existsSync(this.folder);
  }

  get keeperLog(): string {
    return join(this.folder, 'keeper.log');
  }

  /** The end of the keeper's log: why it is gone. */
  lastKeeperLines(count: number): readonly string[] {
    if (!existsSync(this.keeperLog)) return [];
    return readFileSync(this.keeperLog, 'utf8').trimEnd().split('\n').slice(-count);
  }

  nodeFolder(node: string): string {
    return join(this.folder, 'nodes', node);
  }

  nodeRoot(node: string): string {
    return join(this.nodeFolder(node), 'root');
  }

  nodeLogs(node: string): string {
    return join(this.nodeFolder(node), 'log');
  }

  /** The folder is there, and is that of this very plan (nodes may have come and gone). */
  holds({ createdAt, token }: Pick<ClusterPlan, 'createdAt' | 'token'>): boolean {
    try {
      const now = this.readPlan();
      return now.createdAt === createdAt && now.token === token;
    } catch {
      return false;
    }
  }

  /** Throws ClusterError E_CONFIG when it is damaged. */
  readPlan(): ClusterPlan {
    const path = join(this.folder, 'plan.json');
    try {
      const plan = JSON.parse(readFileSync(path, 'utf8')) as Partial<ClusterPlan>;
      if (plan.schema !== 1 || !Array.isArray(plan.nodes)) throw new Error('it is no plan');
      return { ...plan, runtime: plan.runtime ?? 'process' } as ClusterPlan;
    } catch (error) {
      const name = basename(this.folder);
      throw new ClusterError(
        'E_CONFIG',
        `the plan of cluster "${name}" cannot be read: ${path}: ${errorMessage(error)}`,
        { cause: error, remedies: [`corral down ${name} removes the cluster, with its data`] },
      );
    }
  }

  writePlan(plan: ClusterPlan): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const path = join(this.folder, 'plan.json');
    writeDurably(`${path}.tmp`, planText(plan));
    renameSync(`${path}.tmp`, path);
  }

  /**
   * The folder of a new cluster with its plan, both at once; false when there is one already, perhaps
   * since a moment ago. `maker` is the process that goes on to boot it.
   */
  createPlan(plan: ClusterPlan, maker: number): boolean {
    const clusters = dirname(this.folder);
    mkdirSync(clusters, { recursive: true, mode: 0o700 });
    const staged = mkdtempSync(join(clusters, `.${basename(this.folder)}.${maker}.`));
    try {
      writeFileSync(join(staged, 'maker'), `${maker}\n`, { mode: 0o600 });
      writeDurably(join(staged, 'plan.json'), planText(plan));
      renameSync(staged, this.folder);
      return true;
    } catch (error) {
      if (['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) return false;
      throw error;
    } finally {
      rmSync(staged, { recursive: true, force: true });
    }
  }

  /** The process that made it, which may still be about to start the keeper. */
  get maker(): number {
    const path = join(this.folder, 'maker');
    return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  }

  /** A write went through it once: it is a cluster, not what is left of a boot. */
  get isProven(): boolean {
    return existsSync(join(this.folder, 'proven'));
  }

  markProven(): void {
    writeFileSync(join(this.folder, 'proven'), '', { mode: 0o600 });
  }

  /** A boot failed, and somebody wants to look at what it left. */
  get isKept(): boolean {
    return existsSync(join(this.folder, 'kept'));
  }

  markKept(): void {
    writeFileSync(join(this.folder, 'kept'), '', { mode: 0o600 });
  }

  /** A secret that only users of this folder know: every local user may reach the control socket. */
  secret(): string {
    const path = join(this.folder, 'secret');
    if (!existsSync(path)) this.#createSecret(path);
    return readFileSync(path, 'utf8').trim();
  }

  /**
   * The keeper's control socket, which is also the cluster's lock: an abstract socket can never be
   * stale. Exactly 107 bytes after the NUL, since Node 20 pads shorter names.
   */
  socketPath(): string {
    const hash = createHash('sha256').update(this.folder).digest('hex');
    return `\0corral-${hash}`.padEnd(108, '.');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Of several that make the same file at once one does, and the others see it whole. */
  #createSecret(path: string): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const staged = `${path}.${randomBytes(6).toString('hex')}`;
    writeFileSync(staged, `${randomBytes(16).toString('hex')}\n`, { mode: 0o600 });
    try {
      linkSync(staged, path);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    } finally {
      rmSync(staged, { force: true });
    }
  }
}

function planText(plan: ClusterPlan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}

/** A plan that a crash of the machine leaves empty would cost the cluster. */
function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'w', 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Names of all clusters below a home. */
export function listClusters(home: string): string[] {
  const folder = join(home, 'clusters');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort();
}

/**
 * The plans of all clusters below a home, but of those that cannot be read: whether their addresses
 * are in use shows when they are tried.
 */
export function readPlans(home: string): readonly ClusterPlan[] {
  return listClusters(home).flatMap((name) => {
    try {
      return [new ClusterState(home, name).readPlan()];
    } catch (error) {
      if (error instanceof ClusterError) return [];
      throw error;
    }
  });
}

/** Folders of clusters that were being made, each with the process that did. */
export function listStaged(
  home: string,
): readonly { readonly path: string; readonly maker: number }[] {
  const folder = join(home, 'clusters');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith('.'))
    .map((name) => ({ path: join(folder, name), maker: Number(name.split('.')[2]) }));
}
