import { describe, expect, it } from 'vitest';
import { Sessions, sessionsMax } from '../src/sessions.js';

const id = (sequence: number, low = 1, session = 7): Parameters<Sessions['admit']>[0] => ({
  session,
  sequence,
  low,
});

describe('a command', () => {
  it('is admitted once, in whatever order copies come', () => {
    const sessions = new Sessions();

    const admitted = [3, 1, 3, 2, 1].map((sequence, i) => sessions.admit(id(sequence), i + 1));

    expect(admitted).toEqual([true, true, false, true, false]);
  });

  it('of another session is another command', () => {
    const sessions = new Sessions();
    sessions.admit(id(1), 1);

    expect(sessions.admit(id(1, 1, 8), 2)).toBe(true);
  });

  it('below the mark of what has been answered is never admitted', () => {
    const sessions = new Sessions();
    sessions.admit(id(9, 5), 1);

    expect(sessions.admit(id(4), 2)).toBe(false);
    expect(sessions.admit(id(5, 5), 3)).toBe(true);
  });
});

describe('the memory of sessions', () => {
  it('holds nothing below the mark, however the mark moves', () => {
    const sessions = new Sessions();
    for (let i = 1; i <= 20; i += 1) sessions.admit(id(i), i);

    sessions.admit(id(21, 3), 21);
    const step = sessions.toData();
    sessions.admit(id(22, 22), 22);

    expect(step[0]?.[3]).toEqual(Array.from({ length: 19 }, (_, i) => i + 3));
    expect(sessions.toData()).toEqual([[7, 22, 22, [22]]]);
  });

  it('is the same after a snapshot, and does not depend on the order of sessions', () => {
    const one = new Sessions();
    one.admit(id(4, 2, 9), 1);
    one.admit(id(1, 1, 7), 2);
    const two = new Sessions();

    two.restore(one.toData());

    expect(two.toData()).toEqual([
      [7, 1, 2, [1]],
      [9, 2, 1, [4]],
    ]);
    expect(two.admit(id(4, 2, 9), 3)).toBe(false);
  });

  it('is bounded: the session that was silent longest goes', () => {
    const sessions = new Sessions();
    for (let i = 0; i < sessionsMax; i += 1) sessions.admit(id(1, 1, 1_000 + i), i + 1);
    sessions.admit(id(2, 1, 1_000), 900);

    sessions.admit(id(1, 1, 5), 901);

    const kept = sessions.toData().map(([session]) => session);
    expect(kept).toHaveLength(sessionsMax);
    expect(kept).toContain(1_000);
    expect(kept).not.toContain(1_001);
  });
});
