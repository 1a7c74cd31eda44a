// What is wrong with a user-data, with its place. Two ways to print it: the original's report lines,
// and a picture of the line for people.
import { CodedError } from '@corral/kit';

export type Severity = 'error' | 'warning' | 'info';

export type Finding = {
  readonly severity: Severity;
  /** Counted from 1; 0 = the whole document. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** What was probably meant. */
  readonly hint: string | undefined;
  /** True for keys that are not known: `corral up` refuses them unless told otherwise. */
  readonly unknownKey: boolean;
};

export type CloudinitErrorCode =
  'E_USER_DATA' | 'E_APPLY' | 'E_NOT_THERE_YET' | 'E_CLOUDINIT_FLAGS';

export class CloudinitError extends CodedError<CloudinitErrorCode> {}

/** The original's form: `line N: KIND: MESSAGE`. */
export function renderReference(finding: Finding): string {
  return `line ${finding.line}: ${finding.severity}: ${finding.message}`;
}

/** File, line and column, the line before and the line itself with a mark below. */
export function renderPretty(finding: Finding, text: string, file: string): string {
  const { line, column, severity, message, hint } = finding;
  const lines = text.split('\n');
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  const out = [`${place}  ${severity}: ${message}`];
  const width = String(line).length;
  for (const number of [line - 1, line]) {
    const source = lines[number - 1];
    if (number < 1 || source === undefined) continue;
    out.push(`  ${String(number).padStart(width)} | ${source}`);
  }
  if (line > 0) {
    const word = /^[^\s:]+/.exec((lines[line - 1] ?? '').slice(column - 1))?.[0] ?? '';
    const mark = '^'.repeat(Math.max(1, word.length));
    const advice = hint === undefined ? '' : ` ${hint}`;
    out.push(`  ${' '.repeat(width)} | ${' '.repeat(column - 1)}${mark}${advice}`);
  }
  return out.join('\n');
}
