import { describe, expect, it } from 'vitest';
import { Unit, parseBoolean, parseTimeSpan, parseUnitFile } from '../src/unit-file.js';

function pairs(text: string): string[] {
  return parseUnitFile(text, 'a.service').map(
    ({ section, key, value, line }) => `${line} [${section}] ${key}=${value}`,
  );
}

describe('a unit file', () => {
  it.each([
    ['[A]\nx=1\n\n# c\n; c\n  # c\ny = 2 ', ['2 [A] x=1', '7 [A] y=2']],
    ['[A]\r\nx=1\r\n', ['2 [A] x=1']],
    ['\ufeff[A]\nx=1', ['2 [A] x=1']],
    ['[A]\nx=1\n[B]\nx=2\n[A]\nx=3', ['2 [A] x=1', '4 [B] x=2', '6 [A] x=3']],
    ['[A]\nx=a \\\n  b\\\n\tc', ['2 [A] x=a  b c']],
    ['[A]\nx=a\\\n# between\n; too\nb\ny=1', ['2 [A] x=a b', '6 [A] y=1']],
    ['[A]\n# comment \\\nx=1', ['3 [A] x=1']],
    ['[A]\nx=a\\\\\ny=1', ['2 [A] x=a\\\\', '3 [A] y=1']],
    ['[A]\nx=a\\ \ny=1', ['2 [A] x=a\\', '3 [A] y=1']],
    ['[A]\nx=end\\', ['2 [A] x=end']],
    ['[A]\nx=a=b=c\nempty=', ['2 [A] x=a=b=c', '3 [A] empty=']],
    ['', []],
  ])('%j reads as %j', (text, wanted) => {
    expect(pairs(text)).toEqual(wanted);
  });

  it.each([
    ['x=1', 'a.service:1: text before the first section'],
    ['[A]\n\nnonsense', 'a.service:3: "nonsense" is no KEY=VALUE'],
    ['[A]\n=1', 'a.service:2: "=1" is no KEY=VALUE'],
    ['[A] garbage\nx=1', 'a.service:1: text before the first section'],
  ])('%j is refused: %s', (text, message) => {
    expect(() => parseUnitFile(text, 'a.service')).toThrow(
      expect.objectContaining({ code: 'E_UNIT_FILE', message }),
    );
  });
});

describe('options of a unit', () => {
  const text = '[S]\nl=1\nl=2\ns=a\ns=b\nr=1\nr=\nr=2\nr=3\nz=1\nz=\nn=a b\nn=c\n';
  const unit = new Unit('a.service', parseUnitFile(text, 'a'));

  it('add up when they are lists', () => {
    expect(unit.list('S', 'l').map(({ value }) => value)).toEqual(['1', '2']);
    expect(unit.names('S', 'n')).toEqual(['a', 'b', 'c']);
  });

  it('are overwritten when one value is asked for', () => {
    expect(unit.get('S', 's')).toBe('b');
  });

  it('are reset by an empty assignment', () => {
    expect(unit.list('S', 'r').map(({ value }) => value)).toEqual(['2', '3']);
    expect(unit.get('S', 'z')).toBeUndefined();
  });

  it('of another section do not count', () => {
    expect(unit.get('T', 's')).toBeUndefined();
  });
});

describe('values', () => {
  it.each([
    ['5', 5_000],
    ['0', 0],
    ['1min 30s', 90_000],
    ['1min30s', 90_000],
    ['500ms', 500],
    ['2 h', 7_200_000],
    ['1.5s', 1_500],
    ['1d 1w', 691_200_000],
    ['20us', 0.02],
    ['infinity', Infinity],
    ['', undefined],
    ['soon', undefined],
    ['5 parsecs', undefined],
    ['-1', undefined],
  ])('the time span %j is %s ms', (text, wanted) => {
    expect(parseTimeSpan(text)).toBe(wanted);
  });

  it.each([
    ['yes', true],
    ['On', true],
    ['1', true],
    ['off', false],
    ['f', false],
    ['maybe', undefined],
    [undefined, undefined],
  ])('the boolean %j is %s', (text, wanted) => {
    expect(parseBoolean(text)).toBe(wanted);
  });
});
