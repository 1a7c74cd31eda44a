// What is taken of the environment: colour, symbols, redrawn lines, width.
import { describe, expect, it } from 'vitest';
import { describeTerminal, isCi, toAscii } from '../src/terminal.js';

const screen = { stdoutIsTty: true, stderrIsTty: true, columns: 120 };
const pipe = { stdoutIsTty: false, stderrIsTty: false, columns: undefined };

describe('colour', () => {
  it.each([
    [{}, screen, true],
    [{}, pipe, false],
    [{ NO_COLOR: '1' }, screen, false],
    [{ NO_COLOR: '' }, screen, true],
    [{ TERM: 'dumb' }, screen, false],
    [{ CI: 'true' }, screen, false],
    [{ FORCE_COLOR: '1' }, pipe, true],
    [{ FORCE_COLOR: '1', NO_COLOR: '1', CI: '1' }, pipe, true],
    [{ FORCE_COLOR: '0' }, screen, false],
  ])('%j', (environment, streams, wanted) => {
    const { colour } = describeTerminal(environment, streams);

    expect(colour).toEqual({ stdout: wanted, stderr: wanted });
  });

  it('is decided for each stream: a result that goes to a pipe has none', () => {
    const { colour, live } = describeTerminal({}, { ...screen, stdoutIsTty: false });

    expect(colour).toEqual({ stdout: false, stderr: true });
    expect(live).toBe(true);
  });
});

it.each([
  [{ LANG: 'en_US.UTF-8' }, true],
  [{ LC_ALL: 'C', LANG: 'en_US.UTF-8' }, false],
  [{ LC_CTYPE: 'C.utf8', LANG: 'C' }, true],
  [{}, false],
])('symbols by the locale: %j', (environment, wanted) => {
  expect(describeTerminal(environment, screen).unicode).toBe(wanted);
});

it('lines are not redrawn in CI, in dumb terminals and in pipes; width is 80 without a terminal', () => {
  expect(describeTerminal({}, screen)).toMatchObject({ live: true, screen: true, width: 120 });
  expect(describeTerminal({ CI: '1' }, screen).live).toBe(false);
  expect(describeTerminal({ TERM: 'dumb' }, screen).live).toBe(false);
  expect(describeTerminal({}, pipe)).toMatchObject({ live: false, screen: false, width: 80 });
});

it('CI=false is no CI', () => {
  expect([{ CI: 'false' }, { CI: '' }, {}, { CI: 'true' }].map(isCi)).toEqual([
    false,
    false,
    false,
    true,
  ]);
});

it('every symbol has an ASCII stand-in', () => {
  expect(toAscii('✓ a · b → c… ✗')).toBe('ok a - b -> c... x');
});
