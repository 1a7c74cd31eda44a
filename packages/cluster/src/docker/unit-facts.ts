// What `/usr/lib/corral/units` of a node prints, read. Pure.
import type { UnitFacts } from '../runtime.js';

/**
 * Lines of NAME, ActiveState, SubState, Result, ConditionResult, MainPID and Type, with tabs between them,
 * as systemctl(1) show gives them.
 */
export function readUnits(text: string): readonly UnitFacts[] {
  return text.split('\n').flatMap((line): UnitFacts[] => {
    const [name = '', state = '', sub = '', result = '', condition = '', , type] = line.split('\t');
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
    // systemd knows no difference between done and stopped; a oneshot is rarely stopped.
    const isDone = state === 'inactive' && type === 'oneshot' && result === 'success';
    return [isDone ? { name, state, detail: 'done' } : { name, state }];
  });
}

/** The main process of a unit, as the node itself counts; null where it has none. */
export function mainPid(text: string, unit: string): number | null {
  const line = text.split('\n').find((one) => one.startsWith(`${unit}\t`));
  const pid = Number(line?.split('\t')[5] ?? 0);
  return pid > 0 ? pid : null;
}
