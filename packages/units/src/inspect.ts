// What the supervisor makes of a unit's name: a service to run, a stand-in that is always there,
// one that is skipped with its reason, one that is broken.
import type { ExecLine } from './command-line.js';
import { unmetCheck } from './conditions.js';
import { loadUnit } from './load.js';
import { readService } from './service.js';
import type { Service } from './service.js';
import { UnitError } from './unit-file.js';
import type { Unit } from './unit-file.js';

export type Inspected =
  | { readonly kind: 'service'; readonly unit: Unit; readonly service: Service }
  /** A target: nothing to run, and nothing to wait for. */
  | { readonly kind: 'stand-in' }
  | { readonly kind: 'not-found'; readonly reason: string }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

export type InspectContext = {
  readonly root: string;
  readonly hostname: string;
  isOwnServer(path: string): boolean;
};

/** Never throws for what a unit file says. */
export function inspectUnit(name: string, context: InspectContext): Inspected {
  if (/^docker(-[a-z]+)?\.(service|socket)$/.test(name)) {
    const reason = 'plain processes have no Docker engine of their own; use --runtime docker';
    return { kind: 'skipped', reason };
  }
  if (name.endsWith('.target')) return { kind: 'stand-in' };
  if (!name.endsWith('.service')) {
    const kind = name.slice(name.lastIndexOf('.') + 1);
    return { kind: 'skipped', reason: `the embedded supervisor runs services, not ${kind} units` };
  }
  try {
    const loaded = loadUnit(context.root, name);
    if (loaded.kind === 'masked') return { kind: 'skipped', reason: 'it is masked' };
    if (loaded.kind === 'not-found') {
      return { kind: 'not-found', reason: `no unit ${name} on this node` };
    }
    return inspectLoaded(loaded.unit, context);
  } catch (error) {
    if (!(error instanceof UnitError)) throw error;
    const kind = error.code === 'E_UNIT_UNSUPPORTED' ? 'skipped' : 'failed';
    return { kind, reason: error.message };
  }
}

function inspectLoaded(unit: Unit, context: InspectContext): Inspected {
  const unmet = unmetCheck(unit, 'Condition', context);
  if (unmet !== undefined) return { kind: 'skipped', reason: unmet };
  const failed = unmetCheck(unit, 'Assert', context);
  if (failed !== undefined) return { kind: 'failed', reason: `assertion failed: ${failed}` };
  const service = readService(unit);
  const container = allLines(service).find(({ path }) => /\/(docker|rkt)$/.test(path));
  if (container !== undefined) {
    const reason = `it runs ${container.path}, and plain processes have no container engine`;
    return { kind: 'skipped', reason: `${reason} of their own; use --runtime docker` };
  }
  if (service.type === 'notify' && !context.isOwnServer(service.execStart[0]?.path ?? '')) {
    const reason = 'Type=notify needs a datagram socket, which plain processes do not offer';
    return { kind: 'skipped', reason };
  }
  return { kind: 'service', unit, service };
}

function allLines(service: Service): readonly ExecLine[] {
  return [...service.execStartPre, ...service.execStart, ...service.execStartPost];
}
