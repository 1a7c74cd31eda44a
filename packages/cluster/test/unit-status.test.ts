// The three words of a unit's state, from all of systemd's.
import { expect, it } from 'vitest';
import type { UnitFacts } from '../src/runtime.js';
import { unitStatus } from '../src/unit-status.js';

const said = (facts: Omit<UnitFacts, 'name'>): readonly (string | undefined)[] => {
  const { name, state, reason } = unitStatus({ name: 'a.service', ...facts });
  return [name, state, reason];
};

it.each<[string, Omit<UnitFacts, 'name'>, string, string | undefined]>([
  ['that runs', { state: 'active' }, 'active', undefined],
  [
    'that runs with a remark',
    { state: 'active', reason: 'User= ignored' },
    'active',
    'User= ignored',
  ],
  ['that reads its settings anew', { state: 'reloading' }, 'active', 'reloading'],
  ['that did its work', { state: 'inactive', detail: 'done' }, 'active', 'ran to its end'],
  ['that was stopped', { state: 'inactive' }, 'skipped', 'stopped'],
  [
    'that ended by itself',
    { state: 'inactive', reason: 'exited with 0' },
    'skipped',
    'exited with 0',
  ],
  ['that starts', { state: 'activating', reason: 'User= ignored' }, 'skipped', 'starting'],
  [
    'that breaks again and again',
    { state: 'activating', detail: 'restarting', reason: 'exited with 1; restarts in 100 ms' },
    'failed',
    'exited with 1; restarts in 100 ms',
  ],
  ['that ends', { state: 'deactivating' }, 'skipped', 'stopping'],
  ['that failed', { state: 'failed', reason: 'exited with 1' }, 'failed', 'exited with 1'],
  ['that failed, nobody knows how', { state: 'failed' }, 'failed', 'it failed'],
  ['that cannot run here', { state: 'skipped', reason: 'masked' }, 'skipped', 'masked'],
  ['in a state that is not known', { state: 'maintenance' }, 'skipped', 'maintenance'],
])('a unit %s', (_which, facts, state, reason) => {
  expect(said(facts)).toEqual(['a.service', state, reason]);
});
