// Where clusters live on disk: one folder per cluster below the home. The plan is the only thing kept
// besides the nodes' own files; everything else is asked of the running keeper.
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { systemErrorCode } from '@corral/kit';
import type { ClusterPlan } from './plan.js';

export class ClusterState {
  readonly folder: string;

  constructor(home: string, name: string) {
    this.folder = resolve(home, 'clusters', name);
  }

  get exists(): boolean {
    return existsSync(join(this.folder, 'plan.json'));
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

  readPlan(): ClusterPlan {
    return JSON.parse(readFileSync(join(this.folder, 'plan.json'), 'utf8')) as ClusterPlan;
  }

  writePlan(plan: ClusterPlan): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const path = join(this.folder, 'plan.json');
    writeFileSync(`${path}.tmp`, `${JSON.stringify(plan, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  }

  /** The plan of a new cluster; false when there is one already, perhaps since a moment ago. */
  createPlan(plan: ClusterPlan): boolean {
    return this.#createOnce('plan.json', `${JSON.stringify(plan, null, 2)}\n`);
  }

  /** A secret that only users of this folder know: every local user may reach the control socket. */
  secret(): string {
    const path = join(this.folder, 'secret');
    if (!existsSync(path)) this.#createOnce('secret', `${randomBytes(16).toString('hex')}\n`);
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
  #createOnce(name: string, text: string): boolean {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const path = join(this.folder, name);
    const staged = `${path}.${randomBytes(6).toString('hex')}`;
    writeFileSync(staged, text, { mode: 0o600 });
    try {
      linkSync(staged, path);
      return true;
    } catch (error) {
      if (systemErrorCode(error) === 'EEXIST') return false;
      throw error;
    } finally {
      rmSync(staged, { force: true });
    }
  }
}

/** Names of all clusters below a home. */
export function listClusters(home: string): string[] {
  const folder = join(home, 'clusters');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'plan.json')))
    .sort();
}
