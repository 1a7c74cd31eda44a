// What is wrong with a user-data, with its place. Two ways to print it: the original's report
// lines, and a picture of the line for people.
import { CodedError } from '@corral/kit';

export type Severity = 'error' | 'warning' | 'info';

export type Finding = {
  readonly severity: Severity;
  /** Counted from 1; 0 = the whole document. */
  readonly line: number;
  readonly column: number;
  /** The line that the original's report has: found by a search, or counted from 0. */
  readonly referenceLine: number;
  readonly message: string;
  /** What was probably meant. */
  readonly hint: string | undefined;
  /** True for keys that are not known: `corral up` refuses them unless told otherwise. */
  readonly unknownKey: boolean;
};

export type CloudinitErrorCode = 'E_USER_DATA' | 'E_APPLY' | 'E_NOT_THERE_YET';

export class CloudinitError extends CodedError<CloudinitErrorCode> {}

/** The original's form: `line N: KIND: MESSAGE`, with the original's N. */
export function renderReference(finding: Finding): string {
  return `line ${finding.referenceLine}: ${finding.severity}: ${finding.message}`;
}

/** File, line and column, the line before and the line itself with a mark below. */
export function renderPretty(finding: Finding, text: string, file: string): string {
  const { line, column, severity, message, hint } = finding;
  const lines = text.split(/\r?\n/);
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  const out = [`${place}  ${severity}: ${message}`];
  const width = String(line).length;
  for (const number of [line - 1, line]) {
    const source = lines[number - 1];
    if (number < 1 || source === undefined) continue;
    out.push(`  ${String(number).padStart(width)} | ${visible(source)}`.trimEnd());
  }
  if (line > 0) {
    const source = lines[line - 1] ?? '';
    const word = /^[^\s:]+/.exec(source.slice(column - 1))?.[0] ?? '';
    const mark = '^'.repeat(Math.max(1, word.length));
    const advice = hint === undefined ? '' : ` ${hint}`;
    out.push(`  ${' '.repeat(width)} | ${' '.repeat(Math.max(0, column - 1))}${mark}${advice}`);
  }
  return out.join('\n');
}

/** Tabs as one blank, so that the mark stands below its word; no control characters. */
function visible(line: string): string {
  return line.replaceAll('\t', ' ').replace(/\p{Cc}/gu, '?');
}
