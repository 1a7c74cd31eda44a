// Unit files as systemd reads them: sections, repeated keys, continuation lines, drop-ins merged
// by file name, an empty assignment that resets a list. Every value keeps its line.
// (systemd.syntax(7))
import { CodedError } from '@corral/kit';

/** A file that is wrong, a unit outside of what the supervisor can do, a start that failed. */
export type UnitErrorCode = 'E_UNIT_FILE' | 'E_UNIT_UNSUPPORTED' | 'E_UNIT_START';

export class UnitError extends CodedError<UnitErrorCode> {}

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
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  let section = '';
  for (let i = 0; i < lines.length; i += 1) {
    const start = i;
    let line = (lines[i] ?? '').trimStart();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    while (continues(line)) {
      // The backslash and the end of line become one blank; comments between are left out.
      line = `${line.slice(0, -1)} `;
      do i += 1;
      while (i < lines.length && /^\s*[#;]/.test(lines[i] ?? ''));
      if (i >= lines.length) break;
      line += (lines[i] ?? '').trimStart();
    }
    line = line.trim();
    const header = /^\[([^\]]+)\]$/.exec(line);
    if (header !== null) {
      section = header[1] ?? '';
      continue;
    }
    if (section === '') throw broken(file, start + 1, 'text before the first section');
    const equals = line.indexOf('=');
    if (equals < 1) throw broken(file, start + 1, `"${line}" is no KEY=VALUE`);
    const key = line.slice(0, equals).trim();
    found.push({ section, key, value: line.slice(equals + 1).trim(), file, line: start + 1 });
  }
  return found;
}

/** An odd number of backslashes at the very end: the last one is not escaped itself. */
function continues(line: string): boolean {
  return (/\\+$/.exec(line)?.[0].length ?? 0) % 2 === 1;
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

const unitsMs: readonly (readonly [RegExp, number])[] = [
  [/^(us|usec)$/, 0.001],
  [/^(ms|msec)$/, 1],
  [/^(|s|sec|second|seconds)$/, 1_000],
  [/^(m|min|minute|minutes)$/, 60_000],
  [/^(h|hr|hour|hours)$/, 3_600_000],
  [/^(d|day|days)$/, 86_400_000],
  [/^(w|week|weeks)$/, 604_800_000],
];

/** A time span in milliseconds: a bare number is seconds, parts add up. (systemd.time(7)) */
export function parseTimeSpan(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === 'infinity') return Infinity;
  if (!/^(\d+(\.\d+)?\s*[a-z]*\s*)+$/.test(trimmed)) return undefined;
  let total = 0;
  for (const [, number, unit = ''] of trimmed.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]*)/g)) {
    const factor = unitsMs.find(([names]) => names.test(unit))?.[1];
    if (factor === undefined) return undefined;
    total += Number(number) * factor;
  }
  return total;
}

function broken(file: string, line: number, why: string): UnitError {
  return new UnitError('E_UNIT_FILE', `${file}:${line}: ${why}`, { details: { file, line } });
}
