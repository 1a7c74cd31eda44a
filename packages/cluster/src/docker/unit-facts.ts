// What `/usr/lib/corral/units` of a node prints, read. Pure.
import type { UnitFacts } from '../runtime.js';

/**
 * Lines of NAME, ActiveState, SubState, Result, ConditionResult and MainPID, with tabs between them,
 * as systemctl(1) show gives them.
 */
export function readUnits(text: string): readonly UnitFacts[] {
  return text.split('\n').flatMap((line): UnitFacts[] => {
    const [name = '', state = '', sub = '', result = '', condition = ''] = line.split('\t');
    if (name === '' || state === '') return [];
    // Nobody ever asked for it: its conditions were never looked at.
    if (state === 'inactive' && condition === '-') return [];
    if (state === 'failed') return [{ name, state, reason: `${sub}, ${result}` }];
    if (state === 'activating' && sub === 'auto-restart') {
      return [{ name, state, detail: 'restarting', reason: `it ended (${result})` }];
    }
    if (state === 'inactive' && condition === 'no') {
      return [{ name, state: 'skipped', reason: 'a condition of the unit is not met' }];
    }
    return [{ name, state }];
  });
}
