// What a killed keeper left: processes that carry a cluster's mark in their environment.
import { readFileSync, readdirSync } from 'node:fs';
import { markVariable } from './node.js';

export type Leftover = {
  readonly pid: number;
  readonly clusterFolder: string;
  readonly node: string;
};

/** Processes of the cluster in `folder`, or of any cluster below it. */
export function findLeftovers(folder: string): readonly Leftover[] {
  const found: Leftover[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const mark = readMark(name);
    if (mark === undefined) continue;
    const [clusterFolder = '', node = ''] = mark.split('#');
    const wanted = clusterFolder === folder || clusterFolder.startsWith(`${folder}/`);
    if (wanted && isAlive(Number(name))) found.push({ pid: Number(name), clusterFolder, node });
  }
  return found;
}

export function killLeftovers(leftovers: readonly Leftover[]): void {
  for (const { pid } of leftovers) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }
}

function readMark(pid: string): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    const mark = environment.find((one) => one.startsWith(`${markVariable}=`));
    return mark?.slice(markVariable.length + 1);
  } catch {
    return undefined;
  }
}

/** A killed orphan stays as a zombie where nobody reaps: it holds nothing any more. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}
