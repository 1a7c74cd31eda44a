// Unit files as systemd reads them: sections, repeated keys, continuation lines, drop-ins merged by
// file name, an empty assignment that resets a list. Every value keeps its line. (systemd.syntax(7))
import { CodedError } from '@corral/kit';

export class UnitError extends CodedError<'E_UNIT_FILE' | 'E_UNIT_START'> {}

export type Assignment = {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly file: string;
  readonly line: number;
};

/** The assignments of one file, in order. Throws UnitError with file and line. */
export function parseUnitFile(text: string, file: string): Assignment[] {
  const found: Assignment[] = [];
  const lines = text.split(/\r?\n/);
  let section = '';
  for (let i = 0; i < lines.length; i += 1) {
    const start = i;
    let line = (lines[i] ?? '').trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    while (line.endsWith('\\') && i + 1 < lines.length) {
      i += 1;
      const next = (lines[i] ?? '').trim();
      if (next.startsWith('#') || next.startsWith(';')) continue;
      line = `${line.slice(0, -1).trimEnd()} ${next}`;
    }
    const header = /^\[(.+)\]$/.exec(line);
    if (header !== null) {
      section = header[1] ?? '';
      continue;
    }
    const equals = line.indexOf('=');
    if (section === '') throw broken(file, start + 1, 'text before the first section');
    if (equals < 1) throw broken(file, start + 1, `"${line}" is no KEY=VALUE`);
    const key = line.slice(0, equals).trim();
    const value = line.slice(equals + 1).trim();
    found.push({ section, key, value, file, line: start + 1 });
  }
  return found;
}

/** A unit with its drop-ins: later scalars win, lists add up, an empty value resets a list. */
export class Unit {
  readonly name: string;
  readonly assignments: readonly Assignment[];

  constructor(name: string, assignments: readonly Assignment[]) {
    this.name = name;
    this.assignments = assignments;
  }

  /** The last value; undefined when it is not set. */
  get(section: string, key: string): string | undefined {
    return this.list(section, key).at(-1)?.value;
  }

  /** All values since the last reset. */
  list(section: string, key: string): readonly Assignment[] {
    let values: Assignment[] = [];
    for (const one of this.assignments) {
      if (one.section !== section || one.key !== key) continue;
      if (one.value === '') values = [];
      else values.push(one);
    }
    return values;
  }

  /** Words of a list option such as After= or WantedBy=. */
  names(section: string, key: string): readonly string[] {
    return this.list(section, key).flatMap(({ value }) => value.split(/\s+/));
  }
}

/** systemd's booleans. */
export function parseBoolean(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (['1', 'yes', 'y', 'true', 't', 'on'].includes(text.toLowerCase())) return true;
  if (['0', 'no', 'n', 'false', 'f', 'off'].includes(text.toLowerCase())) return false;
  return undefined;
}

const unitsMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  sec: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A time span in milliseconds: a bare number is seconds, parts add up. (systemd.time(7)) */
export function parseTimeSpan(text: string): number | undefined {
  if (text === 'infinity' || text === '') return text === '' ? undefined : Infinity;
  let total = 0;
  for (const part of text.trim().split(/(?<=[a-z])\s*(?=\d)|\s+/)) {
    const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(part);
    const unit = match?.[2] === '' ? 1_000 : unitsMs[match?.[2] ?? ''];
    if (match === null || unit === undefined) return undefined;
    total += Number(match[1]) * unit;
  }
  return total;
}

function broken(file: string, line: number, why: string): UnitError {
  return new UnitError('E_UNIT_FILE', `${file}:${line}: ${why}`, { details: { file, line } });
}
