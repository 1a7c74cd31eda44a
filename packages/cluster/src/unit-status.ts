// What `corral status` says of a unit, whatever runtime it lives in. Pure. Three words are a contract:
// `active`, `failed`, `skipped`; the reason tells what systemd's words tell more finely.
import type { UnitFacts } from './runtime.js';

export type UnitStatus = {
  readonly name: string;
  /** It does, or did, what it was asked; it broke; it does nothing now, and that is no failure. */
  readonly state: 'active' | 'failed' | 'skipped';
  /** Always there but for what is simply active. */
  readonly reason?: string;
};

/**
 * A oneshot that ran to its end is active: its work is done. What breaks and is started again is
 * failed while it waits. What was stopped, or is on its way up or down, is skipped for now.
 */
export function unitStatus({ name, state, detail, reason }: UnitFacts): UnitStatus {
  const as = (word: UnitStatus['state'], why: string | undefined): UnitStatus => ({
    name,
    state: word,
    ...(why === undefined ? {} : { reason: why }),
  });
  switch (state) {
    case 'active':
      return as('active', reason);
    case 'reloading':
    case 'refreshing':
      return as('active', reason ?? state);
    case 'failed':
      return as('failed', reason ?? 'it failed');
    case 'skipped':
      return as('skipped', reason ?? 'it cannot run here');
    case 'activating':
      return detail === 'restarting'
        ? as('failed', reason ?? 'it ended and is started again')
        : as('skipped', 'starting');
    case 'deactivating':
      return as('skipped', 'stopping');
    case 'inactive':
      return detail === 'done'
        ? as('active', 'ran to its end')
        : as('skipped', reason ?? 'stopped');
    default:
      return as('skipped', reason ?? state);
  }
}
